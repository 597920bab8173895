// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/value.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace workflows::engine {

/// A number of targets: a count (`2`) or a share (`"20%"`, `"0.5%"`). Shares are kept in thousandths of a
/// percent: no rounding of our own.
struct Portion {
    bool is_share = false;
    std::int64_t amount = 0; ///< the count, or thousandths of a percent

    /// @throws base::Error{Input} without a place: `'0%' is not a portion; write a count such as 2, or a
    /// share such as "20%"`.
    static Portion read(const base::Value& value);
    /// Every target.
    static Portion all() { return {true, 100'000}; }
    base::Value to_value() const;
    std::string str() const;

    std::size_t rounded_up(std::size_t total) const noexcept;   ///< never more than total
    std::size_t rounded_down(std::size_t total) const noexcept; ///< never more than total
    /// "20% of 3 is 0.6, rounded up to 1"; "1 of 3"; "5, but there are only 3".
    std::string explain_up(std::size_t total) const;
    /// "25% of 3 is 0.75, rounded down to 0, but at least 1".
    std::string explain_limit(std::size_t total) const;
    /// At least 1, rounded down: what max_unavailable allows.
    std::size_t limit(std::size_t total) const noexcept;
};

/// A ramp: cumulative portions that grow. `1, "20%", "100%"`; as one text "1,20%,100%" for command lines.
/// @throws base::Error{Input} without a place.
std::vector<Portion> read_ramp(const base::Value& value);
base::Value to_value(const std::vector<Portion>& ramp);

} // namespace workflows::engine
