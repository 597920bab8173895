// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "workflows/engine/plan.hpp"

#include "base/error.hpp"
#include "base/json.hpp"
#include "workflows/engine/analysis.hpp"

#include <algorithm>
#include <deque>
#include <set>

namespace workflows::engine {
namespace {

// The fleet in which everything succeeds: every order is answered at once, every timer fires when its time
// has come.
class Model {
public:
    Model(const RunInput& input, const std::map<Target, base::Value>& prepared, base::Time now)
        : run_(input), prepared_(prepared), now_(now) {}

    void drive(const std::function<Script::Step(const std::optional<Answer>&)>& next) {
        take(Started{});
        std::optional<Answer> answer;
        while (!run_.ended() && refusal_.empty()) {
            if (!pending_.empty()) {
                const Event event = pending_.front();
                pending_.pop_front();
                take(event);
            } else if (run_.wants_script() && (answer_ || !asked_)) {
                asked_ = true;
                answer = std::exchange(answer_, std::nullopt);
                give(next(answer));
            } else if (!timers_.empty()) {
                const auto [at, timer] = *timers_.begin();
                timers_.erase(timers_.begin());
                now_ = at;
                take(TimerFired{timer});
            } else {
                throw base::Error(base::Fault::Internal, "the plan of release '{}' waits for nothing",
                                  run_.input().release);
            }
        }
    }

    const Run& run() const noexcept { return run_; }
    const std::string& refusal() const noexcept { return refusal_; }
    const std::optional<std::string>& misuse() const noexcept { return misuse_; }

private:
    void give(const Script::Step& step) {
        if (const std::optional<ScriptEnded> ended = end_in(step)) {
            if (ended->ok) {
                take(*ended);
                return;
            }
            if (ended->misused && !early_) {
                misuse_ = ended->error;
            }
            refusal_ = "the workflow failed: " + ended->error;
            return;
        }
        ScriptCommand command = std::get<ScriptCommand>(step);
        if (command.kind == "update") {
            leave_out_analysis(command);
        }
        take(command);
        agree(command);
    }

    // What would be measured is known when it is measured; how it is asked for is wrong or right now. Of a
    // command that nobody brings the run says so.
    void leave_out_analysis(ScriptCommand& command) const {
        base::Object* options = command.arguments.object();
        if (options == nullptr || !options->find("analysis")) {
            return;
        }
        const std::vector<Metric> metrics =
            Metric::read(base::Fields(command.arguments, "ctx:update"), "analysis");
        if (std::all_of(metrics.begin(), metrics.end(),
                        [&](const Metric& metric) { return is_brought(metric); })) {
            std::erase_if(options->members,
                          [](const base::Member& member) { return member.name == "analysis"; });
        }
    }

    bool is_brought(const Metric& metric) const {
        const base::Value* command = metric.spec.object()->find("command");
        const auto has_it = [&](const auto& of) {
            return std::any_of(of.second.begin(), of.second.end(),
                               [&](const PackagedCommand& one) { return one.name == *command->text(); });
        };
        const auto& commands = run_.input().commands;
        return command == nullptr || std::any_of(commands.begin(), commands.end(), has_it);
    }

    // People say yes, and what is awaited comes.
    void agree(const ScriptCommand& command) {
        if (run_.ended() ||
            (command.kind != "approve" && command.kind != "outage" && command.kind != "await")) {
            return;
        }
        const base::Fields fields(command.arguments, "plan");
        if (command.kind == "await") {
            pending_.push_back(Signalled{"signal", "plan", fields.text("signal"), std::nullopt, nullptr});
            return;
        }
        const base::Value role = base::Object{{"role", fields.text("role", "")}};
        for (std::int64_t person = fields.whole("count", 1, 1000, 1); person > 0; --person) {
            pending_.push_back(
                Signalled{"approve", "person " + std::to_string(person), "planned", std::nullopt, role});
        }
    }

    void take(const Event& event) {
        for (const Effect& effect : run_.handle(event, now_)) {
            if (const SendOrder* order = std::get_if<SendOrder>(&effect)) {
                pending_.push_back(Reported{order->order, true, "", "", detail(*order)});
            } else if (const SetTimer* timer = std::get_if<SetTimer>(&effect)) {
                timers_.emplace(timer->at, timer->timer);
            } else if (const Answer* answer = std::get_if<Answer>(&effect)) {
                answer_ = *answer;
                early_ |= answer->early;
            } else if (const Ended* ended = std::get_if<Ended>(&effect)) {
                refusal_ =
                    ended->outcome == Outcome::Succeeded || ended->outcome == Outcome::SucceededWithLeftOut
                        ? std::string()
                        : ended->reason;
            }
        }
    }

