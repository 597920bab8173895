// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/fields.hpp"
#include "workflows/engine/analysis.hpp"
#include "workflows/engine/batches.hpp"
#include "workflows/engine/failure_budget.hpp"
#include "workflows/engine/run.hpp"

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace workflows::engine {

/// What a workflow may have done to the targets of a level, one target after the other.
enum class Action { Update, Restart, Stop, Start };
std::string_view word(Action action) noexcept; ///< "update", "restart", "stop", "start"

enum class OnFailure { RollbackAll, RollbackBatch, Stop, Ask };

/// Nodes by a label: "color=green".
struct Where {
    std::string label;
    std::string value;

    bool empty() const noexcept { return label.empty(); }
    bool matches(const Desired& target) const;
    std::string str() const { return label + "=" + value; }
};

/// The options of ctx:update, ctx:restart, ctx:stop and ctx:start.
struct ActOptions {
    Action action = Action::Update;
    std::size_t level = 0;
    Where where; ///< only these targets; empty: all
    Cut cut;
    std::vector<base::Duration> soak = {
        base::Duration{}};      ///< of each entry of the ramp; the last one repeats
    base::Duration zone_soak{}; ///< after the last batch of a zone
    base::Duration settle{};    ///< how long a target must stay healthy before it serves again
    FailureBudget failures;
    Portion max_unavailable{true, 25'000};
    OnFailure on_failure = OnFailure::RollbackAll;
    std::map<OrderKind, base::Duration> deadlines;
    std::vector<Metric> analysis; ///< what a batch is judged by while it soaks
    bool hold = false;            ///< nobody of a batch serves again before all of it are well
    Where standby; ///< of the targets that wait to be updated: these leave service when a held batch serves

    base::Duration soak_of(std::size_t entry) const { return soak[std::min(entry, soak.size() - 1)]; }
};

/// The options of ctx:command.
struct CommandOptions {
    std::string name;
    base::ComponentName component;
    bool once = false;
    Portion max_parallel = Portion::all();
    FailureBudget failures;
    OnFailure on_failure = OnFailure::Stop;
    base::Duration deadline{};
    bool irreversible = false;
    bool repeatable = false;
};

/// @throws base::Error{Input} `ctx:update: unknown key 'rampp'; did you mean 'ramp'?` and the like.
ActOptions read_act(Action action, const base::Value& arguments, std::size_t levels);
/// @throws base::Error{Input}, too for a component that the run does not have and a command that no package
/// of the component brings, with the nearest.
CommandOptions read_command(const base::Value& arguments, const RunInput& input);
/// A portion or a ramp; what is wrong with it gets the name of the option.
Portion read_portion(const base::Fields& fields, std::string_view key, const Portion& absent);

} // namespace workflows::engine
