// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/fields.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace workflows::simulator {

/// What goes wrong, and how often. All probabilities are 0 … 1; the table of the profiles is in
/// docs/simulator.md.
struct Faults {
    // Of each step of each target.
    double refuses = 0; ///< the node answers that it failed, that it would not, or that it could not judge
    double silent = 0;  ///< the node does it, but its answer is lost for good
    double slow = 0;    ///< the step takes up to 15 minutes

    // Of each target.
    double unchanged = 0; ///< has nothing to do
    double fresh = 0;     ///< the component is new there: not in service yet
    double twice = 0;     ///< answers each order twice
    double lies = 0;      ///< what it says of itself is nonsense, and it reports orders that nobody sent

    // Of each node, within the first 20 minutes.
    double away = 0;     ///< cannot be reached for up to 20 minutes
    double dead = 0;     ///< goes away for good
    double flaps = 0;    ///< goes away for some seconds, again and again
    double restarts = 0; ///< restarts: away for one to three minutes, then goes on with what it was doing
    double rack_cut = 0; ///< of each rack: all its nodes are away together, for up to 10 minutes

    // Of the network.
    base::Duration latency{};   ///< of each message: from nothing to this
    double late = 0;            ///< of each message: up to 30 s more
    double duplicate_order = 0; ///< of each order: it arrives twice

    // Of the dispatcher.
    double dispatcher_crashes = 0; ///< expected number in a run: before or after an event is journaled
    double script_crashes = 0;     ///< of each command: the process of the script dies while it waits
    double script_deaths = 0;      ///< of each command: within ten minutes it dies, and cannot be kept alive

    // Of people.
    double signals = 0; ///< that somebody pauses, resumes, cancels or preempts in the first 10 minutes
    double harsh = 0;   ///< of each decision: it ends the run or leaves somebody behind
    double absent = 0;  ///< of each run: nobody ever comes
    /// Of each measurement by the dispatcher: it fails, or its number is a bad one. Of each run: all that
    /// nodes measure on the new release is bad.
    double measured_badly = 0;

    /// "none", "light", "rough" or "hostile". @throws base::Error{Input} with the names there are.
    static Faults profile(std::string_view name);
    static const std::vector<std::string>& profiles();
};

} // namespace workflows::simulator
