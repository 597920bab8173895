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
        for (Progress& target : targets) {
            if (target.level == level && target.back == Back::Pending) {
                pending.push_back(&target);
            }
            running += target.back == Back::Running ? 1 : 0;
        }
        std::stable_partition(pending.begin(), pending.end(),
                              [](const Progress* target) { return target->out(); });
        bool started = false;
        for (Progress* target : pending) {
            const Availability& counts = availability[name(*target).component];
            if (!target->installed || target->out() || counts.out < counts.limit()) {
                target->back = Back::Running;
                start_back(*target);
                started = true;
            }
        }
        if (started) {
            continue; // some may be through at once
        }
        if (running > 0) {
            return;
        }
        for (Progress* target : pending) {
            // No one else can make room any more: what works, on the new release, is not taken out of
            // service, too.
            target->back = Back::Done;
            const std::string reason = fmt::format(
                "not taken back: max_unavailable of component '{}' is used up", name(*target).component);
            note("not taken back", {{"reason", reason}}, target);
            target->reason = reason;
            if (target->state == TargetState::Soaking) {
                set_state(*target, TargetState::Updated, reason);
            }
        }
        --back_level;
    }
    end_by_stop();
}

void Run::State::start_back(Progress& target) {
    const bool in_service = target.installed && !target.out();
    if (stopped->how == Stop::How::Preempt || !target.touched) {
        // Nothing to undo here, or nobody asks for it: only out of the drain.
        if (!target.verdict) {
            target.verdict = TargetState::Cancelled;
            target.reason = stopped->reason;
        }
        if (target.drained) {
            const std::string kept = target.reason;
            set_state(target, TargetState::UndoUndraining, kept);
            send(target, OrderKind::Undrain);
        } else {
            end_back(target);
        }
        return;
    }
    if (!target.verdict) {
        target.reason = stopped->reason;
    }
    target.verdict.reset();
    const std::string kept = target.reason;
    if (in_service) {
        set_state(target, TargetState::UndoDraining, kept);
        set_service(target, true, target.touched, target.proven);
        send(target, OrderKind::Drain);
    } else {
        set_state(target, TargetState::Undoing, kept);
        set_service(target, target.drained, true, false);
        send(target, OrderKind::Undo);
    }
}

void Run::State::back_step_done(Progress& target, OrderKind kind, const base::Value& detail) {
    const std::string kept = target.reason;
    switch (kind) {
    case OrderKind::Drain:
        set_service(target, flag_of(detail, "drained", true), target.touched, target.proven);
        set_state(target, TargetState::Undoing, kept);
        set_service(target, target.drained, true, false);
        send(target, OrderKind::Undo);
        return;
    case OrderKind::Undo:
        if (target.installed) {
            set_state(target, TargetState::UndoProbing, kept);
            send(target, OrderKind::Probe);
            return;
        }
        break; // nothing is left of it that could be probed
    case OrderKind::Probe:
        set_service(target, target.drained, target.touched, true);
        break;
    default:
        set_service(target, false, target.touched, target.proven);
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
        const std::string kept = target.reason;
        set_state(target, TargetState::Undoing, kept);
        set_service(target, target.drained, true, false);
        send(target, OrderKind::Undo);
    } else if (kind == OrderKind::Undrain) {
        target.reason += fmt::format("; left out of rotation: {}", reason);
        if (!target.verdict || *target.verdict == TargetState::Cancelled) {
            target.verdict = TargetState::RollbackFailed;
        }
        end_back(target);
    } else {
        give_up_back(target, fmt::format("{}: {}", kind == OrderKind::Undo ? "undo" : word(kind), reason));
    }
}

void Run::State::give_up_back(Progress& target, const std::string& reason) {
    target.verdict = TargetState::RollbackFailed;
    target.reason = target.reason.empty() ? reason : target.reason + "; way back: " + reason;
    if (target.drained) {
        const std::string kept = target.reason;
        set_state(target, TargetState::UndoUndraining, kept);
        send(target, OrderKind::Undrain);
    } else {
        end_back(target);
    }
}

void Run::State::end_back(Progress& target) {
    target.back = Back::Done;
    const std::string kept = target.reason;
    const TargetState state = target.verdict.value_or(TargetState::RolledBack);
    if (target.state == state) {
        return; // failed before anything was changed, and said so already
    }
    set_state(target, state, kept);
}

} // namespace workflows::engine
