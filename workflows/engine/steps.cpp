// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// One target: drain, apply, restart, probe, undrain; what its node reports, and what happens when it does
// not.
#include "base/json.hpp"
#include "workflows/engine/deadlines.hpp"
#include "workflows/engine/report_detail.hpp"
#include "workflows/engine/run_state.hpp"
#include "workflows/engine/transitions.hpp"

#include <algorithm>

namespace workflows::engine {
namespace {

bool on_the_way_back(TargetState state) {
    return state == TargetState::UndoDraining || state == TargetState::Undoing ||
           state == TargetState::UndoProbing || state == TargetState::UndoUndraining;
}

base::Value member(const base::Value& value, std::string_view key, base::Value absent) {
    const base::Value* found = value.object() == nullptr ? nullptr : value.object()->find(key);
    return found == nullptr ? std::move(absent) : *found;
}

} // namespace

base::Value Run::State::body(const Progress& target, OrderKind kind) const {
    const base::Value& desired = target.desired->document;
    switch (kind) {
    case OrderKind::Prepare:
        return base::Object{{"desired", desired}, {"plan", false}};
    case OrderKind::Apply:
        return base::Object{{"desired_digest", base::sha256(base::to_json(desired)).str()},
                            {"present", member(target.prepared, "present", nullptr)}};
    case OrderKind::Probe:
        // On the way back the producers are still on the release that is being taken back: only the node's
        // own checks count.
        return base::Object{{"availability", on_the_way_back(target.state)
                                                 ? base::Value(base::Array{})
                                                 : member(desired, "availability", base::Array{})}};
    case OrderKind::Settle:
        return base::Object{{"release", input.release.str()}, {"known_good", known_good}};
    case OrderKind::Drain:
    case OrderKind::Restart:
    case OrderKind::Undrain:
    case OrderKind::Undo:
        break;
    }
    return base::Object{};
}

void Run::State::send(Progress& target, OrderKind kind) {
    const auto given = deadlines.find(kind);
    const base::Time deadline = now + (given == deadlines.end() ? default_deadline(kind) : given->second);
    const std::int64_t order = next_order++;
    target.order = order;
    const auto seen = online.find(name(target).node);
    effects.emplace_back(SendOrder{order, name(target), kind, body(target, kind), deadline});
    const std::int64_t timer = set_timer(OpenTimer::Kind::Deadline, deadline,
                                         fmt::format("'{}' of {}", word(kind), name(target).str()), order);
    orders.emplace(order, OpenOrder{static_cast<std::size_t>(&target - targets.data()), kind, timer, deadline,
                                    seen != online.end() && seen->second});
}

void Run::State::start(Progress& target) {
    if (target.installed) {
        set_state(target, TargetState::Draining);
        set_service(target, true, target.touched, target.proven);
        send(target, OrderKind::Drain);
    } else {
        // Nothing of it serves yet.
        set_state(target, TargetState::Applying);
        set_service(target, false, true, false);
        send(target, OrderKind::Apply);
    }
}

void Run::State::on(const NodeSeen& seen) {
    online.insert_or_assign(seen.node, seen.online);
    if (!seen.online) {
        return;
    }
    for (auto& [id, order] : orders) {
        order.seen |= name(targets[order.target]).node == seen.node;
    }
}

void Run::State::on(const Reported& report) {
    const auto open = orders.find(report.order);
    if (open == orders.end()) {
        note("late report", {{"order", report.order}, {"ok", report.ok}, {"code", report.code}});
        return;
    }
    const OpenOrder order = open->second;
    Progress& target = targets[order.target];
    online.insert_or_assign(name(target).node, true);
    orders.erase(open);
    timers.erase(order.timer);
    target.order.reset();
    if (order.kind == OrderKind::Prepare) {
        prepare_answered(target, report);
    } else if (order.kind == OrderKind::Settle) {
        if (!report.ok) {
            note("release not settled", {{"reason", report.reason}}, &target);
        }
    } else if (!report.ok && report.code == "inconclusive" && order.kind == OrderKind::Probe) {
        hold_for_person(target, report.reason);
    } else if (on_the_way_back(target.state)) {
        report.ok ? back_step_done(target, order.kind, report.detail)
                  : back_step_failed(target, order.kind, report.reason, true);
    } else if (report.ok) {
        step_done(target, order.kind, report.detail);
    } else {
        step_failed(target, order.kind, failure_state(report.code), report.reason);
    }
}

void Run::State::on(const TimerFired& fired) {
    const auto open = timers.find(fired.timer);
    if (open == timers.end()) {
        return;
    }
    const OpenTimer timer = open->second;
    timers.erase(open);
    if (timer.kind == OpenTimer::Kind::Soak) {
        if (phase == Phase::Updating) {
            begin_gate();
        }
        return;
    }
    if (timer.kind == OpenTimer::Kind::ScriptWait) {
        if (phase == Phase::ScriptWaiting) {
            answer(nullptr);
        }
        return;
    }
    const OpenOrder order = orders.at(timer.order);
    orders.erase(timer.order);
    Progress& target = targets[order.target];
    target.order.reset();
    const std::string reason = order.seen ? fmt::format("no answer to '{}' by {}", word(order.kind),
                                                        base::to_rfc3339(order.deadline))
                                          : fmt::format("the node was offline until {}, the deadline of '{}'",
                                                        base::to_rfc3339(order.deadline), word(order.kind));
    if (order.kind == OrderKind::Prepare) {
        prepare_lost(target, order.seen);
    } else if (order.kind == OrderKind::Settle) {
        note("release not settled", {{"reason", reason}}, &target);
    } else if (on_the_way_back(target.state)) {
        back_step_failed(target, order.kind, reason, false);
    } else {
        step_failed(target, order.kind, order.seen ? TargetState::Lost : TargetState::Unreachable, reason);
    }
}

void Run::State::step_done(Progress& target, OrderKind kind, const base::Value& detail) {
    switch (kind) {
    case OrderKind::Drain:
        set_service(target, flag_of(detail, "drained", true), target.touched, target.proven);
        break;
    case OrderKind::Probe:
        set_service(target, target.drained, target.touched, true);
        break;
    case OrderKind::Undrain:
        set_service(target, false, target.touched, target.proven);
        break;
    default:
        break;
    }
    if (target.state == TargetState::Soaking) { // the gate
        set_state(target, is_rollback() ? TargetState::RolledBack : TargetState::Updated);
        return;
    }
    if (target.state == TargetState::Undraining) {
        target.verdict ? end_as_judged(target) : set_state(target, TargetState::Soaking);
        return;
    }
    if (stopped && stopped->halts()) {
        target.halted = true;
        return;
    }
    switch (kind) {
    case OrderKind::Drain:
        set_state(target, TargetState::Applying);
        set_service(target, target.drained, true, false);
        send(target, OrderKind::Apply);
        break;
    case OrderKind::Apply:
        set_state(target, TargetState::Restarting);
        send(target, OrderKind::Restart);
        break;
    case OrderKind::Restart:
        set_state(target, TargetState::Probing);
        send(target, OrderKind::Probe);
        break;
    default:
        if (target.drained) {
            set_state(target, TargetState::Undraining);
            send(target, OrderKind::Undrain);
        } else {
            set_state(target, TargetState::Soaking);
        }
    }
}

void Run::State::step_failed(Progress& target, OrderKind kind, TargetState state, const std::string& reason) {
    if (target.verdict) { // the undrain after a failure
        target.reason += "; left out of rotation: " + reason;
        end_as_judged(target);
        return;
    }
    if (kind == OrderKind::Apply && state == TargetState::Refused) {
        set_service(target, target.drained, false, true); // it says that it did nothing
    }
    if (kind == OrderKind::Probe) {
        set_service(target, target.drained, target.touched, false);
    }
    target.verdict = is_rollback() && state == TargetState::Failed ? TargetState::RollbackFailed : state;
    target.reason = fmt::format("{}: {}", word(kind), reason);
    ++update->failures;
    note("target failed", {{"step", word(kind)}, {"state", word(*target.verdict)}, {"reason", reason}},
         &target);
    if (!stopped && update->failures > update->options.max_failures) {
        const UpdateOptions::OnFailure what = update->options.on_failure;
        stop(what == UpdateOptions::OnFailure::RollbackAll     ? Stop::How::RollbackAll
             : what == UpdateOptions::OnFailure::RollbackBatch ? Stop::How::RollbackBatch
                                                               : Stop::How::Finish,
             what == UpdateOptions::OnFailure::RollbackAll ? Outcome::RolledBack : Outcome::Stopped,
             fmt::format("{} failed, {} may: {}: {}", update->failures, update->options.max_failures,
                         name(target).str(), target.reason));
    }
    if (goes_back(target)) {
        target.halted = true;
        end_as_judged(target); // its way back ends with the undrain
    } else if (kind == OrderKind::Undrain) {
        target.reason += "; left out of rotation";
        end_as_judged(target);
    } else if (target.drained) {
        const std::string kept = target.reason;
        set_state(target, TargetState::Undraining, kept);
        send(target, OrderKind::Undrain);
    } else {
        end_as_judged(target);
    }
}

void Run::State::end_as_judged(Progress& target) {
    const std::string reason = target.reason;
    const TargetState state = *target.verdict;
    set_state(target, state, reason);
}

void Run::State::hold_for_person(Progress& target, const std::string& reason) {
    note("probe inconclusive", {{"reason", reason}}, &target);
    if (stopped && stopped->halts() && !on_the_way_back(target.state)) {
        return; // it is about to go back: no verdict is needed
    }
    target.inconclusive = true;
    paused = fmt::format("the probe of {} could not judge: {}", name(target).str(), reason);
}

} // namespace workflows::engine
