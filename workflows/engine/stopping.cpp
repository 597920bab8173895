// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// Stop conditions: who does not start any more, who finishes, who goes back.
#include "workflows/engine/run_state.hpp"
#include "workflows/engine/transitions.hpp"

#include <algorithm>

namespace workflows::engine {

void Run::State::stop_as(OnFailure what, std::string reason) {
    stop(what == OnFailure::RollbackAll     ? Stop::How::RollbackAll
         : what == OnFailure::RollbackBatch ? Stop::How::RollbackBatch
                                            : Stop::How::Finish,
         what == OnFailure::RollbackAll ? Outcome::RolledBack : Outcome::Stopped, std::move(reason));
}

void Run::State::stop(Stop::How how, Outcome result, std::string reason) {
    const bool undoes =
        how == Stop::How::RollbackAll || how == Stop::How::RollbackBatch || how == Stop::How::Cancel;
    if (undoes && !TIERCEL_GUARD("irreversible", point_of_no_return.empty())) {
        // The old release cannot live with what was done: nobody goes back to it, and a person has to know.
        result = how == Stop::How::Cancel ? result : Outcome::NeedsPerson;
        how = Stop::How::Finish;
        reason += "; there is no way back: " + point_of_no_return + " is irreversible and has succeeded";
    }
    note("stop condition", {{"reason", reason}, {"outcome", word(result)}});
    stopped = Stop{how, result, std::move(reason)};
    if (broken) {
        said.ended = ScriptEnded{false, *std::exchange(broken, std::nullopt)};
    }
    if (stopped->halts() || undecided == 0) {
        paused.reset(); // else those under way go on to their end, and one of them needs a person for that
    }
    const bool halts = stopped->halts();
    std::erase_if(timers, [&](const auto& timer) {
        const OpenTimer::Kind kind = timer.second.kind;
        return kind != OpenTimer::Kind::Deadline && (halts || kind != OpenTimer::Kind::Settle);
    });
    if (act) {
        act->asking.reset();
    }
    if (command_act) { // those that run it come to their end
        command_act->queue.clear();
        command_act->asking.reset();
    }
    approval.reset();
    awaited.clear();
    if (!TIERCEL_GUARD("stop-means-stop", false)) {
        phase = Phase::Stopping; // from here on nobody starts
    }
}

bool Run::State::goes_back(const Progress& target) const {
    if (!stopped || !(target.touched || target.drained || target.down)) {
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
        const std::vector<std::size_t>& members = act->batches[act->at].members;
        return std::find(members.begin(), members.end(), place(target)) != members.end();
    }
    }
    return false;
}

void Run::State::advance_stopping() {
    if (!acted) {
        // Nothing but questions can be out: they change nothing, nobody needs to wait for them.
        conclude(stopped->outcome, stopped->reason);
        return;
    }
    if (act && act->held > 0 && !stopped->halts()) {
        release_held(); // they are well, and come to their end
    }
    if (busy > 0) {
        return;
    }
    for (Progress& target : targets) {
        if (is_under_way(target.state) && !target.halted) {
            if (!stopped->halts()) {
                return; // settling, or inconclusive: a person has to say
            }
            target.halted = true;
        }
    }
    undecided = 0;
    command_act.reset();
    for (Progress& target : targets) {
        target.inconclusive = false;
        const bool stays = stopped->how != Stop::How::RollbackAll && stopped->how != Stop::How::RollbackBatch;
        if (target.state == TargetState::Soaking && stays) {
            set_state(target, is_rollback() ? TargetState::RolledBack : TargetState::Updated,
                      "its soak was cut short");
        }
        // Halfway through an outage is between two steps, too.
        target.halted |= target.state == TargetState::Standby ||
                         (target.state == TargetState::Stopped && stopped->halts());
    }
    begin_way_back();
}

} // namespace workflows::engine
