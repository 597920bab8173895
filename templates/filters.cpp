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

/// Filters that Jinja2 has and this subset does not.
constexpr std::string_view foreign = " attr batch center e escape filesizeformat forceescape groupby pprint "
                                     "random safe slice striptags title truncate "
                                     "urlencode urlize wordcount wordwrap xmlattr ";

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
    if (name.find('.') != std::string_view::npos)
        return fmt::format("unknown filter '{}'; put brackets around the value to read a member of it", name);
    std::vector<std::string> known;
    for (const std::vector<Filter>* filters : all_filters())
        for (const Filter& filter : *filters)
            known.emplace_back(filter.name);
    std::sort(known.begin(), known.end());
    if (foreign.find(fmt::format(" {} ", name)) != std::string_view::npos)
        return fmt::format("'{}' is a filter of Jinja2 that is not in this subset; known are: {}", name,
                           fmt::join(known, ", "));
    if (const auto near = base::nearest(name, known))
        return fmt::format("unknown filter '{}'; did you mean '{}'?", name, *near);
    return fmt::format("unknown filter '{}'; known are: {}", name, fmt::join(known, ", "));
}

} // namespace templates
