// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "tests/fakes/fleet.hpp"

#include "base/error.hpp"
#include "base/json.hpp"

#include <algorithm>

namespace tests {

using namespace workflows::engine;
using namespace std::chrono_literals;

Fleet::Fleet(RunInput input, std::string script)
    : start_(base::from_rfc3339("2026-11-20T12:00:00.000Z")), now_(start_) {
    for (const Desired& desired : input.targets) {
        behaviours_.emplace(desired.target, Behaviour{});
        away_[desired.target.node];
    }
    if (!script.empty()) {
        script_ = std::make_unique<Script>(
            script, "test.lua", input.params,
            ScriptModel{input.environment.str(), input.release.str(), "", input.levels});
    }
    run_ = std::make_unique<Run>(std::move(input));
}

Fleet::~Fleet() = default;

Behaviour& Fleet::at(const std::string& component, const std::string& node) {
    return behaviours_.at({base::ComponentName(component), base::NodeName(node)});
}

void Fleet::away(const std::string& node, base::Duration from, base::Duration until) {
    away_.at(base::NodeName(node)).emplace_back(start_ + from, start_ + until);
}

void Fleet::signal(base::Duration after, const std::string& verb) {
    schedule(start_ + after, {Signalled{verb, "somebody", ""}, std::nullopt});
}

void Fleet::schedule(base::Time time, Due due) {
    due_.emplace(std::pair(time, next_due_++), std::move(due));
}

base::Time Fleet::reachable(const base::NodeName& node, base::Time time) const {
    for (bool moved = true; moved;) {
        moved = false;
        for (const auto& [from, until] : away_.at(node)) {
            if (from <= time && time < until) {
                time = until;
                moved = true;
            }
        }
    }
    return time;
}

void Fleet::drive() {
    for (const auto& [node, times] : away_) {
        schedule(start_, {NodeSeen{node, reachable(node, start_) == start_}, std::nullopt});
        for (const auto& [from, until] : times) {
            schedule(from, {NodeSeen{node, false}, std::nullopt});
            schedule(until, {NodeSeen{node, true}, std::nullopt});
        }
    }
    feed(Started{});
    if (script_ && !run_->ended()) {
        step_script(std::nullopt);
    }
    while (!run_->ended()) {
        if (answer_) {
            const std::optional<Answer> answer = std::exchange(answer_, std::nullopt);
            step_script(answer);
            continue;
        }
        const auto waiting = run_->waiting();
        const bool for_person =
            std::any_of(waiting.begin(), waiting.end(), [](const Waiting& one) { return !one.until; });
        const bool only_person =
            std::all_of(waiting.begin(), waiting.end(), [](const Waiting& one) { return !one.until; });
        const bool sooner = !due_.empty() && due_.begin()->first.first <= now_ + 10min;
        if (for_person && only_person && !person_.empty() && !sooner) {
            now_ += 10min;
            feed(Signalled{person_, "a person", ""});
            continue;
        }
        if (due_.empty()) {
            return;
        }
        const auto next = due_.begin();
        now_ = std::max(now_, next->first.first);
        const Due due = std::move(next->second);
        due_.erase(next);
        due.order ? arrive(*due.order) : feed(due.event);
    }
}

void Fleet::step_script(const std::optional<Answer>& answer) {
    if (run_->wants_script()) {
        std::visit([&](const auto& step) { feed(step); }, script_->resume(answer));
    }
}

void Fleet::feed(const Event& event) {
    journal.emplace_back(event, now_);
    story.push_back({now_, "event " + base::to_json(to_value(event))});
    const std::vector<Effect> effects = run_->handle(event, now_);
    for (const Effect& effect : effects) {
        if (const SendOrder* order = std::get_if<SendOrder>(&effect)) {
            sent.push_back(*order);
            story.push_back({now_, fmt::format("  order {} {} to {}", order->order, word(order->kind),
                                               order->target.str())});
            const base::Time there = reachable(order->target.node, now_);
            if (there < order->deadline) {
                schedule(there, {Started{}, *order});
            }
        } else if (const SetTimer* timer = std::get_if<SetTimer>(&effect)) {
            schedule(timer->at, {TimerFired{timer->timer}, std::nullopt});
        } else if (const Answer* answer = std::get_if<Answer>(&effect)) {
            answer_ = *answer;
        } else if (const Note* note = std::get_if<Note>(&effect)) {
            story.push_back({now_, "  " + note->message + " " + base::to_json(note->fields)});
        } else if (const TargetChanged* change = std::get_if<TargetChanged>(&effect)) {
            story.push_back({now_, fmt::format("  {} is {} {}", change->target.str(), word(change->state),
                                               change->reason)});
        } else if (const Ended* ended = std::get_if<Ended>(&effect)) {
            story.push_back({now_, fmt::format("  ended {} {}", word(ended->outcome), ended->reason)});
        }
    }
    if (watch) {
        watch(event, effects);
    }
}

void Fleet::arrive(const SendOrder& order) {
    Behaviour& node = behaviours_.at(order.target);
    const Reported report = carry_out(order, node);
    if (node.silent.contains(order.kind)) {
        return;
    }
    const auto slow = node.slow.find(order.kind);
    const base::Time done = now_ + (slow == node.slow.end() ? base::Duration(1s) : slow->second);
    schedule(reachable(order.target.node, done), {report, std::nullopt});
    if (node.answers_twice) {
        schedule(reachable(order.target.node, done + 3s), {report, std::nullopt});
    }
    if (node.lies) {
        schedule(done, {Reported{order.order + 1'000'000, true, "", "", nullptr}, std::nullopt});
    }
}

Reported Fleet::carry_out(const SendOrder& order, Behaviour& node) {
    if (const auto refusal = node.refuses.find(order.kind);
        refusal != node.refuses.end() && refusal->second.times > 0) {
        --refusal->second.times;
        return {order.order, false, refusal->second.code, "as told by the test", nullptr};
    }
    node.did.push_back(order.kind);
    base::Object detail;
    switch (order.kind) {
    case OrderKind::Prepare:
        detail = {{"changed", node.changed}, {"installed", node.installed}, {"present", "sha256:present"}};
        break;
    case OrderKind::Drain:
        node.drained = node.drains;
        detail = {{"drained", node.drains}};
        break;
    case OrderKind::Apply:
        node.release = "new";
        break;
    case OrderKind::Restart:
        node.running = node.release;
        break;
    case OrderKind::Undrain:
        detail = {{"undrained", node.drained}};
        node.drained = false;
        break;
    case OrderKind::Undo:
        node.release = node.running = node.installed ? "old" : "none";
        break;
    case OrderKind::Probe:
    case OrderKind::Settle:
        break;
    }
    base::Value said = std::move(detail);
    if (node.lies) {
        said = base::Array{1, "nonsense", nullptr};
    }
    return {order.order, true, "", "", std::move(said)};
}

std::string Fleet::outcome() const {
    return run_->outcome() ? std::string(word(*run_->outcome())) : "not ended";
}

TargetState Fleet::state(const std::string& component, const std::string& node) const {
    for (const TargetView& view : run_->targets()) {
        if (view.target.component.str() == component && view.target.node.str() == node) {
            return view.state;
        }
    }
    throw base::Error(base::Fault::NotFound, "no target '{}' on '{}'", component, node);
}

std::string Fleet::reason(const std::string& component, const std::string& node) const {
    for (const TargetView& view : run_->targets()) {
        if (view.target.component.str() == component && view.target.node.str() == node) {
            return view.reason;
        }
    }
    return "no such target";
}

std::string Fleet::counts() const {
    std::map<std::string, int> counts;
    for (const TargetView& view : run_->targets()) {
        ++counts[std::string(word(view.state))];
    }
    std::string text;
    for (const auto& [state, count] : counts) {
        text += (text.empty() ? "" : ", ") + std::to_string(count) + " " + state;
    }
    return text;
}

std::string Fleet::told() const {
    std::string text;
    for (const Told& line : story) {
        text += base::to_rfc3339(line.time).substr(11, 12) + " " + line.text + "\n";
    }
    return text;
}

RunInput fleet_input(const std::vector<int>& nodes, RunKind kind) {
    RunInput input{kind,
                   base::EnvironmentName("prod"),
                   base::ReleaseName("shop/2.0"),
                   "test",
                   "",
                   {},
                   {},
                   {},
                   base::ReleaseName("shop/1.0"),
                   7};
    for (std::size_t level = 0; level < nodes.size(); ++level) {
        const std::string name = "a" + std::to_string(level);
        const base::ComponentName component("shop/" + name);
        input.levels.push_back({component});
        for (int node = 1; node <= nodes[level]; ++node) {
            const std::string node_name = name + "-" + std::to_string(node);
            input.targets.push_back(
                {{component, base::NodeName(node_name)},
                 base::Object{{"component", component.str()},
                              {"node", node_name},
                              {"availability", base::Array{base::Object{{"service", "s"}}}}}});
        }
    }
    return input;
}

std::string update_all(const std::string& options, const std::string& preflight) {
    return "return workflow { run = function(ctx)\n ctx:preflight(" + preflight +
           ")\n for _, level in ipairs(ctx.levels) do ctx:update(level, {" + options + "}) end\nend }";
}

} // namespace tests
