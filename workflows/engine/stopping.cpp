// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// Stop conditions and people's signals. Once stopped, no further target starts (law 2).
#include "workflows/engine/run_state.hpp"
#include "workflows/engine/transitions.hpp"

#include <algorithm>

namespace workflows::engine {

void Run::State::stop(Stop::How how, Outcome result, std::string reason) {
    note("stop condition", {{"reason", reason}, {"outcome", word(result)}});
    stopped = Stop{how, result, std::move(reason)};
    const bool for_person = std::any_of(targets.begin(), targets.end(),
                                        [](const Progress& target) { return target.inconclusive; });
    if (stopped->halts() || !for_person) {
        paused.reset(); // else those under way go on to their end, and one of them needs a person for that
    }
    std::erase_if(timers, [](const auto& timer) { return timer.second.kind != OpenTimer::Kind::Deadline; });
    phase = Phase::Stopping;
}

bool Run::State::goes_back(const Progress& target) const {
    if (!stopped || !(target.touched || target.drained)) {
        return false;
    }
    switch (stopped->how) {
    case Stop::How::Finish:
    case Stop::How::Preempt:
        return false;
    case Stop::How::RollbackAll:
    case Stop::How::Cancel:
        return true;
    case Stop::How::RollbackBatch: {
        const std::vector<std::size_t>& members = batch_members[update->batches[update->at]];
        const auto index = static_cast<std::size_t>(&target - targets.data());
        return std::find(members.begin(), members.end(), index) != members.end();
    }
    }
    return false;
}

void Run::State::advance_stopping() {
    if (!prepared) {
        // Nothing but preparations can be out: they change nothing, nobody needs to wait for them.
        end(stopped->outcome, stopped->reason);
        return;
    }
    for (Progress& target : targets) {
        if (target.order) {
            return;
        }
        if (is_under_way(target.state) && !target.halted) {
            if (!stopped->halts()) {
                return; // inconclusive: a person has to say
            }
            target.halted = true;
            target.inconclusive = false;
        }
    }
    for (Progress& target : targets) {
        target.inconclusive = false;
        const bool stays = stopped->how != Stop::How::RollbackAll && stopped->how != Stop::How::RollbackBatch;
        if (target.state == TargetState::Soaking && stays) {
            set_state(target, is_rollback() ? TargetState::RolledBack : TargetState::Updated,
                      "its soak was cut short");
        }
    }
    begin_way_back();
}

void Run::State::cancel(const std::string& by) {
    if (!stopped) {
        // A rollback that is cancelled does not go forward again: those under way come to their end, the rest
        // stays.
        stop(is_rollback() ? Stop::How::Finish : Stop::How::Cancel, Outcome::Cancelled, "cancelled by " + by);
        if (!is_rollback()) {
            return;
        }
    }
    // The stop goes its way; what waits for a person is given up.
    bool given_up = false;
    for (Progress& target : targets) {
        if (!target.inconclusive) {
            continue;
        }
        given_up = true;
        target.inconclusive = false;
        const std::string reason = "its probe could not judge, and " + by + " cancelled";
        if (target.state == TargetState::UndoProbing) {
            give_up_back(target, reason);
        } else {
            step_failed(target, OrderKind::Probe, TargetState::Failed, reason);
        }
    }
    paused.reset();
    note(given_up ? "given up" : "already stopping", {{"by", by}});
}

void Run::State::resume() {
    paused.reset();
    for (Progress& target : targets) {
        if (target.inconclusive) {
            target.inconclusive = false;
            send(target, OrderKind::Probe);
        }
    }
}

void Run::State::on(const Signalled& signal) {
    const std::string by = signal.reason.empty() ? signal.actor : signal.actor + ": " + signal.reason;
    note("signal", {{"verb", signal.verb}, {"actor", signal.actor}, {"reason", signal.reason}});
    const bool over = phase == Phase::Settling;
    if (signal.verb == "resume") {
        resume();
    } else if (over) {
        note("too late", {{"verb", signal.verb}});
    } else if (signal.verb == "cancel" || (signal.verb == "preempt" && stopped)) {
        cancel(by);
    } else if (signal.verb == "pause" && !stopped) {
        paused = "paused by " + by;
    } else if (signal.verb == "preempt") {
        stop(Stop::How::Preempt, Outcome::Cancelled, "a rollback takes over: " + by);
    } else {
        note("too late", {{"verb", signal.verb}});
    }
}

} // namespace workflows::engine
