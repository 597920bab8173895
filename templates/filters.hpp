// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "templates/work.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace templates {

/// The arguments that a filter was called with.
struct Given {
    std::vector<std::optional<Datum>> slots; ///< one for each parameter
    std::vector<Datum> more;                 ///< by position, of a filter that takes any number of them

    /// nullptr when it was not given.
    const Datum* at(std::size_t slot) const noexcept {
        return slot < slots.size() && slots[slot] ? &*slots[slot] : nullptr;
    }
    /// As `at`, but none counts as not given, too.
    const Datum* some(std::size_t slot) const noexcept {
        const Datum* datum = at(slot);
        return datum == nullptr || datum->is_none() ? nullptr : datum;
    }
    bool flag(Work& work, std::size_t slot) const;
};

/// One filter. All are in Jinja2 with the same parameters and result, but `quote` and `b64encode`, which are
/// Ansible's.
struct Filter {
    using Apply = Datum (*)(Work& work, const Datum& input, const Given& given);
    std::string_view name;
    std::vector<std::string_view> parameters;
    std::size_t required = 0;
    Apply apply = nullptr;
    bool any_number = false; ///< arguments by position go to Given::more; parameters are given by name only
    std::optional<std::size_t> filter_at = std::nullopt; ///< which of `more` names a filter
    std::optional<std::size_t> test_at = std::nullopt;   ///< which of `more` names a test
};

/// One test of `value is test(argument)`. An undefined value is passed on.
struct Test {
    using Apply = bool (*)(Work& work, const Datum& value, const Datum* argument);
    std::string_view name;
    bool takes_argument = false;
    Apply apply = nullptr;
};

const Filter* find_filter(std::string_view name) noexcept;
const Test* find_test(std::string_view name) noexcept;
std::vector<std::string_view> test_names();
/// "unknown filter 'uper'; did you mean 'upper'?", and what there is if nothing is near.
std::string unknown_filter(std::string_view name);
std::string unknown_test(std::string_view name);

// The tables, by what they work on.
const std::vector<Filter>& text_filters();
const std::vector<Filter>& number_filters();
const std::vector<Filter>& list_filters();
const std::vector<Filter>& selection_filters();

} // namespace templates
