// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/fields.hpp"
#include "base/value.hpp"
#include "workflows/simulator/blast_radius.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace workflows::simulator {

/// A member of a record, or nullptr.
const base::Value* member(const base::Value& value, std::string_view key);
/// The text of a member; empty when there is none.
std::string text(const base::Value& value, std::string_view key);
/// A flag as a careful reader takes it: what is no flag says nothing.
bool flag(const base::Value& value, std::string_view key, bool absent);

/// What a command of the script allows, as written in its arguments, and how much of it is used up. Where a
/// share is of a number that only the engine knows, it is taken of a larger one: an allowance may be too
/// generous, never too strict.
struct Allowance {
    std::string kind; ///< "update", "restart", "stop", "start", "command"; empty: no act yet
    std::size_t level = 0;
    std::string component; ///< command
    std::string command;
    bool once = false;
    Bound parallel{true, 100};
    Bound unavailable;
    std::string zone;            ///< label, or empty
    bool sliding = false;        ///< else in batches
    bool hold = false;           ///< a batch serves again together
    std::string standby_label;   ///< who makes way for it: nodes whose label …
    std::string standby_value;   ///< … has this value
    std::vector<Bound> ramp;     ///< of a sliding window
    bool asks = false;           ///< beyond the budget a person decides
    std::optional<Bound> total;  ///< failures; nothing: any number
    std::optional<Bound> each;   ///< of each component
    std::optional<Bound> domain; ///< of each value of `label`
    std::string label;

    base::Duration settle{};
    base::Duration soak{}; ///< the shortest one
    /// What a batch is measured by.
    struct Metric {
        std::string name;
        std::string source;         ///< of the dispatcher's: "URL PATH", "URL QUERY"
        std::int64_t count = 1;     ///< it is measured at least so often
        std::optional<double> most; ///< one above it is bad; nothing: not for us to judge
    };
    std::vector<Metric> analysis;

    std::size_t failed = 0;
    std::map<std::size_t, std::size_t> failed_in; ///< component's group → failures
    std::map<std::string, std::size_t> failed_of; ///< value of `label` → failures

    static Allowance of(const std::string& kind, const base::Value& arguments);
    /// Why no further target may start: "3 failed, and 2 of 12 may". `targets`: that the act may have at
    /// most.
    std::optional<std::string> exceeded(std::size_t targets) const;
    /// How many may be in flight, when so many of these have passed.
    std::size_t width(std::size_t targets, std::size_t passed) const;
};

/// What people were asked for.
struct Approval {
    std::int64_t sequence;
    bool outage;
    std::int64_t count = 1;
    std::string role;
    std::set<std::string> by; ///< whose yes counts
};

} // namespace workflows::simulator
