// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// The network and the nodes: orders there, answers back.
#include "workflows/simulator/simulation.hpp"

namespace workflows::simulator {

using namespace engine;
using namespace std::chrono_literals;

void Simulation::send(const Order& order, base::Time departure) {
    const base::Time sent_at = departure + latency();
    const base::Time there = reachable(node_of_[order.target], sent_at);
    // An order that comes much too late is refused by its node; one for ever on its way comes to nobody.
    if (there >= order.deadline + 1h) {
        return;
    }
    Order travelling = order;
    travelling.waited = there > sent_at;
    due_.at(there, travelling);
    if (chance_.happens(settings_.duplicate_order)) {
        due_.at(there + chance_.between({}, 1min), order);
    }
}

void Simulation::ask(const Measure& measurement) {
    due_.at(now_ + 1s,
            Event(measure ? measure(measurement) : Measured{measurement.measurement, true, 1.0, 1.0, ""}));
}

void Simulation::arrive(const Order& order) {
    Behaviour& node = behaviours_[order.target];
    const bool silent = node.silent.contains(order.kind);
    if (const Behaviour::Journaled* known = node.find(order.number)) {
        if (known->answer && known->done <= now_ && !silent) {
            answer_at(*known->answer, order.target, now_);
        }
        return;
    }
    if (now_ >= order.deadline) {
        const Reported late{order.number, false, "expired", "the order had expired", nullptr};
        node.journal.push_back({order.number, order.kind, now_, late});
        answer_at(late, order.target, now_);
        return;
    }
    if (order.kind == OrderKind::Cancel) {
        end_early(order);
    }
    const base::Time done = now_ + node.takes(order.kind);
    node.journal.push_back(
        {order.number, order.kind, done, node.carry_out(order.number, order.kind, order.name)});
    if (silent) {
        return;
    }
    const Reported report = *node.journal.back().answer;
    answer_at(report, order.target, done);
    if (node.answers_twice) {
        answer_at(report, order.target, done + 3s);
    }
    if (node.lies) {
        due_.at(done, Event(Reported{order.number + 1'000'000, true, "", "", nullptr}));
    }
}

// What is cancelled while it runs ends at once, and says so; what is over already stays as it was.
void Simulation::end_early(const Order& cancel) {
    Behaviour::Journaled* entry = behaviours_[cancel.target].find(cancel.cancels);
    const bool ends = entry != nullptr && entry->kind != OrderKind::Prepare &&
                      entry->kind != OrderKind::Undo && entry->kind != OrderKind::Undrain;
    if (ends && entry->answer && entry->done > now_) {
        entry->done = now_;
        entry->answer = Reported{cancel.cancels, false, "cancelled", "ended by a cancel", nullptr};
        answer_at(*entry->answer, cancel.target, now_);
    }
}

void Simulation::answer_at(const Reported& report, std::size_t target, base::Time time) {
    const base::Time departure = reachable(node_of_[target], time);
    if (departure < start_ + nothing_after) {
        due_.at(departure + latency(), Event(report));
    }
}

} // namespace workflows::simulator
