// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "templates/filters.hpp"

#include "base/fields.hpp"
#include "templates/operations.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace templates {
namespace {

bool is_member_like(std::string_view name) {
    return name.find('.') != std::string_view::npos;
}

std::string unknown(std::string_view kind, std::string_view name, std::vector<std::string> known) {
    if (is_member_like(name))
        return fmt::format("unknown {} '{}'; put brackets around the value to read a member of it", kind,
                           name);
    if (const auto near = base::nearest(name, known))
        return fmt::format("unknown {} '{}'; did you mean '{}'?", kind, name, *near);
    std::sort(known.begin(), known.end());
    return fmt::format("unknown {} '{}'; known are: {}", kind, name, fmt::join(known, ", "));
}

std::array<const std::vector<Filter>*, 4> all_filters() {
    return {&text_filters(), &number_filters(), &list_filters(), &selection_filters()};
}

} // namespace

bool Given::flag(Work& work, std::size_t slot) const {
    const Datum* datum = at(slot);
    return datum != nullptr && truth_of(work, *datum);
}

const Filter* find_filter(std::string_view name) noexcept {
    for (const std::vector<Filter>* filters : all_filters())
        for (const Filter& filter : *filters)
            if (filter.name == name)
                return &filter;
    return nullptr;
}

std::string unknown_filter(std::string_view name) {
    std::vector<std::string> known;
    for (const std::vector<Filter>* filters : all_filters())
        for (const Filter& filter : *filters)
            known.emplace_back(filter.name);
    return unknown("filter", name, std::move(known));
}

} // namespace templates
