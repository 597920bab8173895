// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// Plans and runs.
#include "base/error.hpp"
#include "base/fields.hpp"
#include "dispatcher/api/routes.hpp"

#include <fmt/format.h>

namespace dispatcher::api {

namespace {

namespace engine = workflows::engine;

constexpr int listed_runs = 100;

base::Value maybe(const std::optional<std::string>& text) {
    return text ? base::Value(*text) : base::Value();
}
base::Value maybe(const std::optional<base::Time>& time) {
    return time ? base::Value(base::to_rfc3339(*time)) : base::Value();
}

base::Value exit_code_of(const std::optional<std::string>& outcome) {
    using enum engine::Outcome;
    for (const engine::Outcome each : {Succeeded, SucceededWithLeftOut, Stopped, RolledBack, RollbackFailed,
                                       Cancelled, NeedsPerson, Refused}) {
        if (outcome && *outcome == engine::word(each)) {
            return engine::exit_code(each);
        }
    }
    return nullptr;
}

base::Object summary(const runs::RunRecord& run) {
    return base::Object{{"id", run.id},
                        {"kind", run.kind},
                        {"environment", run.environment},
                        {"application", run.application},
                        {"release", run.release},
                        {"from", maybe(run.from)},
                        {"workflow", run.workflow},
                        {"state", run.state},
                        {"outcome", maybe(run.outcome)},
                        {"exit_code", exit_code_of(run.outcome)},
                        {"reason", run.reason},
                        {"actor", run.actor},
                        {"created", base::to_rfc3339(run.created)},
                        {"started", maybe(run.started)},
                        {"ended", maybe(run.ended)}};
}

runs::RunRequest read_deployment(const base::Fields& fields) {
    runs::RunRequest request;
    request.environment = base::EnvironmentName(fields.text("environment")).str();
    request.release = base::ReleaseName(fields.text("release")).str();
    request.workflow = fields.text("workflow", request.workflow);
    if (const auto params = fields.record("params")) {
        for (const base::Member& member : params->members()) {
            request.params.set(member.name, member.value);
        }
    }
    return request;
}

runs::RunRequest read_rollback(const base::Fields& fields) {
    runs::RunRequest request;
    request.kind = engine::RunKind::Rollback;
    request.environment = base::EnvironmentName(fields.text("environment")).str();
    request.application = fields.maybe_text("application");
    request.release = fields.maybe_text("release");
    return request;
}

} // namespace

Answer make_plan(Service&, const Request& request) {
    const base::Value document = request.document();
    const base::Fields fields(document, "request");
    PlanWanted wanted{read_deployment(fields)};
    fields.finish();
    return wanted;
}

Answer start_run(Service&, const Request& request) {
    const base::Value document = request.document();
    const base::Fields fields(document, "request");
    const std::string kind = fields.text("kind");
    if (kind != "deploy" && kind != "rollback") {
        fields.fail("kind", fmt::format("'kind' is '{}', but must be 'deploy' or 'rollback'", kind));
    }
    RunWanted wanted{kind == "deploy" ? read_deployment(fields) : read_rollback(fields)};
    wanted.request.plan = fields.maybe_text("plan");
    fields.finish();
    return wanted;
}

Answer list_runs(Service& service, const Request&) {
    base::Array list;
    for (const runs::RunRecord& run : service.records.newest(listed_runs)) {
        list.push_back(summary(run));
    }
    return Document{base::Object{{"runs", std::move(list)}}};
}

Answer show_run(Service& service, const Request& request) {
    const runs::RunRecord run = service.records.find(request.captures[0]);
    base::Object counts;
    for (const auto& [state, count] : service.records.counts(run.id)) {
        counts.set(state, count);
    }
    base::Array targets;
    for (const runs::TargetRecord& target : service.records.targets(run.id)) {
        targets.push_back(base::Object{{"component", target.component},
                                       {"node", target.node},
                                       {"level", target.level},
                                       {"state", target.state},
                                       {"reason", target.reason}});
    }
    base::Object document = summary(run);
    document.set("params", run.params);
    document.set("plan", maybe(run.plan));
    document.set("preempts", maybe(run.preempts));
    document.set("counts", std::move(counts));
    document.set("targets", std::move(targets));
    return Document{std::move(document)};
}

Answer follow_run(Service& service, const Request& request) {
    return Story{service.records.find(request.captures[0]).id, request.whole("after", 0)};
}

Answer explain_run(Service& service, const Request& request) {
    base::Array list;
    for (const engine::Waiting& each : service.rollouts.waiting(request.captures[0])) {
        list.push_back(base::Object{{"what", each.what}, {"until", maybe(each.until)}});
    }
    return Document{base::Object{{"waiting", std::move(list)}}};
}

Answer signal_run(Service& service, const Request& request) {
    const base::Value document = request.document();
    const base::Fields fields(document, "request");
    const std::string verb = fields.text("verb");
    const std::string reason = fields.text("reason", "");
    fields.finish();
    service.rollouts.signal(request.captures[0], verb, reason, request.caller.actor);
    return Document{};
}

} // namespace dispatcher::api
