// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "workflows/engine/run.hpp"
#include "workflows/engine/script.hpp"

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace workflows::engine {

/// What a run would do: its script run against a model in which everything succeeds, and everybody agrees.
struct Plan {
    base::Digest hash; ///< RunInput::hash
    struct Batch {
        int level;
        std::string arithmetic; ///< "20% of 3 is 0.6, rounded up to 1"
        std::vector<Target> targets;
        std::string zone; ///< the value of the label that the update goes by, or empty
    };
    std::vector<Batch> batches;
    std::vector<ActView> acts; ///< what the script asks for besides: outages, approvals, commands, waits
    std::vector<TargetView> targets; ///< `prepared` as given
    base::Value to_value() const;    ///< differences grouped by equal difference
};

/// `next` is the script: given the answer to the last command (nothing at first) it gives the next step.
/// `prepared` has, for each target, what the node reported to a Prepare order in plan mode (or null when it
/// was not asked or did not answer).
Plan make_plan(const RunInput& input, const std::map<Target, base::Value>& prepared,
               const std::function<Script::Step(const std::optional<Answer>&)>& next, base::Time now);

/// What is wrong with a call of ctx on the way of the script through that model, when nothing is known of the
/// nodes. Errors that the script raises itself are none: with what the nodes say it may not raise them.
std::optional<std::string> misuse_in(const RunInput& input,
                                     const std::function<Script::Step(const std::optional<Answer>&)>& next,
                                     base::Time now);

} // namespace workflows::engine