    base::Value detail(const SendOrder& order) const {
        if (order.kind == OrderKind::Prepare) {
            // Nobody asked, or no answer: as if everything there had to change.
            const auto known = prepared_.find(order.target);
            if (known != prepared_.end() && known->second.object() != nullptr) {
                return known->second;
            }
        }
        return base::Object{};
    }

    Run run_;
    const std::map<Target, base::Value>& prepared_;
    base::Time now_;
    std::deque<Event> pending_;
    std::set<std::pair<base::Time, std::int64_t>> timers_;
    std::optional<Answer> answer_;
    bool asked_ = false;
    std::string refusal_;
    std::optional<std::string> misuse_;
    bool early_ = false;
};

base::Value member(const base::Value& record, std::string_view key) {
    const base::Value* found = record.object() == nullptr ? nullptr : record.object()->find(key);
    return found == nullptr ? base::Value(base::Array{}) : *found;
}

// Targets whose nodes would do the same, with what it is.
base::Array groups_of(const std::vector<TargetView>& targets, base::Array& unreachable) {
    std::vector<std::pair<std::string, base::Object>> groups;
    for (const TargetView& target : targets) {
        if (target.prepared.object() == nullptr) {
            unreachable.push_back(target.target.str());
            continue;
        }
        base::Object same{{"level", target.level},
                          {"component", target.target.component.str()},
                          {"changed", member(target.prepared, "changed")},
                          {"packages", member(target.prepared, "packages")},
                          {"config", member(target.prepared, "config")},
                          {"restart", member(target.prepared, "restart")},
                          {"reload", member(target.prepared, "reload")},
                          {"start", member(target.prepared, "start")},
                          {"stop", member(target.prepared, "stop")},
                          {"restart_why", member(target.prepared, "restart_why")}};
        const std::string key = base::to_json(same);
        auto group =
            std::find_if(groups.begin(), groups.end(), [&](const auto& one) { return one.first == key; });
        if (group == groups.end()) {
            same.set("targets", base::Array{});
            group = groups.insert(groups.end(), {key, std::move(same)});
        }
        group->second.find("targets")->array()->push_back(target.target.str());
    }
    base::Array list;
    for (auto& [key, group] : groups) {
        list.push_back(std::move(group));
    }
    return list;
}

} // namespace

base::Value Plan::to_value() const {
    base::Array list;
    for (const Batch& batch : batches) {
        base::Array names;
        for (const Target& target : batch.targets) {
            names.push_back(target.str());
        }
        list.push_back(base::Object{{"level", batch.level},
                                    {"arithmetic", batch.arithmetic},
                                    {"zone", batch.zone},
                                    {"targets", std::move(names)}});
    }
    base::Array others;
    for (const ActView& act : acts) {
        others.push_back(base::Object{{"kind", act.kind},
                                      {"what", act.what},
                                      {"after_batches", static_cast<std::int64_t>(act.after_batches)}});
    }
    base::Array unreachable;
    base::Array groups = groups_of(targets, unreachable);
    return base::Object{{"hash", hash.str()},
                        {"batches", std::move(list)},
                        {"acts", std::move(others)},
                        {"groups", std::move(groups)},
                        {"unreachable", std::move(unreachable)}};
}

Plan make_plan(const RunInput& input, const std::map<Target, base::Value>& prepared,
               const std::function<Script::Step(const std::optional<Answer>&)>& next, base::Time now) {
    Model model(input, prepared, now);
    model.drive(next);
    if (!model.refusal().empty()) {
        throw base::Error(base::Fault::Input, "workflow '{}' cannot run: {}", input.workflow,
                          model.refusal());
    }
    Plan plan{input.hash(), {}, model.run().acts(), model.run().targets()};
    for (const BatchView& batch : model.run().batches()) {
        plan.batches.push_back({batch.level, batch.arithmetic, batch.targets, batch.zone});
    }
    for (TargetView& target : plan.targets) {
        const auto known = prepared.find(target.target);
        target.prepared = known == prepared.end() ? base::Value() : known->second;
    }
    return plan;
}

std::optional<std::string> misuse_in(const RunInput& input,
                                     const std::function<Script::Step(const std::optional<Answer>&)>& next,
                                     base::Time now) {
    const std::map<Target, base::Value> nothing;
    Model model(input, nothing, now);
    model.drive(next);
    return model.misuse();
}

} // namespace workflows::engine
