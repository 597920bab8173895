// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// kill -9 of the dispatcher, and what it finds when it is back.
#include "workflows/simulator/simulation.hpp"

#include "base/json.hpp"

#include <algorithm>
#include <set>

namespace workflows::simulator {

using namespace engine;

void Simulation::crash(base::Duration down) {
    ++crashes_;
    read_journal();
    script_.reset();
    awaited_.reset();
    answer_.reset();
    script_can_go_on_ = false;
    down_until_ = now_ + down;
    due_.at(down_until_, DispatcherIsBack{});
}

std::string Simulation::standing() const {
    std::string text = outcome();
    for (const TargetView& view : run_->targets()) {
        text += fmt::format("\n{} {} {}", view.target.str(), word(view.state), view.reason);
    }
    for (const Waiting& waiting : run_->waiting()) {
        text += fmt::format("\n{} {}", waiting.what, waiting.until ? base::to_rfc3339(*waiting.until) : "");
    }
    return text;
}

// Through JSON, as from the disk. Everything that was owed is owed again, and nothing else.
void Simulation::read_journal() {
    const std::string before = standing();
    run_ = std::make_unique<Run>(RunInput(run_->input()));
    std::map<std::int64_t, base::Time> timers;
    std::set<std::int64_t> orders;
    std::set<std::int64_t> measurements;
    for (const auto& [event, time] : journal) {
        const Event read = event_from_value(base::parse_json(base::to_json(to_value(event)), "journal"));
        for (const Effect& effect : run_->handle(read, time)) {
            if (const SendOrder* order = std::get_if<SendOrder>(&effect)) {
                orders.insert(order->order);
            } else if (const SetTimer* timer = std::get_if<SetTimer>(&effect)) {
                timers.emplace(timer->timer, timer->at);
            } else if (const Measure* measurement = std::get_if<Measure>(&effect)) {
                measurements.insert(measurement->measurement);
            }
        }
        if (const Measured* measured = std::get_if<Measured>(&read)) {
            measurements.erase(measured->measurement);
        } else if (const TimerFired* fired = std::get_if<TimerFired>(&read)) {
            timers.erase(fired->timer);
        } else if (const Reported* report = std::get_if<Reported>(&read)) {
            orders.erase(report->order);
        }
    }
    if (standing() != before) {
        broken.push_back(fmt::format("law 7: after kill -9 the run stands elsewhere:\n{}\nbefore:\n{}",
                                     standing(), before));
    }
    if (timers != timers_) {
        broken.push_back(
            fmt::format("law 7: after kill -9 {} timers are set, {} were", timers.size(), timers_.size()));
    }
    if (measurements.size() != measurements_.size()) {
        broken.push_back(fmt::format("law 7: after kill -9 {} measurements are asked for, {} were",
                                     measurements.size(), measurements_.size()));
    }
    const bool same = orders.size() == awaited_orders_.size() &&
                      std::all_of(orders.begin(), orders.end(),
                                  [&](std::int64_t order) { return awaited_orders_.contains(order); });
    if (!same) {
        broken.push_back(fmt::format("law 7: after kill -9 {} orders are out, {} were", orders.size(),
                                     awaited_orders_.size()));
    }
}

} // namespace workflows::simulator
