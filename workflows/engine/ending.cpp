// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// How a run ends: every target with one word (law 1), the run with one outcome.
#include "workflows/engine/run_state.hpp"
#include "workflows/engine/transitions.hpp"

#include <algorithm>

namespace workflows::engine {
namespace {

std::size_t count_if(const std::vector<Progress>& targets, bool (*condition)(const Progress&)) {
    return static_cast<std::size_t>(std::count_if(targets.begin(), targets.end(), condition));
}

} // namespace

// Whom nothing was brought, and who failed all the same, counts: somebody has to look at it.
bool Run::State::has_of_this_run(const Progress& target) const {
    switch (target.state) {
    case TargetState::Failed:
    case TargetState::RollbackFailed:
    case TargetState::Quarantined:
    case TargetState::Lost:
        return true;
    case TargetState::RolledBack:
        return target.touched && is_rollback();
    default:
        return target.touched;
    }
}

void Run::State::end_by_script() {
    if (end_standby() || catch_up()) {
        return;
    }
    for (Progress& target : targets) {
        if (target.state == TargetState::Stopped) {
            set_state(target, TargetState::Updated, "stopped by this run, left out of rotation");
        }
    }
    // A deployment that only restarted a target has not brought it to its release.
    const auto good =
        static_cast<std::size_t>(std::count_if(targets.begin(), targets.end(), [&](const Progress& target) {
            const bool has_it = is_operation() || target.applied || !target.changed;
            return target.state == TargetState::Unchanged || (target.state == TargetState::Updated && has_it);
        }));
    const std::size_t waiting = count_if(targets, [](const Progress& target) {
        return target.state == TargetState::Ready || target.state == TargetState::NotStarted;
    });
    // What an operation was not about is not left out.
    const std::size_t concerned = targets.size() - (is_operation() ? waiting : 0);
    // Whom a person skips in an operation is as it should be by that person's word; a release is there or
    // not.
    const std::size_t excused =
        is_operation() ? count_if(targets, [](const Progress& target) { return target.excused; }) : 0;
    const std::size_t bad = targets.size() - good - excused - (is_operation() ? waiting : 0);
    if (!TIERCEL_GUARD("nobody-is-no-success", good > 0 || bad == 0)) {
        // Whatever the budget was: the environment is not on this release when no target is.
        settle(Outcome::Stopped, fmt::format("none of {} targets is where it should be", concerned), false);
        return;
    }
    const bool all = good == concerned;
    const std::size_t late = count_if(targets, [](const Progress& target) {
        return target.asked_again && target.state != TargetState::Updated &&
               target.state != TargetState::Unchanged;
    });
    settle(all ? Outcome::Succeeded : Outcome::SucceededWithLeftOut,
           all ? ""
               : fmt::format("{} of {} targets are left out{}", concerned - good, concerned,
                             late == 0 ? "" : fmt::format(", {} of them came late", late)),
           TIERCEL_GUARD("known-good", waiting == 0));
}

// Who was away at preflight and has come since goes the way that the others went, level by level, before the
// run ends.
bool Run::State::catch_up() {
    if (!prepared || (!is_rollback() && !last_update)) {
        return false;
    }
    for (Progress& target : targets) {
        const auto seen = online.find(name(target).node);
        const bool untouched =
            !target.verdict && !target.batched && !target.drained && !target.down && !target.touched;
        const bool came = target.state == TargetState::Unreachable && untouched && !target.asked_again &&
                          seen != online.end() && seen->second;
        if (came) {
            target.asked_again = true;
            set_state(target, TargetState::Preparing);
            ++preparing;
            send(target, OrderKind::Prepare);
        }
    }
    if (preparing == 0) {
        return false;
    }
    note("late targets are prepared", {{"targets", static_cast<std::int64_t>(preparing)}});
    levels_caught_up = 0;
    catching_up = true;
    phase = Phase::CatchingUp;
    return true;
}

void Run::State::advance_catching_up() {
    if (preparing > 0) {
        return;
    }
    const std::size_t levels = input.levels.size();
    for (Progress& target : targets) {
        if (!is_rollback() && target.level < levels_caught_up && target.state == TargetState::Ready) {
            set_state(target, TargetState::NotStarted, "it came late, and the ramp ends before it");
        }
    }
    if (levels_caught_up == levels) {
        catching_up = false;
        is_rollback() ? end_of_rollback() : end_by_script();
        return;
    }
    ActOptions options = is_rollback() ? ActOptions{} : *last_update;
    options.level = is_rollback() ? levels - 1 - levels_caught_up : levels_caught_up;
    ++levels_caught_up;
    // The run's goal is reached without them: one that fails is left out.
    options.failures = FailureBudget::unlimited();
    options.analysis.clear();
    options.hold = false;
    options.standby = {};
    begin_act(std::move(options));
}

void Run::State::end_of_rollback() {
    if (catch_up()) {
        return;
    }
    const std::size_t good = count_if(targets, [](const Progress& target) {
        return target.state == TargetState::RolledBack || target.state == TargetState::Unchanged;
    });
    const bool all = good == targets.size();
    settle(all ? Outcome::Succeeded : Outcome::RollbackFailed,
           all ? "" : fmt::format("{} of {} targets are not back", targets.size() - good, targets.size()),
           all);
}

void Run::State::end_by_stop() {
    const std::size_t failed = count_if(targets, [](const Progress& target) {
        return target.back == Progress::Back::Done && (target.touched || target.drained || target.down) &&
               target.state != TargetState::RolledBack && target.state != TargetState::Cancelled;
    });
    if (failed > 0) {
        conclude(Outcome::RollbackFailed,
                 fmt::format("{}; {} targets did not come back", stopped->reason, failed));
    } else {
        conclude(stopped->outcome, stopped->reason);
    }
}

// The end, once the script has run what it deferred.
void Run::State::conclude(Outcome result, std::string reason) {
    if (deferred == 0 || script_over || is_rollback()) {
        end(result, std::move(reason));
        return;
    }
    outcome = result;
    outcome_reason = std::move(reason);
    if (!stopped) {
        stopped = Stop{Stop::How::Finish, result, outcome_reason};
    }
    phase = Phase::Cleaning;
    tell_to_clean();
}

void Run::State::settle(Outcome result, std::string reason, bool good) {
    phase = Phase::Settling;
    paused.reset(); // there is nobody left to be started
    outcome = result;
    outcome_reason = std::move(reason);
    known_good = good;
    for (Progress& target : targets) {
        if (!is_operation() &&
            (target.state == TargetState::Updated || target.state == TargetState::Unchanged ||
             target.state == TargetState::RolledBack)) {
            send(target, OrderKind::Settle);
        }
    }
}

void Run::State::advance_settling() {
    if (orders.empty()) {
        end(*outcome, outcome_reason);
    }
}

void Run::State::end(Outcome result, std::string reason) {
    for (Progress& target : targets) {
        const bool waits = target.state == TargetState::Preparing || target.state == TargetState::Ready;
        if (result == Outcome::Cancelled && (waits || target.state == TargetState::NotStarted)) {
            set_state(target, TargetState::Cancelled, reason);
        } else if (waits) {
            set_state(target, TargetState::NotStarted);
        } else if (target.state == TargetState::Stopped) {
            set_state(target, TargetState::Failed,
                      "left out of rotation: stopped by this run, which then was stopped itself: " + reason);
        }
    }
    orders.clear();
    timers.clear();
    phase = Phase::Over;
    outcome = result;
    outcome_reason = reason;
    Ended ended{result, std::move(reason), {}, {}, false};
    for (const Progress& target : targets) {
        ended.mixed |= has_of_this_run(target);
        if (target.out()) {
            ended.out.push_back(name(target));
        } else if (target.seen_well) {
            ended.well.push_back(name(target));
        }
    }
    effects.emplace_back(std::move(ended));
}

} // namespace workflows::engine
