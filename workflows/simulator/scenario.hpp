// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "workflows/engine/run.hpp"
#include "workflows/simulator/blast_radius.hpp"
#include "workflows/simulator/faults.hpp"
#include "workflows/simulator/simulation.hpp"
#include "workflows/simulator/timeline.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace workflows::simulator {

/// A workflow by name and text.
struct Workflow {
    std::string name;
    std::string source;
    engine::RunKind kind = engine::RunKind::Deploy; ///< of the runs that it is for
};

/// All that decides what a simulated run does.
struct Scenario {
    engine::RunInput input;
    std::string source; ///< of the workflow; empty for a native rollback
    Faults faults;
    std::uint64_t seed = 1;
    /// Besides `faults`: so many targets of a component, the first ones, fail at a step.
    std::map<base::ComponentName, std::map<engine::OrderKind, int>> fail;
    /// kill -9 of the dispatcher, as in Simulation::Settings.
    std::map<std::int64_t, bool> crashes;
    /// Besides `faults`: what people say, and when.
    std::vector<std::pair<base::Duration, engine::Signalled>> signals;
    /// What a person says whenever the run waits for one; absent: something that fits, by chance.
    std::optional<std::string> person;
};

/// What came of it.
struct Played {
    std::string outcome; ///< its word, or "not ended", or "raised" when the engine did
    std::string reason;
    std::vector<std::string> broken;           ///< laws
    std::map<std::string, std::size_t> counts; ///< of targets, by the word of their state
    base::Duration lasted{};                   ///< virtual
    std::int64_t events = 0;
    std::int64_t orders = 0;
    std::int64_t crashes = 0; ///< of the dispatcher
    std::vector<engine::TargetView> targets;
    std::set<std::string> touched; ///< nodes that were told to do more than to prepare
    BlastRadius blast_radius;
    /// By component: number of the event at which its first target was started, and at which its last one
    /// came to a terminal state.
    std::map<std::string, std::pair<std::int64_t, std::int64_t>> spans;
    std::string story; ///< when it was asked for
};

/// Plays it to its end under the laws. Never throws for what the engine does: that is a broken law.
/// @throws base::Error{Input} for a workflow or parameters that are wrong.
Played play(const Scenario& scenario, Timeline* timeline = nullptr, bool with_story = false);

/// A small fleet, parameters and a profile of faults, all by chance: one seed of a sweep over a workflow. Of
/// the profiles every one comes, "none" and "light" more often than the others.
Scenario random_scenario(const Workflow& workflow, std::uint64_t seed);
/// A native rollback.
Scenario random_rollback(std::uint64_t seed);

} // namespace workflows::simulator
