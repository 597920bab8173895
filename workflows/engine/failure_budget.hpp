// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/fields.hpp"
#include "workflows/engine/run.hpp"

#include <map>
#include <optional>
#include <string>

namespace workflows::engine {

/// How many targets of an act may fail: as `max_failures = 2`, `"10%"`, or
/// `{ total = 5, batch = 1, component = "10%", domain = { label = "rack", max = 1 } }`. A share is of the
/// targets that the act has there, rounded down. As many as allowed may fail; one more stops the run.
class FailureBudget {
public:
    /// Nobody may fail.
    FailureBudget() = default;
    /// `key` of an option record. @throws base::Error{Input} with the call's name and the option.
    static FailureBudget read(const base::Fields& fields, std::string_view key);
    /// 0, or as text parameters of workflows have it: "0", "0%".
    static bool is_none(const base::Value& value) noexcept;
    /// Any number may fail.
    static FailureBudget unlimited();

    /// A target of the act, before it starts: what shares are of.
    void concerns(const Desired& target, std::size_t batch);
    /// Counts a failure.
    void failed(const Desired& target, std::size_t batch);
    /// The budget of this target's that is exceeded, as a sentence: "3 of 12 failed, 2 may".
    std::optional<std::string> exceeded(const Desired& target, std::size_t batch);
    /// A person decided about a failure: it does not count any more.
    void forgiven(const Desired& target, std::size_t batch);

    std::int64_t failures() const noexcept { return total_.failed; }
    base::Value to_value() const; ///< as it was written

private:
    struct Tally {
        std::int64_t concerned = 0;
        std::int64_t failed = 0;
    };
    std::vector<std::pair<Tally*, std::string>> tallies(const Desired& target, std::size_t batch);

    Portion most_total_{false, 0};
    std::optional<Portion> most_batch_;
    std::optional<Portion> most_component_;
    std::string label_;
    std::optional<Portion> most_domain_;
    Tally total_;
    std::map<std::size_t, Tally> batches_;
    std::map<base::ComponentName, Tally> components_;
    std::map<std::string, Tally> domains_;
};

} // namespace workflows::engine
