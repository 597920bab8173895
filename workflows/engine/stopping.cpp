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

// The old release cannot live with what was done: nobody goes back to it, and a person has to know.
bool Run::State::keep_what_was_done(Stop& what) const {
    const bool undoes = what.how == Stop::How::RollbackAll || what.how == Stop::How::RollbackBatch ||
                        what.how == Stop::How::Cancel;
    if (!undoes || TIERCEL_GUARD("irreversible", point_of_no_return.empty())) {
        return false;
    }
    what.outcome = what.how == Stop::How::Cancel ? what.outcome : Outcome::NeedsPerson;
    what.how = Stop::How::Finish;
    what.reason += "; there is no way back: " + point_of_no_return;
    return true;
}

void Run::State::stop(Stop::How how, Outcome result, std::string reason) {
    stopped = Stop{how, result, std::move(reason)};
    if (broken) {
        tell_uncalled(*broken);
        said.ended = ScriptEnded{false, *std::exchange(broken, std::nullopt)};
    }
    keep_what_was_done(*stopped);
    note("stop condition", {{"reason", stopped->reason}, {"outcome", word(stopped->outcome)}});
    if (stopped->halts() || undecided == 0) {
        paused.reset(); // else those under way go on to their end, and one of them needs a person for that
    }
    const bool halts = stopped->halts();
    std::erase_if(timers, [&](const auto& timer) {
        const OpenTimer::Kind kind = timer.second.kind;
        return kind != OpenTimer::Kind::Deadline && (halts || kind != OpenTimer::Kind::Settle);
    });
    awaits_absent = false;
    if (halts) {
        await_absent();
    }
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

// The command was under way when the run stopped: who waited to go back comes to its end instead.
void Run::State::pass_point_of_no_return(const Progress& target, const std::string& command,
                                         std::string_view how) {
    if (!point_of_no_return.empty()) {
        return;
    }
    point_of_no_return =
        fmt::format("command '{}' of {} is irreversible and {}", command, name(target).str(), how);
    note("no way back from here", {{"command", command}}, &target);
    if (phase != Phase::Stopping || !keep_what_was_done(*stopped)) {
        return;
    }
    note("stop condition", {{"reason", stopped->reason}, {"outcome", word(stopped->outcome)}});
    for (Progress& waits : targets) {
        const bool unclear = std::exchange(waits.inconclusive, false);
        undecided -= unclear ? 1 : 0;
        const bool probed = waits.state == TargetState::Probing || waits.state == TargetState::Proving;
        if (std::exchange(waits.halted, false)) {
            if (waits.cut_short) {
                step_failed(waits, step_of(waits.state), TargetState::Failed, *waits.cut_short);
            } else if (!waits.verdict) {
                next_step(waits, step_of(waits.state));
            } else if (waits.drained ||
                       !is_terminal_word(waits.state)) { // else it has said what became of it
                undrain_after_failure(waits);
            }
        } else if (waits.state == TargetState::Proving && !waits.order && !waits.held && !unclear) {
            settle_again(waits);
        } else if (probed && !waits.order && !waits.held) {
            send(waits, OrderKind::Probe);
        }
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
        if (target.state == TargetState::Soaking && (stays || !goes_back(target))) {
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
