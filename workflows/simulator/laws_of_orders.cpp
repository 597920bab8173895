// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// What goes out: nothing is ordered that a law forbids.
#include "workflows/simulator/laws.hpp"

#include <algorithm>
#include <utility>

namespace workflows::simulator {

using namespace engine;

namespace {

bool is_step(OrderKind kind) {
    return kind == OrderKind::Drain || kind == OrderKind::Apply || kind == OrderKind::Restart ||
           kind == OrderKind::Stop || kind == OrderKind::Start;
}

} // namespace

void Laws::see_order(const SendOrder& order, std::optional<std::int64_t> timer) {
    if (!ids_.insert(order.order).second) {
        break_law("law 6", fmt::format("the id {} of an order was used twice", order.order));
    }
    const std::size_t at = simulation_.place(order.target);
    Known& known = known_[at];
    const base::Value* command = member(order.body, "name");
    open_.emplace(order.order,
                  Open{at, order.kind, timer,
                       command == nullptr || command->text() == nullptr ? "" : *command->text(),
                       order.kind == OrderKind::Probe && allowed_.kind == "probe" && !known.back});
    if (timer) {
        deadlines_.emplace(*timer, order.order);
    }
    if (order.kind == OrderKind::Cancel) {
        return; // about another order, which is still out
    }
    if (order_of_[at]) {
        open_.erase(*order_of_[at]); // given up: a newer order to the same target shows it
    }
    order_of_[at] = order.order;
    known.late |= order.kind == OrderKind::Prepare && known.answered;
    see_change_in_rotation(known, order);
    see_known_good(order);
    const bool was_out = known.out();
    // Who has nothing to change, and was out of service before, is only looked at.
    const bool is_look =
        order.kind == OrderKind::Probe && known.state == TargetState::Probing && allowed_.kind == "update";
    if (known.back) {
        see_way_back(known, order);
    } else if (order.kind == OrderKind::Command) {
        see_command_order(known, order);
    } else if ((is_step(order.kind) || is_look) && !known.under_way) {
        order.kind == OrderKind::Drain&& makes_way(known) ? see_standby(known, order)
                                                          : see_start(known, order);
    } else if (order.kind == OrderKind::Undrain) {
        see_undrain(known, order);
    }
    carry_out(known, order.kind);
    // A gate may find more of them ill than that: what counts is what we take out.
    if (was_out || !known.out()) {
        return;
    }
    std::vector<std::size_t> groups = {known.component};
    if (!known.ill) {
        groups.insert(groups.end(), known.policies.begin(), known.policies.end());
    }
    for (const std::size_t group : groups) {
        if (const std::optional<std::string> how = radius_.taken_out(group)) {
            break_law("law 4", order.target.str() + " is taken out of service: " + *how);
        }
    }
}

void Laws::carry_out(Known& known, OrderKind kind) {
    service(known, [&](Known& one) {
        switch (kind) {
        case OrderKind::Drain:
            one.drained = one.told_to_drain = true;
            break;
        case OrderKind::Stop:
            one.down = true;
            break;
        case OrderKind::Apply:
            one.touched = true;
            one.proven = false;
            one.well_since.reset();
            break;
        case OrderKind::Undo:
            one.undone = true;
            one.proven = false;
            break;
        case OrderKind::Restart:
        case OrderKind::Start:
            one.proven = false;
            one.well_since.reset();
            break;
        default:
            break;
        }
    });
}

// The first step of an act for one target.
void Laws::see_start(Known& known, const SendOrder& order) {
    const std::string who = order.target.str();
    count_members();
    stand_by(known, false);
    Lane& lane = lanes_[known.component];
    if (stopped_) {
        break_law("law 2", who + " was started after the stop");
    }
    if (cancelled_) {
        break_law("law 2", who + " was started after somebody cancelled");
    }
    if (paused_) {
        break_law("law 2", who + " was started in a pause");
    }
    if (script_failed_ && !stopped_) {
        break_law("law 2", who + " was started while the script that failed waits for a person");
    }
    if (undecided_ > 0) {
        break_law("law 15", who + " was started while a probe that could not judge waits for a person");
    }
    std::size_t targets = 0;
    for (const base::ComponentName& component : simulation_.run().input().levels[known.level]) {
        targets += lanes_[components_.at(component)].targets;
    }
    if (const std::optional<std::string> how = allowed_.exceeded(targets);
        how && kind_ != RunKind::Rollback) {
        break_law("law 2", fmt::format("{} was started after {}", who, *how));
    }
    if (order.kind == OrderKind::Start) {
        for (std::size_t level = 0; level < known.level; ++level) {
            if (stopped_targets_[level] > 0) {
                break_law("law 3",
                          fmt::format("{} was started while targets of level {} are stopped", who, level));
            }
        }
    }
    if (allowed_.kind == "update" || kind_ == RunKind::Rollback) {
        see_update_start(known, who);
    }
    // Who is only looked at has the release already, and need not wait for a migration.
    known.at_work = order.kind != OrderKind::Probe;
    known.looked_at = order.kind == OrderKind::Probe;
    known.under_way = known.in_window = true;
    lane.at_work += known.at_work ? 1 : 0;
    ++lane.in_window;
}

void Laws::see_update_start(Known& known, const std::string& who) {
    const bool is_rollback = kind_ == RunKind::Rollback;
    if (not_answered_ > 0) {
        break_law("law 8", fmt::format("{} is touched before {} others have answered", who, not_answered_));
    }
    const std::size_t needed = is_rollback ? 1 : quorum_.rounded_up(known_.size());
    if (ready_ < needed || (is_rollback && said_no_)) {
        break_law("law 8", fmt::format("{} is touched, and {} of {} targets are ready{}", who, ready_,
                                       known_.size(), said_no_ ? ", and some said no" : ""));
    }
    for (std::size_t level = 0; level < not_through_.size(); ++level) {
        const bool before = is_rollback ? level > known.level : level < known.level;
        if (before && not_through_[level] > 0) {
            break_law("law 3", fmt::format("{} was started before {} targets of level {} were through", who,
                                           not_through_[level], level));
        }
    }
    const RunInput& input = simulation_.run().input();
    Lane& lane = lanes_[known.component];
    const bool migrates = input.migrate.contains(input.targets[place(known)].target.component);
    if (migrates && !is_rollback && !lane.migrated && lane.at_work > 0) {
        break_law("migration", who + " was started before its component's migration had succeeded");
    }
    if (allowed_.sliding && lane.in_window >= allowed_.width(lane.in_batch, lane.passed)) {
        break_law("window", fmt::format("{} was started with {} in flight, in a window of {}", who,
                                        lane.in_window, allowed_.width(lane.in_batch, lane.passed)));
    }
    // Whom a person has tried again goes with the zone that is under way.
    if (!allowed_.zone.empty() && !decided_) {
        const std::string zone = label(known, allowed_.zone);
        for (const auto& [other, count] : zones_under_way_) {
            if (other != zone && count > 0) {
                break_law("zone", fmt::format("{} in {} was started while {} targets of {} were under way",
                                              who, zone, count, other));
            }
        }
        ++zones_under_way_[zone];
    }
}

// One that failed is put back into service whatever becomes of the others.
void Laws::see_undrain(const Known& known, const SendOrder& order) {
    if (!allowed_.hold || stopped_ || script_over_ || known.failed || !known.at_work) {
        return;
    }
    for (const Known& other : known_) {
        if (other.level == known.level && other.at_work && !(other.applied && other.proven)) {
            break_law("hold",
                      fmt::format("{} serves again before {}, of its batch, is well", order.target.str(),
                                  simulation_.run().input().targets[place(other)].target.str()));
            return;
        }
    }
}

void Laws::stand_by(Known& known, bool stands_by) {
    standing_by_[known.level] += stands_by && !known.stands_by ? 1 : 0;
    standing_by_[known.level] -= !stands_by && known.stands_by ? 1 : 0;
    known.stands_by = stands_by;
}

bool Laws::makes_way(const Known& known) const {
    return allowed_.kind == "update" && !allowed_.standby_label.empty() && known.level == allowed_.level &&
           !known.in_batch && label(known, allowed_.standby_label) == allowed_.standby_value;
}

// Out of service with what it holds, once the batch serves as a whole: never both halves at once.
void Laws::see_standby(Known& known, const SendOrder& order) {
    const std::string who = order.target.str();
    if (stopped_ || cancelled_) {
        break_law("law 2", who + " was taken out of service after the stop");
    }
    if (paused_) {
        break_law("law 2", who + " was taken out of service in a pause");
    }
    bool succeeded = false;
    for (const Known& other : known_) {
        const bool well = other.state == TargetState::Updated || !is_terminal_word(other.state);
        const bool counts = other.in_batch && other.level == known.level && !other.failed && well;
        succeeded |= counts && other.component == known.component;
        // One that had the release already was only looked at.
        if (counts && (other.out() || (other.changed && !other.applied))) {
            break_law("standby",
                      fmt::format("{} makes way before {}, of the batch that takes over, serves", who,
                                  simulation_.run().input().targets[place(other)].target.str()));
            break;
        }
    }
    if (!succeeded) {
        break_law("standby", who + " makes way, and nobody of its component has taken over");
    }
    known.under_way = known.at_work = true;
    stand_by(known, true);
    ++lanes_[known.component].at_work;
}

void Laws::see_command_order(Known& known, const SendOrder& order) {
    const base::Value* written = member(order.body, "name");
    const std::string name = written == nullptr || written->text() == nullptr ? "" : *written->text();
    const PackagedCommand* command = packaged(known, name);
    const std::string who = order.target.str();
    Lane& lane = lanes_[known.component];
    const bool of_act = known.under_way; // a migration within an update
    if (!of_act) {
        if (stopped_ && !cleaning_) {
            break_law("law 2", fmt::format("'{}' was begun on {} after the stop", name, who));
        }
        if (paused_ && !stopped_ && !cleaning_) {
            break_law("law 2", fmt::format("'{}' was begun on {} in a pause", name, who));
        }
        if (script_failed_ && !stopped_) {
            break_law("law 2",
                      fmt::format("'{}' was begun on {} while the script that failed waits for a person",
                                  name, who));
        }
        if (lane.commands_out >= allowed_.parallel.of(lane.targets)) {
            break_law("window",
                      fmt::format("'{}' was begun on {} with {} in flight", name, who, lane.commands_out));
        }
        const bool passes_on = allowed_.once || (command != nullptr && command->once);
        if (const std::optional<std::string> how = allowed_.exceeded(lane.targets); how && !passes_on) {
            break_law("law 2", fmt::format("'{}' was begun on {} after {}", name, who, *how));
        }
        ++lane.commands_out;
    }
    const bool once = of_act || allowed_.once || (command != nullptr && command->once);
    const RunInput& input = simulation_.run().input();
    for (const DoneOnce& done : input.done_once) {
        if (once && !done.again && done.target.component == order.target.component && done.command == name) {
            break_law("once", fmt::format("'{}' was begun on {}, and had succeeded on {} in run {}", name,
                                          who, done.target.node, done.run));
        }
    }
    if (!once || decided_) {
        return;
    }
    if (once_done_.contains(order.target.component.str() + " " + name)) {
        break_law("once", fmt::format("'{}' was begun on {} after it had succeeded", name, who));
    }
    const bool repeatable = command != nullptr && command->repeatable;
    for (const Known& other : known_) {
        const std::vector<std::string>& ran = simulation_.behaviours()[place(other)].ran;
        const bool has_run = std::find(ran.begin(), ran.end(), name) != ran.end();
        // One whose outcome was lost may be repeated where the package says so; a failure is an outcome.
        if (other.component == known.component && has_run && !(repeatable && other.command_was_lost)) {
            break_law("once", fmt::format("'{}' was begun on {} and has run on {}", name, who,
                                          input.targets[place(other)].target.str()));
        }
    }
}

void Laws::see_way_back(Known& known, const SendOrder& order) {
    if (order.kind != OrderKind::Drain && order.kind != OrderKind::Undo && order.kind != OrderKind::Start) {
        return;
    }
    const std::string who = order.target.str();
    if (!stopped_) {
        break_law("law 9", who + " goes back without a stop");
    }
    if (standing_by_[known.level] > 0 && !known.stands_by) {
        break_law("standby",
                  fmt::format("{} goes back before {} that stood by serve", who, standing_by_[known.level]));
    }
    if (order.kind == OrderKind::Undo && !irreversible_.empty()) {
        break_law("law 9", fmt::format("{} goes back after '{}', which is irreversible, had succeeded", who,
                                       irreversible_));
    }
    if (std::exchange(known.went_back, true)) {
        return; // its node was away in the middle of it, and the others did not wait
    }
    for (std::size_t level = known.level + 1; level < coming_back_.size(); ++level) {
        if (coming_back_[level] > 0) {
            break_law("law 9", fmt::format("{} goes back while {} targets of level {} do", who,
                                           coming_back_[level], level));
        }
    }
    if (known.level > lowest_back_) {
        break_law("law 9", who + " went back after a lower level");
    }
    lowest_back_ = std::min(lowest_back_, known.level);
}

// Nobody who serves is changed under its users. One that cannot be told to leave is changed all the same.
void Laws::see_change_in_rotation(const Known& known, const SendOrder& order) {
    const bool changes = order.kind == OrderKind::Apply || order.kind == OrderKind::Restart ||
                         order.kind == OrderKind::Stop || order.kind == OrderKind::Undo;
    if (changes && known.installed && !known.told_to_drain && !known.out()) {
        break_law("drain", fmt::format("'{}' goes to {}, which was not drained", word(order.kind),
                                       order.target.str()));
    }
}

void Laws::see_known_good(const SendOrder& order) {
    if (order.kind != OrderKind::Settle || known_good_ || !flag(order.body, "known_good", false)) {
        return;
    }
    known_good_ = true;
    for (const Known& other : known_) {
        if (other.state == TargetState::NotStarted || other.state == TargetState::Ready) {
            break_law("known-good",
                      fmt::format("the release is called so, and {} has not been tried with it",
                                  simulation_.run().input().targets[place(other)].target.str()));
            return;
        }
    }
}

} // namespace workflows::simulator
