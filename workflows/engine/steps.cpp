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
        return base::Object{{"availability", is_rollback() || on_the_way_back(target.state)
                                                 ? base::Value(base::Array{})
                                                 : member(desired, "availability", base::Array{})}};
    case OrderKind::Settle:
        return base::Object{{"release", input.release.str()}, {"known_good", known_good}};
    case OrderKind::Command:
        // A migration is part of an update, and no ctx:command is open then.
        return base::Object{
            {"name", command_act ? command_act->options.name : input.migrate.at(name(target).component)}};
    case OrderKind::Restart:
        // An update restarts what has changed; a workflow that restarts means all.
        return base::Object{{"all", act && act->options.action == Action::Restart}};
    case OrderKind::Drain:
    case OrderKind::Undrain:
    case OrderKind::Undo:
    case OrderKind::Stop:
    case OrderKind::Start:
    case OrderKind::Cancel:
    case OrderKind::Measure:
        break;
    }
    return base::Object{};
}

std::int64_t Run::State::send(Progress& target, OrderKind kind, std::optional<base::Value> what) {
    const auto given = deadlines.find(kind);
    base::Time deadline = now + (given == deadlines.end() ? default_deadline(kind) : given->second);
    if (kind == OrderKind::Command && command_act) {
        deadline = now + command_act->options.deadline;
    }
    const std::int64_t order = next_order++;
    target.order = order;
    target.command = kind == OrderKind::Command ? order : target.command;
    ++busy;
    const auto seen = online.find(name(target).node);
    effects.emplace_back(
        SendOrder{order, name(target), kind, what ? *std::move(what) : body(target, kind), deadline});
    const std::int64_t timer = set_timer(OpenTimer::Kind::Deadline, deadline,
                                         fmt::format("'{}' of {}", word(kind), name(target).str()), order);
    orders.emplace(order,
                   OpenOrder{place(target), kind, timer, deadline, seen != online.end() && seen->second});
    return order;
}

// The node ends what it does for that order, if that can be ended. The order is reported all the same.
void Run::State::send_cancel(std::int64_t order, const OpenOrder& open) {
    static const std::set<OrderKind> interruptible = {
        OrderKind::Drain,   OrderKind::Apply, OrderKind::Command, OrderKind::Probe,
        OrderKind::Restart, OrderKind::Start, OrderKind::Stop,    OrderKind::Measure};
    if (!interruptible.contains(open.kind)) {
        return;
    }
    const Progress& target = targets[open.target];
    const base::Time deadline = now + default_deadline(OrderKind::Cancel);
    const std::int64_t id = next_order++;
    effects.emplace_back(
        SendOrder{id, name(target), OrderKind::Cancel, base::Object{{"order", order}}, deadline});
    const std::int64_t timer =
        set_timer(OpenTimer::Kind::Deadline, deadline, fmt::format("'cancel' of {}", name(target).str()), id);
    orders.emplace(id, OpenOrder{open.target, OrderKind::Cancel, timer, deadline, true});
    orders.at(order).cancelled = true;
}

// One step: the state that says so, what it means for the service, the order.
void Run::State::take(Progress& target, OrderKind kind) {
    acted = true;
    set_state(target, state_of(kind));
    change_service(target, [&](Progress& changed) {
        changed.drained |= kind == OrderKind::Drain;
        changed.down |= kind == OrderKind::Stop;
        changed.touched |= kind == OrderKind::Apply;
        changed.proven &= kind != OrderKind::Apply && kind != OrderKind::Restart && kind != OrderKind::Start;
    });
    send(target, kind);
}

void Run::State::start(Progress& target) {
    target.standby = false;
    const bool drains = !TIERCEL_GUARD("drain-first", !target.installed || target.drained || target.down);
    switch (act->options.action) {
    case Action::Update:
        target.applied |= target.looked_at;
        if (target.looked_at && !is_rollback()) {
            // What has left it as it is may have left it drained, too.
            change_service(target, [](Progress& changed) { changed.drained = true; });
            take(target, OrderKind::Probe);
            break;
        }
        // It may have left it stopped, too: a rollback goes through all but the change.
        drains ? take(target, OrderKind::Drain) : bring(target);
        break;
    case Action::Restart:
        take(target, drains ? OrderKind::Drain : OrderKind::Restart);
        break;
    case Action::Stop:
        take(target, drains ? OrderKind::Drain : OrderKind::Stop);
        break;
    case Action::Start:
        // Whoever stopped it, this run or one before it, had drained it first.
        change_service(target, [](Progress& changed) { changed.drained = changed.down = true; });
        take(target, OrderKind::Start);
        break;
    }
}

