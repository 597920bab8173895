// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// What nodes answer, and deadlines without an answer.
#include "workflows/simulator/laws.hpp"

#include <algorithm>
#include <utility>

namespace workflows::simulator {

using namespace engine;

void Laws::see_report(const Reported& report) {
    const auto open = open_.find(report.order);
    if (open == open_.end()) {
        return;
    }
    const Open order = open->second;
    open_.erase(open);
    if (order.timer) {
        deadlines_.erase(*order.timer);
    }
    if (order.kind == OrderKind::Cancel) {
        return;
    }
    order_of_[order.target].reset();
    Known& known = known_[order.target];
    if (!report.ok) {
        known.well_since.reset();
    }
    const bool refused =
        !report.ok && (report.code == "refused" || report.code == "stale" || report.code == "expired");
    switch (order.kind) {
    case OrderKind::Prepare:
        known.installed = !report.ok || flag(report.detail, "installed", true);
        known.changed = !report.ok || flag(report.detail, "changed", true);
        known.ready = report.ok;
        ready_ += report.ok ? 1 : 0;
        said_no_ |= !report.ok && !known.late && report.code != "unreachable" && report.code != "lost";
        if (report.ok && counted_) {
            count(known); // it came late
        }
        return;
    case OrderKind::Drain:
        service(known, [&](Known& one) { one.drained = !report.ok || flag(report.detail, "drained", true); });
        break;
    case OrderKind::Undrain:
        service(known, [&](Known& one) { one.drained &= !report.ok; });
        known.told_to_drain &= !report.ok;
        break;
    case OrderKind::Apply:
        if (refused) { // it says that it did nothing
            service(known, [](Known& one) {
                one.touched = one.applied;
                one.proven = !one.applied;
            });
        } else if (report.ok) {
            barriers(known, [](Known& one) { one.applied = true; });
        }
        break;
    case OrderKind::Restart:
    case OrderKind::Start:
        service(known, [&](Known& one) { one.down &= !report.ok; });
        break;
    case OrderKind::Undo:
        barriers(known, [&](Known& one) { one.applied &= !report.ok; });
        service(known, [&](Known& one) { one.down &= !report.ok; });
        break;
    case OrderKind::Stop:
        service(known, [&](Known& one) { one.down &= !refused; });
        break;
    case OrderKind::Probe:
        see_probe(known, order, report);
        return;
    case OrderKind::Command:
        see_command_report(order, report);
        return;
    case OrderKind::Measure:
        if (const base::Value* value = member(report.detail, "value"); value != nullptr && report.ok) {
            if (const double* number = value->number()) {
                see_value(order.command, *number);
            }
        }
        return;
    default:
        return;
    }
    if (!report.ok) {
        fails(known);
    }
}

void Laws::see_probe(Known& known, const Open& order, const Reported& report) {
    if (report.ok) {
        service(known, [](Known& one) { one.ill = false; });
    }
    if (order.asks_only) {
        return;
    }
    if (!report.ok && report.code == "inconclusive") {
        undecided_ += known.waits_for_person ? 0 : 1;
        known.waits_for_person = true;
        return;
    }
    service(known, [&](Known& one) { one.proven = report.ok; });
    if (std::exchange(known.looked_at, false) && !report.ok && kind_ == RunKind::Deploy && !stopped_) {
        return; // its services are started first
    }
    if (report.ok && known.state == TargetState::Probing) {
        known.well_since = simulation_.now();
    }
    if (!report.ok) {
        fails(known);
    }
}

void Laws::see_command_report(const Open& order, const Reported& report) {
    Known& known = known_[order.target];
    Lane& lane = lanes_[known.component];
    lane.commands_out -= lane.commands_out > 0 ? 1 : 0;
    known.command_was_lost = report.code == "lost";
    const PackagedCommand* command = packaged(known, order.command);
    // One of which nobody knows may have succeeded.
    if (command != nullptr && command->irreversible && (report.ok || known.command_was_lost)) {
        irreversible_ = order.command;
    }
    if (!report.ok) {
        fails(known);
        return;
    }
    const RunInput& input = simulation_.run().input();
    const base::ComponentName& component = input.targets[order.target].target.component;
    once_done_.insert(component.str() + " " + order.command);
    const auto migration = input.migrate.find(component);
    lane.migrated |= migration != input.migrate.end() && migration->second == order.command;
}

void Laws::see_deadline(std::int64_t timer) {
    const auto deadline = deadlines_.find(timer);
    if (deadline == deadlines_.end()) {
        return;
    }
    const std::int64_t order = deadline->second;
    deadlines_.erase(deadline);
    see_unanswered(order);
}

void Laws::see_unanswered(std::int64_t number) {
    const auto open = open_.find(number);
    if (open == open_.end()) {
        return;
    }
    const Open order = open->second;
    open_.erase(open);
    if (order.kind == OrderKind::Cancel) {
        return;
    }
    Known& known = known_[order.target];
    order_of_[order.target].reset();
    known.well_since.reset();
    if (order.kind == OrderKind::Command) {
        known.command_was_lost = true;
        Lane& lane = lanes_[known.component];
        lane.commands_out -= lane.commands_out > 0 ? 1 : 0;
        const std::vector<std::string>& ran = simulation_.behaviours()[order.target].ran;
        const PackagedCommand* command = packaged(known, order.command);
        if (command != nullptr && command->irreversible &&
            std::find(ran.begin(), ran.end(), order.command) != ran.end()) {
            irreversible_ = order.command;
        }
    }
    // A measurement that is not there is no bad one (law 15).
    const bool changes_something = order.kind != OrderKind::Prepare && order.kind != OrderKind::Settle &&
                                   order.kind != OrderKind::Measure && !order.asks_only;
    if (changes_something) {
        fails(known);
    }
}

// A target's first failure on the way forward counts against the budget of the act.
void Laws::fails(Known& known) {
    lanes_[known.component].at_work -= known.at_work ? 1 : 0;
    known.at_work = false;
    const bool of_command = allowed_.kind == "command" && !allowed_.once;
    if ((!known.under_way && !known.in_window && !of_command) || known.back || known.failed || stopped_) {
        return;
    }
    known.failed = true;
    ++allowed_.failed;
    ++allowed_.failed_in[known.component];
    if (!allowed_.label.empty()) {
        ++allowed_.failed_of[label(known, allowed_.label)];
    }
}

} // namespace workflows::simulator
