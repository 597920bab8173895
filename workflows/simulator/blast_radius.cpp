// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "workflows/simulator/blast_radius.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>

namespace workflows::simulator {

std::optional<Bound> Bound::read(const base::Value& value) {
    if (const std::int64_t* count = value.whole()) {
        return Bound{false, static_cast<double>(*count)};
    }
    if (const std::string* text = value.text(); text != nullptr && !text->empty()) {
        char* end = nullptr;
        const double amount = std::strtod(text->c_str(), &end);
        if (end != text->c_str() && (*end == '\0' || std::string_view(end) == "%")) {
            return Bound{*end == '%', amount};
        }
    }
    return std::nullopt;
}

std::size_t Bound::of(std::size_t total) const noexcept {
    // A hair more, so that 29% of 100 is 29 in doubles, too.
    const double exact = is_share ? amount * static_cast<double>(total) / 100 : amount;
    return std::max<std::size_t>(1, static_cast<std::size_t>(std::floor(exact + 1e-9)));
}

std::size_t Bound::rounded_up(std::size_t total) const noexcept {
    const double exact = is_share ? amount * static_cast<double>(total) / 100 : amount;
    return std::min(total, static_cast<std::size_t>(std::ceil(std::max(0.0, exact - 1e-9))));
}

std::size_t Bound::rounded_down(std::size_t total) const noexcept {
    const double exact = is_share ? amount * static_cast<double>(total) / 100 : amount;
    return static_cast<std::size_t>(std::floor(exact + 1e-9));
}

std::size_t BlastRadius::add(std::string name, Bound bound, bool binds) {
    groups_.push_back({std::move(name), bound, binds});
    return groups_.size() - 1;
}

void BlastRadius::change(const std::vector<std::size_t>& groups, bool out) {
    for (const std::size_t index : groups) {
        out ? ++groups_[index].out : --groups_[index].out;
    }
}

std::optional<std::string> BlastRadius::taken_out(std::size_t index) {
    Group& group = groups_[index];
    group.most_out = std::max(group.most_out, group.out);
    const std::size_t may = group.bound.of(group.members);
    if (!group.binds || group.out <= may) {
        return std::nullopt;
    }
    return fmt::format("{} of {} are out of service, {} may be", group.out, group.name, may);
}

void BlastRadius::lift() {
    for (Group& group : groups_) {
        group.binds = false;
    }
}

} // namespace workflows::simulator
