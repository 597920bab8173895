// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "tests/fakes/laws.hpp"

#include <algorithm>

namespace tests {

using namespace workflows::engine;

Laws::Laws(Fleet& fleet, std::map<base::ComponentName, std::size_t> limits)
    : fleet_(fleet), limits_(std::move(limits)), rollback_(fleet.run().input().kind == RunKind::Rollback) {
    for (const TargetView& view : fleet.run().targets()) {
        known_[view.target].level = static_cast<std::size_t>(view.level);
        known_[view.target].installed = fleet.at(view.target).installed || fleet.at(view.target).lies;
    }
    fleet.watch = [this](const Event& event, const std::vector<Effect>& effects) {
        see(event, effects);
    };
}

void Laws::break_law(int law, const std::string& how) {
    broken.push_back("law " + std::to_string(law) + ": " + how);
}

void Laws::see(const Event& event, const std::vector<Effect>& effects) {
    if (const Reported* report = std::get_if<Reported>(&event)) {
        see_report(*report);
    }
    if (const Signalled* signal = std::get_if<Signalled>(&event);
        signal != nullptr && signal->verb != "pause") {
        for (auto& [target, known] : known_) {
            known.waits_for_person = false;
        }
    }
    bool ended = false;
    for (const Effect& effect : effects) {
        if (ended) {
            break_law(1, "something happens after the end");
        }
        if (const TargetChanged* change = std::get_if<TargetChanged>(&effect)) {
            Known& known = known_.at(change->target);
            known.state = change->state;
            if (change->state != TargetState::Preparing) {
                known.prepared = true;
            }
            // Other targets' failures may decide; the inconclusive probe itself may not.
            if (known.waits_for_person && !stopped_ && change->state != TargetState::Probing) {
                break_law(15, change->target.str() + " was judged by a probe that could not run");
            }
            if (known.apply_sent &&
                (change->state == TargetState::Lost || change->state == TargetState::Unreachable)) {
                known.proven = false; // nobody knows, so nobody may count on it
            }
            if (change->state == TargetState::UndoDraining || change->state == TargetState::Undoing) {
                known.back = true;
            }
        } else if (const Note* note = std::get_if<Note>(&effect)) {
            stopped_ |= note->message == "stop condition";
            if (note->message == "probe inconclusive") {
                known_.at(*note->target).waits_for_person = true;
            }
        } else if (const SendOrder* order = std::get_if<SendOrder>(&effect)) {
            see_order(*order);
        } else if (std::holds_alternative<Ended>(effect)) {
            ended = true;
        }
    }
    if (!fleet_.run().ended() && fleet_.run().waiting().empty()) {
        break_law(10, "the run waits for nothing");
    }
    if (fleet_.run().targets().size() != known_.size()) {
        break_law(1, "the number of targets changed");
    }
}

void Laws::see_report(const Reported& report) {
    const auto open = open_.find(report.order);
    if (open == open_.end()) {
        return;
    }
    const SendOrder order = open->second;
    open_.erase(open);
    Known& known = known_.at(order.target);
    const bool refused =
        !report.ok && (report.code == "refused" || report.code == "stale" || report.code == "expired");
    if (order.kind == OrderKind::Drain && report.ok && report.detail.object() != nullptr) {
        const base::Value* drained = report.detail.object()->find("drained");
        known.undrained_since |= drained != nullptr && drained->flag() != nullptr && !*drained->flag();
    } else if (order.kind == OrderKind::Undrain && report.ok) {
        known.undrained_since = true;
    } else if (order.kind == OrderKind::Apply && refused) {
        known.apply_sent = false;
    } else if (order.kind == OrderKind::Probe && report.code != "inconclusive") {
        known.proven = report.ok;
    }
}

void Laws::see_order(const SendOrder& order) {
    if (!ids_.insert(order.order).second) {
        break_law(6, "an order's id was used twice");
    }
    // A deadline that has passed closes an order without a report; a newer order to the same target shows it.
    std::erase_if(open_, [&](const auto& one) { return one.second.target == order.target; });
    open_.emplace(order.order, order);
    Known& known = known_.at(order.target);
    const bool was_out = known.out();
    if (order.kind != OrderKind::Prepare) {
        for (const auto& [target, other] : known_) {
            if (!other.prepared) {
                break_law(8, order.target.str() + " is touched before " + target.str() + " has answered");
            }
        }
    }
    const bool forward = !known.back && (order.kind == OrderKind::Drain || order.kind == OrderKind::Apply);
    if (forward && !known.started) {
        known.started = true;
        if (stopped_) {
            break_law(2, order.target.str() + " was started after the stop");
        }
        for (const auto& [target, other] : known_) {
            const bool before = rollback_ ? other.level > known.level : other.level < known.level;
            if (before && !is_terminal_word(other.state)) {
                break_law(3, order.target.str() + " was started before " + target.str() + " was through");
            }
        }
    }
    if (order.kind == OrderKind::Drain) {
        known.drain_sent = true;
        known.undrained_since = false;
    } else if (order.kind == OrderKind::Apply) {
        known.apply_sent = true;
        known.proven = false;
    } else if (order.kind == OrderKind::Undo) {
        known.undo_sent = true;
        known.proven = false;
        if (!stopped_) {
            break_law(9, "an undo without a stop");
        }
        if (known.level > lowest_back_) {
            break_law(9, order.target.str() + " went back after a lower level");
        }
        lowest_back_ = std::min(lowest_back_, known.level);
    }
    // A gate may find more of them ill than that: what counts is what we take out.
    const auto limit = limits_.find(order.target.component);
    const auto out =
        static_cast<std::size_t>(std::count_if(known_.begin(), known_.end(), [&](const auto& one) {
            return one.first.component == order.target.component && one.second.out();
        }));
    if (!was_out && known.out() && limit != limits_.end() && out > limit->second) {
        break_law(
            4, fmt::format("{} makes {} out of service, {} may be", order.target.str(), out, limit->second));
    }
}

void Laws::at_end() {
    if (!fleet_.run().ended()) {
        break_law(10, "the run has not ended");
        return;
    }
    const Outcome outcome = *fleet_.run().outcome();
    std::size_t counted = 0;
    for (const TargetView& view : fleet_.run().targets()) {
        counted += is_terminal_word(view.state) ? 1 : 0;
        const Known& known = known_.at(view.target);
        const Behaviour& node = fleet_.at(view.target);
        if (known.drain_sent && !known.undrained_since &&
            view.reason.find("left out of rotation") == std::string::npos) {
            break_law(5, view.target.str() + " stays drained and nobody says so");
        }
        if (view.state == TargetState::Updated && !node.lies && node.running != "new") {
            break_law(6, view.target.str() + " is called updated and runs " + node.running);
        }
        if (view.state == TargetState::NotStarted && node.release != "old" && !node.did.empty() &&
            known.started) {
            break_law(1, view.target.str() + " is called not started and was changed");
        }
        if (outcome == Outcome::RolledBack && known.apply_sent && !known.undo_sent) {
            break_law(9, view.target.str() + " was touched and did not go back");
        }
        if (outcome == Outcome::RolledBack && view.state == TargetState::Updated) {
            break_law(9, view.target.str() + " is updated in a run that was rolled back");
        }
        if (outcome == Outcome::Refused && (known.drain_sent || known.apply_sent)) {
            break_law(8, view.target.str() + " was touched by a run that was refused");
        }
        if (outcome == Outcome::Succeeded && view.state != TargetState::Updated &&
            view.state != TargetState::Unchanged && view.state != TargetState::RolledBack) {
            break_law(1, view.target.str() + " is " + std::string(word(view.state)) +
                             " in a run that succeeded");
        }
    }
    if (counted != known_.size()) {
        break_law(1, fmt::format("{} of {} targets have a terminal word", counted, known_.size()));
    }
}

} // namespace tests
