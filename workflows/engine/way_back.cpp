// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// The way back inside a run: whoever was touched gets back what its node held before, highest level first,
// without ramp, but never more at once than max_unavailable allows. Those that are out of service already go
// first: bringing them back can only help.
#include "workflows/engine/report_detail.hpp"
#include "workflows/engine/run_state.hpp"

#include <algorithm>

namespace workflows::engine {

using Back = Progress::Back;

void Run::State::begin_way_back() {
    phase = Phase::GoingBack;
    back_level = input.levels.size();
    std::int64_t count = 0;
    for (Progress& target : targets) {
        const bool all = stopped->how == Stop::How::RollbackAll || stopped->how == Stop::How::RollbackBatch;
        if (target.halted || (all && goes_back(target))) {
            target.back = Back::Pending;
            ++count;
        }
    }
    if (count > 0) {
        note("way back started", {{"targets", count}});
    }
}

void Run::State::advance_way_back() {
    while (back_level > 0) {
        const std::size_t level = back_level - 1;
        std::vector<Progress*> pending;
        std::size_t running = 0;
        std::size_t away = 0; // of these
        bool standby = false; // somebody is not back from it
        for (Progress& target : targets) {
            if (target.level == level && target.back == Back::Pending) {
                pending.push_back(&target);
            }
            running += target.back == Back::Running ? 1 : 0;
            away += target.back == Back::Running && is_away(target) ? 1 : 0;
            standby |= target.level == level && target.standby &&
                       (target.back == Back::Pending || target.back == Back::Running);
        }
        std::stable_partition(pending.begin(), pending.end(),
                              [](const Progress* target) { return target->out(); });
        bool started = false;
        for (Progress* target : pending) {
            if (!TIERCEL_GUARD("standby-first", !standby || target->standby)) {
                continue; // who stood by serves before anybody of the batch is touched
            }
            const bool stays_as_it_is = !target->touched && !target->down; // only comes out of its drain
            if (!target->installed || stays_as_it_is ||
                capacity.room(place(*target)) == Capacity::Room::Yes) {
                target->back = Back::Running;
                start_back(*target);
                started = true;
            }
        }
        if (started) {
            continue; // some may be through at once
        }
        // Whose node is away serves nobody that the levels below could hurt; but it may make room.
        const bool all_present_are_back = running == away && pending.empty();
        if (!TIERCEL_GUARD("reverse-levels", running == 0 || all_present_are_back)) {
            return;
        }
        for (Progress* target : pending) {
            // No one else can make room any more: what works, on the new release, is not taken out of
            // service, too.
            target->back = Back::Done;
            const std::string reason = "not taken back: " + capacity.explain(place(*target));
            note("not taken back", {{"reason", reason}}, target);
            target->reason = reason;
            if (target->state == TargetState::Soaking || target->state == TargetState::Proving) {
                set_state(*target, TargetState::Updated, reason);
            }
        }
        --back_level;
    }
    // Cancels can be out: what a node has ended is told before the run ends. And a person may be asked.
    const bool somebody = std::any_of(targets.begin(), targets.end(),
                                      [](const Progress& target) { return target.back == Back::Running; });
    if (orders.empty() && !somebody) {
        end_by_stop();
    }
}

void Run::State::start_back(Progress& target) {
    const bool in_service = target.installed && !target.out();
    if (stopped->how == Stop::How::Preempt || !(target.touched || target.down)) {
        // Nothing to undo here, or nobody asks for it: only out of the drain.
        if (!target.verdict) {
            target.verdict = target.standby ? TargetState::NotStarted : TargetState::Cancelled;
            target.reason = target.standby ? "serves again with what it held" : stopped->reason;
        }
        if (target.down) {
            target.reason += "; left out of rotation: its services are stopped";
        }
        if (target.drained && is_let_go(target)) {
            target.reason += "; left out of rotation: its node is offline";
            end_back(target);
        } else if (target.drained) {
            const std::string kept = target.reason;
            set_state(target, TargetState::UndoUndraining, kept);
            send(target, OrderKind::Undrain);
        } else {
            end_back(target);
        }
        return;
    }
    if (is_let_go(target)) {
        give_up_back(target, "the node is offline, and a rollback takes over");
        return;
    }
    if (!target.verdict) {
        target.reason = stopped->reason;
    }
    target.verdict.reset();
    if (in_service) {
        const std::string kept = target.reason;
        set_state(target, TargetState::UndoDraining, kept);
        change_service(target, [](Progress& changed) { changed.drained = true; });
        send(target, OrderKind::Drain);
    } else {
        send_back(target);
    }
}

// What was changed is undone; what was only stopped is started.
void Run::State::send_back(Progress& target) {
    const std::string kept = target.reason;
    set_state(target, TargetState::Undoing, kept);
    change_service(target, [](Progress& changed) { changed.proven = false; });
    send(target, target.touched ? OrderKind::Undo : OrderKind::Start);
}

void Run::State::back_step_done(Progress& target, OrderKind kind, const base::Value& detail) {
    const std::string kept = target.reason;
    switch (kind) {
    case OrderKind::Drain:
        change_service(target,
                       [&](Progress& changed) { changed.drained = flag_of(detail, "drained", true); });
        send_back(target);
        return;
    case OrderKind::Undo:
    case OrderKind::Start:
        change_service(target, [](Progress& changed) {
            changed.down = false;
            changed.applied = false;
        });
        if (target.installed) {
            set_state(target, TargetState::UndoProbing, kept);
            send(target, OrderKind::Probe);
            return;
        }
        break; // nothing is left of it that could be probed
    case OrderKind::Probe:
        change_service(target, [](Progress& changed) { changed.proven = true; });
        found_well(target);
        break;
    default:
        change_service(target, [](Progress& changed) { changed.drained = false; });
        end_back(target);
        return;
    }
    if (target.drained) {
        set_state(target, TargetState::UndoUndraining, kept);
        send(target, OrderKind::Undrain);
    } else {
        end_back(target);
    }
}

void Run::State::back_step_failed(Progress& target, OrderKind kind, const std::string& reason,
                                  bool answered) {
    note("way back failed", {{"step", word(kind)}, {"reason", reason}}, &target);
    if (kind == OrderKind::Drain && answered) {
        // What cannot be drained must go back all the same.
        send_back(target);
    } else if (kind == OrderKind::Undrain) {
        target.reason += fmt::format("; left out of rotation: {}", reason);
        if (!target.verdict || *target.verdict == TargetState::Cancelled ||
            *target.verdict == TargetState::NotStarted) {
            target.verdict = TargetState::RollbackFailed;
        }
        end_back(target);
    } else {
        give_up_back(target, fmt::format("{}: {}", word(kind), reason));
    }
}

void Run::State::give_up_back(Progress& target, const std::string& reason) {
    target.verdict = TargetState::RollbackFailed;
    target.reason = target.reason.empty() ? reason : target.reason + "; way back: " + reason;
    if (target.drained && is_let_go(target)) {
        target.reason += "; left out of rotation: its node is offline";
        end_back(target);
    } else if (target.drained) {
        const std::string kept = target.reason;
        set_state(target, TargetState::UndoUndraining, kept);
        send(target, OrderKind::Undrain);
    } else {
        end_back(target);
    }
}

void Run::State::end_back(Progress& target) {
    target.back = Back::Done;
    if (target.down && target.reason.find("left out of rotation") == std::string::npos) {
        target.reason += "; left out of rotation: its services are stopped";
    }
    const std::string kept = target.reason;
    const TargetState state = target.verdict.value_or(TargetState::RolledBack);
    if (target.state == state) {
        return; // failed before anything was changed, and said so already
    }
    set_state(target, state, kept);
}

} // namespace workflows::engine
