// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/value.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace workflows::simulator {

/// How many may be out of service: a count or a share, as written (`2`, `"25%"`); read here anew, since the
/// engine's own arithmetic is part of what is judged.
struct Bound {
    bool is_share = true;
    double amount = 25; ///< the count, or percent

    /// Nothing when it is no portion.
    static std::optional<Bound> read(const base::Value& value);
    /// Rounded down, at least 1.
    std::size_t of(std::size_t total) const noexcept;
    std::size_t rounded_up(std::size_t total) const noexcept; ///< never more than total
    /// At least 0: for numbers of failures.
    std::size_t rounded_down(std::size_t total) const noexcept;
};

/// Groups of targets with the number of those out of service: a component, or one rack of a component.
/// Constant time for each change.
class BlastRadius {
public:
    struct Group {
        std::string name;
        Bound bound;
        bool binds = true;        ///< false: only counted
        std::size_t members = 0;  ///< that were installed when we came
        std::size_t out = 0;      ///< of these
        std::size_t most_out = 0; ///< ever, when we took one out
    };

    std::size_t add(std::string name, Bound bound, bool binds);
    Group& group(std::size_t index) { return groups_[index]; }
    const std::vector<Group>& groups() const noexcept { return groups_; }
    /// A target of these groups went out of service or came back.
    void change(const std::vector<std::size_t>& groups, bool out);
    /// We have just taken a target of this group out of service: too many, in words.
    std::optional<std::string> taken_out(std::size_t group);
    /// A declared outage: from now on nothing binds.
    void lift();

private:
    std::vector<Group> groups_;
};

} // namespace workflows::simulator
