// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "workflows/simulator/history.hpp"

namespace workflows::simulator {

using namespace engine;

bool Step::changes_something() const noexcept {
    switch (kind) {
    case OrderKind::Prepare:
    case OrderKind::Probe:
    case OrderKind::Measure:
    case OrderKind::Settle:
    case OrderKind::Cancel:
        return false;
    default:
        return true;
    }
}

History::History(const Simulation& simulation)
    : simulation_(simulation), last_(simulation.run().input().targets.size()) {}

void History::end(std::size_t step, Instant now) {
    if (!steps_[step].over) {
        steps_[step].over = now;
    }
}

void History::see(const Event& event, const std::vector<Effect>& effects) {
    const Instant now{events_++, simulation_.now() - simulation_.start()};
    if (const Reported* report = std::get_if<Reported>(&event)) {
        if (const auto found = open_.find(report->order); found != open_.end()) {
            end(found->second, now);
            open_.erase(found);
        }
    }
    for (const Effect& effect : effects) {
        if (const SendOrder* order = std::get_if<SendOrder>(&effect)) {
            const base::Object* body = order->body.object();
            const base::Value* name =
                order->kind != OrderKind::Command || body == nullptr ? nullptr : body->find("name");
            const std::size_t target = simulation_.place(order->target);
            open_.emplace(order->order, steps_.size());
            if (order->kind != OrderKind::Cancel) {
                last_[target] = steps_.size();
            }
            steps_.push_back({target, order->kind,
                              name == nullptr || name->text() == nullptr ? "" : *name->text(), now,
                              std::nullopt});
        } else if (const TargetChanged* change = std::get_if<TargetChanged>(&effect)) {
            // It goes on without an answer: the deadline has passed. What begins now is another step.
            const std::optional<std::size_t> last = last_[simulation_.place(change->target)];
            if (last && steps_[*last].began.event < now.event) {
                end(*last, now);
            }
        }
    }
}

} // namespace workflows::simulator
