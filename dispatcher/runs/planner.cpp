// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/runs/planner.hpp"

#include "base/error.hpp"
#include "base/log.hpp"
#include "dispatcher/runs/patient_script.hpp"
#include "dispatcher/runs/vm_lines.hpp"

#include <algorithm>
#include <set>

namespace dispatcher::runs {

namespace engine = workflows::engine;

namespace {

constexpr std::chrono::seconds time_to_answer{60};

base::Value target_value(const engine::Target& target) {
    return base::Object{{"component", target.component.str()}, {"node", target.node.str()}};
}

/// What a run would wait for before it starts, and what binds it while it runs.
void add_policy(base::Object& members, const Planner::Answers& answers, base::Time now) {
    const engine::RunInput& input = answers.composition.input;
    const engine::Policy& policy = answers.composition.policy;
    members.set("approval",
                policy.approval
                    ? base::Value(base::Object{{"count", policy.approval->count},
                                               {"role", policy.approval->role},
                                               {"expires", base::to_text(policy.approval->expires)}})
                    : base::Value());
    const auto frozen = policy.frozen(components_of(input), now);
    members.set("freeze", frozen ? base::Value(base::Object{{"why", frozen->why},
                                                            {"until", base::to_rfc3339(frozen->until)}})
                                 : base::Value());
    members.set("lock", answers.lock
                            ? base::Value(base::Object{{"why", answers.lock->str()},
                                                       {"until", base::to_rfc3339(answers.lock->until)}})
                            : base::Value());
    base::Array budgets;
    for (const engine::Budget& budget : input.budgets) {
        budgets.push_back(base::Object{{"component", budget.component.str()},
                                       {"per", budget.per},
                                       {"max_unavailable", budget.max_unavailable.to_value()}});
    }
    members.set("budgets", std::move(budgets));
    base::Array out;
    for (const engine::Target& target : answers.out) {
        out.push_back(target_value(target));
    }
    members.set("out", std::move(out));
}

} // namespace

// ---- asking the nodes ----

struct Planner::Question {
    Composition composition;
    std::map<std::int64_t, engine::Target> asked; ///< by order number, while unanswered
    std::function<void(Answers)> done;
};

Planner::Planner(World& world, const Composer& composer)
    : world_(world), composer_(composer), orders_(world.database), records_(world.database) {}

void Planner::ask(const RunRequest& request, const std::string& actor, std::function<void(Answers)> done) {
    const base::Time now = world_.alarms.now();
    const std::string plan = base::make_ulid(now);
    auto question = std::make_shared<Question>(Question{composer_.compose(request), {}, std::move(done)});
    const base::Value envelope = world_.envelopes.keep(question->composition.envelope).to_value();
    std::vector<OrderRecord> orders;
    {
        base::Transaction transaction(world_.database);
        records_.remember_plan(question->composition.input.hash().str(),
                               question->composition.input.to_value(), actor, now);
        const std::int64_t epoch =
            records_.epoch_beside_runs(request.environment, question->composition.application);
        std::int64_t number = 0;
        for (const engine::Desired& desired : question->composition.input.targets) {
            if (!world_.fleet.online(desired.target.node)) {
                continue;
            }
            const protocol::Order text{
                .id = base::make_ulid(now),
                .run = plan,
                .epoch = epoch,
                .expires = now + time_to_answer,
                .component = desired.target.component.str(),
                .kind = "prepare",
                .body = base::Object{{"desired", desired.document}, {"manifest", envelope}, {"plan", true}}};
            orders.push_back({.id = text.id,
                              .run = plan,
                              .number = ++number,
                              .node = desired.target.node.str(),
                              .component = text.component,
                              .kind = text.kind,
                              .text = text.text(),
                              .expires = text.expires});
            orders_.add(orders.back(), now);
            question->asked.emplace(number, desired.target);
        }
        transaction.commit();
    }
    base::log(base::LogLevel::Info, "plan requested",
              {{"plan", plan},
               {"environment", request.environment},
               {"actor", actor},
               {"asked", std::int64_t(orders.size())}});
    open_[plan] = question;
    world_.alarms.wake(orders.empty() ? now : now + time_to_answer, [this, plan] { finish(plan); });
    for (const OrderRecord& order : orders) {
        world_.fleet.send(order);
    }
}

void Planner::reported(const std::string& plan) {
    const auto question = open_.find(plan);
    if (question == open_.end()) {
        return;
    }
    if (orders_.unanswered(plan).empty()) {
        finish(plan);
    }
}

void Planner::finish(const std::string& plan) {
    const auto found = open_.find(plan);
    if (found == open_.end()) {
        return;
    }
    const std::shared_ptr<Question> question = found->second;
    open_.erase(found);
    const engine::RunInput& input = question->composition.input;
    Answers answers{question->composition,
                    {},
                    {},
                    {},
                    out_of_service(input, Standings(world_.database), world_.fleet),
                    Locks(world_.database).find(input.environment.str(), world_.alarms.now())};
    std::set<engine::Target> silent;
    for (const engine::Desired& desired : question->composition.input.targets) {
        answers.prepared[desired.target] = base::Value();
        silent.insert(desired.target);
    }
    for (const auto& [order, report] : orders_.reports(plan)) {
        const engine::Target& target = question->asked.at(order.number);
        silent.erase(target);
        if (report.ok) {
            answers.prepared[target] = report.detail;
        } else {
            answers.refused.emplace_back(target, report.reason.empty() ? report.code : report.reason);
        }
    }
    answers.unreachable.assign(silent.begin(), silent.end());
    try {
        base::Transaction transaction(world_.database);
        orders_.void_unanswered(plan);
        transaction.commit();
    } catch (const base::Error& error) {
        // They expire by themselves.
        base::log(base::LogLevel::Warning, "plan could not be closed",
                  {{"plan", plan}, {"error", error.message()}});
    }
    question->done(std::move(answers));
}

base::Value plan_document(const Planner::Answers& answers, base::Time now) {
    check_workflows(answers.composition);
    const engine::RunInput& input = answers.composition.input;
    PatientScript script(script_start(input));
    engine::RunInput today = input;
    today.out = answers.out;
    const engine::Plan plan = engine::make_plan(
        today, answers.prepared,
        [&](const std::optional<engine::Answer>& answer) { return script.next(answer); }, now);
    base::Value document = plan.to_value();
    base::Object& members = *document.object();
    members.set("hash", input.hash().str());
    members.set("release", input.release.str());
    members.set("from", input.from ? base::Value(input.from->str()) : base::Value());
    base::Array unreachable;
    for (const engine::Target& target : answers.unreachable) {
        unreachable.push_back(target_value(target));
    }
    members.set("unreachable", std::move(unreachable));
    base::Array refused;
    for (const auto& [target, reason] : answers.refused) {
        base::Value entry = target_value(target);
        entry.object()->set("reason", reason);
        refused.push_back(std::move(entry));
    }
    members.set("refused", std::move(refused));
    add_policy(members, answers, now);
    return document;
}

} // namespace dispatcher::runs