// Who has the release, and was left stopped by somebody, is only not well because nobody has started it.
bool Run::State::is_to_be_brought_up(const Progress& target) const {
    return target.looked_at && !target.brought_up && target.state == TargetState::Probing && act &&
           act->options.action == Action::Update && !(stopped && stopped->halts());
}

// To the release. Who is tried again may have it already: then what comes after.
void Run::State::bring(Progress& target) {
    target.applied ? next_step(target, OrderKind::Apply) : take(target, OrderKind::Apply);
}

void Run::State::on(const NodeSeen& seen) {
    online.insert_or_assign(seen.node, seen.online);
    if (!seen.online) {
        if (gives_way) {
            let_go();
        } else if ((phase == Phase::Stopping && stopped->halts()) ||
                   (is_rollback() && phase == Phase::Preflight)) {
            await_absent();
        }
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
    if (order.kind == OrderKind::Cancel) {
        note(report.ok ? "ended on the node" : "not ended on the node",
             {{"ended", member(report.detail, "ended", base::Array{})}, {"reason", report.reason}}, &target);
        return;
    }
    target.order.reset();
    --busy;
    if (const base::Value warnings = member(report.detail, "warnings", nullptr); !warnings.is_null()) {
        note("node warns", {{"step", word(order.kind)}, {"warnings", warnings}}, &target);
    }
    if (order.kind == OrderKind::Prepare) {
        prepare_answered(target, report);
    } else if (order.kind == OrderKind::Settle) {
        if (!report.ok) {
            note("release not settled", {{"reason", report.reason}}, &target);
        }
    } else if (order.kind == OrderKind::Measure) {
        target_measured(report.order, target, report);
    } else if (survey && order.kind == OrderKind::Probe) {
        surveyed(target, report);
    } else if (order.kind == OrderKind::Command && command_act) {
        command_answered(target, report.ok, report.code, report.reason, report.detail);
    } else if (!TIERCEL_GUARD("errors-are-not-verdicts",
                              report.ok || report.code != "inconclusive" || order.kind != OrderKind::Probe)) {
        hold_for_person(target, report.reason);
    } else if (report.code == "cancelled" && stopped && stopped->halts() &&
               order.kind != OrderKind::Command && !on_the_way_back(target.state) && !target.verdict) {
        note("step ended", {{"step", word(order.kind)}, {"reason", report.reason}}, &target);
        target.halted = target.state != TargetState::Soaking; // at the gate it was through all but that
        target.cut_short = report.reason;
    } else if (on_the_way_back(target.state)) {
        report.ok ? back_step_done(target, order.kind, report.detail)
                  : back_step_failed(target, order.kind, report.reason, true);
    } else if (report.ok) {
        step_done(target, order.kind, report.detail);
    } else if (is_to_be_brought_up(target)) {
        note("looked at, and brought up", {{"reason", report.reason}}, &target);
        target.brought_up = true;
        take(target, OrderKind::Restart);
    } else {
        if (order.kind == OrderKind::Command) {
            tell_command_failed(target, input.migrate.at(name(target).component), failure_state(report.code),
                                report.reason, report.detail);
        }
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
    switch (timer.kind) {
    case OpenTimer::Kind::Deadline:
        deadline_passed(timer.subject);
        break;
    case OpenTimer::Kind::Soak:
        if (phase == Phase::Acting) {
            act->soaked = true;
        }
        break;
    case OpenTimer::Kind::TargetSoak:
    case OpenTimer::Kind::Settle: {
        Progress& target = targets[static_cast<std::size_t>(timer.subject)];
        const TargetState waits =
            timer.kind == OpenTimer::Kind::Settle ? TargetState::Proving : TargetState::Soaking;
        if (target.state == waits && !target.order) {
            send(target, OrderKind::Probe);
        }
        break;
    }
    case OpenTimer::Kind::ScriptWait:
        if (phase == Phase::ScriptWaiting) {
            answer(nullptr);
        }
        break;
    case OpenTimer::Kind::Approval:
        if (approval) {
            end_approval(false, fmt::format("nobody approved by {}", base::to_rfc3339(timer.at)));
        }
        break;
    case OpenTimer::Kind::Await:
        if (phase == Phase::ScriptWaiting && !awaited.empty()) {
            awaited.clear();
            answer(base::Object{{"received", false}, {"by", ""}, {"value", nullptr}});
        }
        break;
    case OpenTimer::Kind::Patience:
        lose_patience(timer.at);
        break;
    case OpenTimer::Kind::Absent:
        leave_absent();
        break;
    case OpenTimer::Kind::MeasureDue:
        measure(static_cast<std::size_t>(timer.subject));
        break;
    case OpenTimer::Kind::MeasureDeadline:
        if (measurements.contains(timer.subject)) {
            end_measurement(timer.subject, {false, std::nullopt, std::nullopt,
                                            "no answer by " + base::to_rfc3339(timer.at)});
        }
        break;
    }
}

void Run::State::deadline_passed(std::int64_t id) {
    const OpenOrder& order = orders.at(id);
    unanswered(id, order.seen ? fmt::format("no answer to '{}' by {}", word(order.kind),
                                            base::to_rfc3339(order.deadline))
                              : fmt::format("the node was offline until {}, the deadline of '{}'",
                                            base::to_rfc3339(order.deadline), word(order.kind)));
}

// Nobody waits for its answer any more.
void Run::State::unanswered(std::int64_t id, const std::string& reason) {
    const OpenOrder order = orders.at(id);
    orders.erase(id);
    Progress& target = targets[order.target];
    if (order.kind == OrderKind::Cancel) {
        note("not ended on the node", {{"reason", reason}}, &target);
        return;
    }
    target.order.reset();
    --busy;
    const TargetState state = order.seen ? TargetState::Lost : TargetState::Unreachable;
    if (order.kind == OrderKind::Prepare) {
        prepare_lost(target, order.seen);
    } else if (order.kind == OrderKind::Settle) {
        note("release not settled", {{"reason", reason}}, &target);
    } else if (order.kind == OrderKind::Measure) {
        target_measured(id, target, Reported{id, false, "inconclusive", reason, nullptr});
    } else if (survey && order.kind == OrderKind::Probe) {
        surveyed(target, Reported{id, false, "inconclusive", reason, nullptr});
    } else if (order.kind == OrderKind::Command && command_act) {
        command_answered(target, false, std::string(word(state)), reason, nullptr);
    } else if (on_the_way_back(target.state)) {
        back_step_failed(target, order.kind, reason, false);
    } else {
        if (order.kind == OrderKind::Command) {
            tell_command_failed(target, input.migrate.at(name(target).component), state, reason, nullptr);
        }
        step_failed(target, order.kind, state, reason);
    }
}

void Run::State::step_done(Progress& target, OrderKind kind, const base::Value& detail) {
    change_service(target, [&](Progress& changed) {
        switch (kind) {
        case OrderKind::Drain:
            changed.drained = flag_of(detail, "drained", true);
            break;
        case OrderKind::Undrain:
            changed.drained = false;
            break;
        case OrderKind::Apply:
            changed.applied = true;
            break;
        case OrderKind::Restart:
        case OrderKind::Start:
            changed.down = false;
            break;
        case OrderKind::Probe:
            changed.proven = true;
            break;
        default:
            break;
        }
    });
    if (kind == OrderKind::Probe) {
        found_well(target);
    }
    if (kind == OrderKind::Command) {
        command_succeeded(target, input.migrate.at(name(target).component), detail);
        target.migrates = false;
    }
    if (target.state == TargetState::Soaking) { // the gate
        set_state(target, is_rollback() ? TargetState::RolledBack : TargetState::Updated);
        return;
    }
    if (target.state == TargetState::Undraining) {
        target.verdict ? end_as_judged(target) : serves_again(target);
        return;
    }
    if (stopped && stopped->halts()) {
        target.halted = true;
        return;
    }
    next_step(target, kind);
}

void Run::State::found_well(Progress& target) {
    target.seen_well = true;
    capacity.healed(place(target));
}

void Run::State::next_step(Progress& target, OrderKind kind) {
    const Action action = act->options.action;
    switch (kind) {
    case OrderKind::Drain:
        if (target.standby) {
            set_state(target, TargetState::Standby);
            break;
        }
        action == Action::Update
            ? bring(target)
            : take(target, action == Action::Stop ? OrderKind::Stop : OrderKind::Restart);
        break;
    case OrderKind::Apply:
        if (target.migrates) {
            take(target, OrderKind::Command);
            break;
        }
        [[fallthrough]];
    case OrderKind::Command:
        // What was stopped before stays so until the workflow starts it.
        target.down ? set_state(target, TargetState::Stopped) : take(target, OrderKind::Restart);
        break;
    case OrderKind::Stop:
        set_state(target, TargetState::Stopped);
        break;
    case OrderKind::Restart:
    case OrderKind::Start:
        take(target, OrderKind::Probe);
        break;
    default:
        if (target.state == TargetState::Probing &&
            !TIERCEL_GUARD("settle", act->options.settle == base::Duration::zero())) {
            set_state(target, TargetState::Proving);
            settle_again(target);
        } else if (!TIERCEL_GUARD("held-together", !act->options.hold)) {
            hold(target);
        } else {
            come_back(target);
        }
    }
}

void Run::State::settle_again(Progress& target) {
    set_timer(
        OpenTimer::Kind::Settle, now + act->options.settle,
        fmt::format("{} must stay healthy for {}", name(target).str(), base::to_text(act->options.settle)),
        static_cast<std::int64_t>(place(target)));
}

// Into service, which it may not have left.
void Run::State::come_back(Progress& target) {
    if (target.drained) {
        take(target, OrderKind::Undrain);
    } else {
        serves_again(target);
    }
}

void Run::State::serves_again(Progress& target) {
    set_state(target, TargetState::Soaking);
    if (act->options.action != Action::Update) {
        set_state(target, TargetState::Updated);
        return;
    }
    if (!act->options.cut.sliding || stopped) {
        return; // the batch soaks together
    }
    const base::Duration soak = act->options.soak_of(0);
    if (!TIERCEL_GUARD("soak-in-a-window", soak == base::Duration::zero())) {
        set_timer(OpenTimer::Kind::TargetSoak, now + soak,
                  fmt::format("{} soaks {}", name(target).str(), base::to_text(soak)),
                  static_cast<std::int64_t>(place(target)));
    } else {
        send(target, OrderKind::Probe);
    }
}

void Run::State::step_failed(Progress& target, OrderKind kind, TargetState state, const std::string& reason) {
    if (target.verdict) { // the undrain after a failure, or from standby
        target.verdict = target.verdict == TargetState::NotStarted ? state : *target.verdict;
        target.reason += "; left out of rotation: " + reason;
        end_as_judged(target);
        return;
    }
    change_service(target, [&](Progress& changed) {
        if (kind == OrderKind::Apply && state == TargetState::Refused) { // it says that it did nothing
            changed.touched = changed.applied;
            changed.proven = !changed.applied;
        } else if (kind == OrderKind::Probe) {
            changed.proven = false;
        } else if (kind == OrderKind::Stop && state == TargetState::Refused) {
            changed.down = false;
        }
    });
    target.verdict = is_rollback() && state == TargetState::Failed ? TargetState::RollbackFailed : state;
    target.reason = fmt::format("{}{}: {}", target.circumstance(), word(kind), reason);
    note("target failed", {{"step", word(kind)}, {"state", word(*target.verdict)}, {"reason", reason}},
         &target);
    failed_in_act(target);
    if (target.migrates) {
        migration_failed(target, kind, state);
    }
    if (goes_back(target)) {
        target.halted = true;
        end_as_judged(target); // its way back ends with the undrain
    } else if (kind == OrderKind::Undrain || (is_let_go(target) && target.drained)) {
        target.reason += "; left out of rotation";
        end_as_judged(target);
    } else if (kind == OrderKind::Start) {
        // What could not be started is not put back into service (law 5: it is said).
        end_as_judged(target);
    } else {
        undrain_after_failure(target);
    }
}

void Run::State::undrain_after_failure(Progress& target) {
    if (TIERCEL_GUARD("finally-undrain", !target.drained)) {
        end_as_judged(target);
    } else {
        const std::string kept = target.reason;
        set_state(target, TargetState::Undraining, kept);
        send(target, OrderKind::Undrain);
    }
}

void Run::State::end_as_judged(Progress& target) {
    const bool left = target.down && !target.halted; // else its way back begins, and starts them
    const std::string reason =
        target.reason + (left ? "; left out of rotation: its services are stopped" : "");
    const TargetState state = *target.verdict;
    set_state(target, state, reason);
}

void Run::State::hold_for_person(Progress& target, const std::string& reason) {
    note("probe inconclusive", {{"reason", reason}}, &target);
    if (stopped && stopped->halts() && !on_the_way_back(target.state)) {
        return; // it is about to go back: no verdict is needed
    }
    target.inconclusive = true;
    ++undecided;
    paused = fmt::format("the probe of {} could not judge: {}", name(target).str(), reason);
}

} // namespace workflows::engine
