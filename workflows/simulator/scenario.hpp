// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "workflows/engine/run.hpp"
#include "workflows/simulator/blast_radius.hpp"
#include "workflows/simulator/faults.hpp"
#include "workflows/simulator/history.hpp"
#include "workflows/simulator/simulation.hpp"
#include "workflows/simulator/timeline.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace workflows::simulator {

/// A workflow by name and text.
struct Workflow {
    std::string name;
    std::string source;                             ///< empty for the native way back
    engine::RunKind kind = engine::RunKind::Deploy; ///< of the runs that it is for
};

/// All that decides what a simulated run does.
struct Scenario {
    engine::RunInput input;
    std::string source; ///< of the workflow; empty for a native rollback
    Faults faults;
    std::uint64_t seed = 1;
    /// Besides `faults`: so many of these targets (their places), the first ones, fail at a step.
    struct Failing {
        std::vector<std::size_t> targets;
        engine::OrderKind step;
        int count = 0;
    };
    std::vector<Failing> fail;
    /// kill -9 of the dispatcher, as in Simulation::Settings.
    std::map<std::int64_t, bool> crashes;
    /// Besides `faults`: what people say, and when.
    std::vector<std::pair<base::Duration, engine::Signalled>> signals;
    /// What a person says whenever the run waits for one; absent: something that fits, by chance.
    std::optional<std::string> person;
    /// What somebody lets a run go on with, once, when its script has failed. Empty: nobody does.
    std::string mended = {};
    /// What a target finds in preflight, by its place: "nothing", or what differs, "packages" or "config".
    std::map<std::size_t, std::string> finds = {};
    /// What measurements give. Absent: 1 for both, but for the bad ones of `faults`.
    struct Measures {
        double updated = 1; ///< where the release is
        double peers = 1;   ///< where it is not yet
    };
    std::optional<Measures> measured = std::nullopt;
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
    std::vector<Step> steps; ///< what nodes were told, in order
    BlastRadius blast_radius;
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
