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

void Run::State::end_by_script() {
    const std::size_t good = count_if(targets, [](const Progress& target) {
        return target.state == TargetState::Updated || target.state == TargetState::Unchanged;
    });
    const std::size_t waiting = count_if(targets, [](const Progress& target) {
        return target.state == TargetState::Ready || target.state == TargetState::NotStarted;
    });
    const bool all = good == targets.size();
    settle(all ? Outcome::Succeeded : Outcome::SucceededWithLeftOut,
           all ? "" : fmt::format("{} of {} targets are left out", targets.size() - good, targets.size()),
           waiting == 0);
}

void Run::State::end_of_rollback() {
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
        return target.back == Progress::Back::Done && (target.touched || target.drained) &&
               target.state != TargetState::RolledBack && target.state != TargetState::Cancelled;
    });
    if (failed > 0) {
        end(Outcome::RollbackFailed,
            fmt::format("{}; {} targets did not come back", stopped->reason, failed));
    } else {
        end(stopped->outcome, stopped->reason);
    }
}

// Best effort: a node that does not hear it keeps more than it needs to.
void Run::State::settle(Outcome result, std::string reason, bool good) {
    phase = Phase::Settling;
    outcome = result;
    outcome_reason = std::move(reason);
    known_good = good;
    for (Progress& target : targets) {
        if (target.state == TargetState::Updated || target.state == TargetState::Unchanged ||
            target.state == TargetState::RolledBack) {
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
        if (result == Outcome::Cancelled &&
            (target.state == TargetState::NotStarted || target.state == TargetState::Preparing ||
             target.state == TargetState::Ready)) {
            set_state(target, TargetState::Cancelled, reason);
        } else if (target.state == TargetState::Preparing || target.state == TargetState::Ready) {
            set_state(target, TargetState::NotStarted);
        }
    }
    orders.clear();
    timers.clear();
    phase = Phase::Over;
    outcome = result;
    outcome_reason = reason;
    effects.emplace_back(Ended{result, std::move(reason)});
}

} // namespace workflows::engine
