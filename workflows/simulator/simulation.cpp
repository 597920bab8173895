// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "workflows/simulator/simulation.hpp"

#include "base/error.hpp"
#include "base/json.hpp"

#include <algorithm>

namespace workflows::simulator {

using namespace engine;
using namespace std::chrono_literals;

namespace {

// A run that goes on so long does not end.
constexpr std::int64_t events_for_each_target = 400;
constexpr std::int64_t events_in_any_case = 20'000;
/// Nodes have so long to come back to a dispatcher that was away before they count as offline.
constexpr base::Duration return_time = 15s;

} // namespace

std::size_t Simulation::TargetHash::operator()(const Target& target) const noexcept {
    const std::hash<std::string> hash;
    return hash(target.component.str()) * 31 + hash(target.node.str());
}

Simulation::Simulation(RunInput input, std::string script, Settings settings)
    : settings_(std::move(settings)), chance_(settings_.seed), source_(std::move(script)),
      start_(base::from_rfc3339("2026-11-20T12:00:00.000Z")), now_(start_),
      keeps_journal_(settings_.keep_journal || !settings_.crashes.empty() || settings_.dispatcher_crash > 0),
      down_until_(start_) {
    for (const Desired& desired : input.targets) {
        places_.emplace(desired.target, places_.size());
        node_of_.push_back(nodes_.emplace(desired.target.node, nodes_.size()).first->second);
    }
    behaviours_.resize(places_.size());
    away_.resize(nodes_.size());
    seen_.resize(nodes_.size());
    run_ = std::make_unique<Run>(std::move(input));
    if (!source_.empty()) {
        restart_script();
    }
}

Simulation::~Simulation() = default;

Behaviour& Simulation::at(const std::string& component, const std::string& node) {
    return at(Target{base::ComponentName(component), base::NodeName(node)});
}

std::size_t Simulation::place(const Target& target) const {
    const auto found = places_.find(target);
    if (found == places_.end()) {
        throw base::Error(base::Fault::NotFound, "target '{}' is not in the run", target.str());
    }
    return found->second;
}

void Simulation::away(const std::string& node, base::Duration from, base::Duration until) {
    away_[nodes_.at(base::NodeName(node))].emplace_back(start_ + from, start_ + until);
}

void Simulation::signal(base::Duration after, Signalled signal) {
    due_.at(start_ + after, Event(std::move(signal)));
}

base::Time Simulation::reachable(std::size_t node, base::Time time) const {
    for (bool moved = true; moved;) {
        moved = false;
        for (const auto& [from, until] : away_[node]) {
            if (from <= time && time < until) {
                time = until;
                moved = true;
            }
        }
    }
    return time;
}

base::Duration Simulation::latency() {
    if (settings_.latency == base::Duration::zero()) {
        return {};
    }
    return chance_.between({}, settings_.latency) +
           (chance_.happens(settings_.late) ? chance_.between({}, 30s) : base::Duration{});
}

void Simulation::drive() {
    for (const auto& [name, node] : nodes_) {
        due_.at(start_, Event(NodeSeen{name, reachable(node, start_) == start_}));
        for (const auto& [from, until] : away_[node]) {
            due_.at(from, Event(NodeSeen{name, false}));
            if (until < start_ + nothing_after) {
                due_.at(until, Event(NodeSeen{name, true}));
            }
        }
    }
    due_.at(start_, Event(Started{}));
    const std::int64_t longest =
        events_in_any_case + events_for_each_target * static_cast<std::int64_t>(behaviours_.size());
    while (!run_->ended()) {
        if (events_ > longest) {
            broken.push_back(
                fmt::format("law 10: the run does not come to an end within {} events", longest));
            return;
        }
        if (script_can_go_on_ && now_ >= down_until_) {
            step_script();
        } else if (!person_acts()) {
            if (due_.empty()) {
                return;
            }
            auto due = due_.take();
            now_ = std::max(now_, due.time);
            happen(due);
        }
    }
}

void Simulation::happen(Moments<Happening>::Taken& due) {
    if (const Order* order = std::get_if<Order>(&due.what)) {
        // One that waits for its node waits in the dispatcher, which sends it again when both are back.
        if (!order->waited || now_ >= down_until_) {
            arrive(*order);
        }
    } else if (const Event* event = std::get_if<Event>(&due.what)) {
        deliver(*event, due.turn);
    } else if (now_ >= down_until_) { // else it died again before it was back
        const std::map<std::int64_t, Order> owed = awaited_orders_;
        for (const auto& [number, again] : owed) {
            send(again, now_);
        }
        for (const auto& [number, measurement] : measurements_) {
            ask(measurement);
        }
        script_can_go_on_ |= started_ && !source_.empty() && !script_;
    }
}

// What comes while the dispatcher is down comes again when it is back; a person who could not reach it has
// said nothing.
void Simulation::deliver(const Event& event, std::int64_t turn) {
    const NodeSeen* seen = std::get_if<NodeSeen>(&event);
    const auto put_off = [&] {
        if (!std::holds_alternative<Signalled>(event)) {
            due_.put_off(down_until_ + (seen != nullptr && !seen->online ? return_time : base::Duration{}),
                         turn, event);
        }
    };
    if (now_ < down_until_) {
        put_off();
        return;
    }
    if (seen != nullptr) {
        const std::size_t node = nodes_.at(seen->node);
        const bool online = reachable(node, now_) == now_;
        if (seen_[node] == online) {
            return;
        }
        if (!feed(NodeSeen{seen->node, online})) {
            put_off();
        }
    } else if (!feed(event)) {
        put_off();
    }
}

bool Simulation::feed(const Event& event) {
    bool dies = false;
    bool before = false;
    base::Duration down{};
    if (const auto planned = settings_.crashes.find(events_); planned != settings_.crashes.end()) {
        dies = true;
        before = planned->second;
        settings_.crashes.erase(planned);
    } else if (chance_.happens(settings_.dispatcher_crash)) {
        dies = true;
        before = chance_.happens(0.5);
        down = chance_.between({}, 30s);
    }
    if (dies && before) {
        crash(down);
        return false;
    }
    // One transaction: the event, and what is owed because of it.
    ++events_;
    if (keeps_journal_) {
        journal.emplace_back(event, now_);
    }
    remember(event);
    const std::vector<Effect> effects = run_->handle(event, now_);
    remember(effects);
    if (settings_.keep_story) {
        story.push_back({now_, "event " + base::to_json(to_value(event))});
        for (const Effect& effect : effects) {
            tell(effect);
        }
    }
    if (watch) {
        watch(event, effects);
    }
    dies ? crash(down) : carry_out(effects);
    return true;
}

void Simulation::remember(const Event& event) {
    if (std::holds_alternative<Started>(event)) {
        started_ = true;
        script_can_go_on_ = !source_.empty();
    } else if (std::holds_alternative<ScriptEnded>(event)) {
        script_.reset();
        awaited_.reset();
    } else if (const Continued* continued = std::get_if<Continued>(&event)) {
        continued_ = true;
        source_ = continued->source;
        script_.reset();
        awaited_.reset();
        answer_.reset();
        script_can_go_on_ = true;
    } else if (const TimerFired* fired = std::get_if<TimerFired>(&event)) {
        timers_.erase(fired->timer);
    } else if (const NodeSeen* seen = std::get_if<NodeSeen>(&event)) {
        seen_[nodes_.at(seen->node)] = seen->online;
    } else if (const Measured* measured = std::get_if<Measured>(&event)) {
        measurements_.erase(measured->measurement);
    } else if (const Reported* report = std::get_if<Reported>(&event)) {
        if (const auto order = awaited_orders_.find(report->order); order != awaited_orders_.end()) {
            // Acknowledged: the node need not keep its answer any longer.
            if (auto* entry = behaviours_[order->second.target].find(report->order)) {
                entry->answer.reset();
            }
            awaited_orders_.erase(order);
        }
    }
}

// Timers are armed here, too: after a crash they are armed from the journal, which must come to the same
// (read_journal).
void Simulation::remember(const std::vector<Effect>& effects) {
    for (const Effect& effect : effects) {
        if (const SendOrder* order = std::get_if<SendOrder>(&effect)) {
            ++orders_sent_;
            awaited_orders_.emplace(order->order, compact(*order, place(order->target)));
        } else if (const SetTimer* timer = std::get_if<SetTimer>(&effect)) {
            timers_.emplace(timer->timer, timer->at);
            due_.at(timer->at, Event(TimerFired{timer->timer}));
        } else if (const Measure* measurement = std::get_if<Measure>(&effect)) {
            measurements_.emplace(measurement->measurement, *measurement);
        }
    }
}

Simulation::Order Simulation::compact(const SendOrder& order, std::size_t target) {
    Order kept{order.order, target, order.kind, order.deadline};
    if (const base::Object* body = order.body.object()) {
        if (const base::Value* name = body->find("name"); name != nullptr && name->text() != nullptr) {
            kept.name = *name->text();
        }
        if (const base::Value* cancels = body->find("order");
            cancels != nullptr && cancels->whole() != nullptr) {
            kept.cancels = *cancels->whole();
        }
    }
    return kept;
}

void Simulation::carry_out(const std::vector<Effect>& effects) {
    for (const Effect& effect : effects) {
        if (const SendOrder* order = std::get_if<SendOrder>(&effect)) {
            send(awaited_orders_.at(order->order), now_);
        } else if (const Measure* measurement = std::get_if<Measure>(&effect)) {
            ask(*measurement);
        } else if (const Answer* answer = std::get_if<Answer>(&effect);
                   answer != nullptr && awaited_ == answer->sequence) {
            awaited_.reset();
            answer_ = *answer;
            script_can_go_on_ = true;
        }
    }
}

// ---- What people read. ----

std::string Simulation::outcome() const {
    return run_->outcome() ? std::string(word(*run_->outcome())) : "not ended";
}

void Simulation::tell(const Effect& effect) {
    std::string text;
    if (const SendOrder* order = std::get_if<SendOrder>(&effect)) {
        text = fmt::format("order {} {} to {}", order->order, word(order->kind), order->target.str());
        sent.push_back(*order);
    } else if (const Note* note = std::get_if<Note>(&effect)) {
        text = note->message + " " + base::to_json(note->fields) +
               (note->target ? " " + note->target->str() : "");
    } else if (const TargetChanged* change = std::get_if<TargetChanged>(&effect)) {
        text = fmt::format("{} is {} {}", change->target.str(), word(change->state), change->reason);
    } else if (const Measure* measurement = std::get_if<Measure>(&effect)) {
        text = fmt::format("measure {} {}", measurement->measurement, base::to_json(measurement->spec));
    } else if (const Ended* ended = std::get_if<Ended>(&effect)) {
        text = fmt::format("ended {} {}", word(ended->outcome), ended->reason);
    } else {
        return;
    }
    story.push_back({now_, "  " + text});
}

std::string Simulation::told() const {
    std::string text;
    for (const Told& line : story) {
        text += base::to_rfc3339(line.time).substr(11, 12) + " " + line.text + "\n";
    }
    return text;
}

} // namespace workflows::simulator
