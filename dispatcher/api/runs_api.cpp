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

base::Value to_value(const runs::TargetRecord& target) {
    return base::Object{{"component", target.component},
                        {"node", target.node},
                        {"level", target.level},
                        {"state", target.state},
                        {"reason", target.reason}};
}

void read_params(const base::Fields& fields, runs::RunRequest& request) {
    if (const auto params = fields.record("params")) {
        for (const base::Member& member : params->members()) {
            request.params.set(member.name, member.value);
        }
    }
}

std::optional<base::Time> maybe_time(const base::Fields& fields, std::string_view key) {
    const auto text = fields.maybe_text(key);
    try {
        return text ? std::optional(base::from_rfc3339(*text)) : std::nullopt;
    } catch (const base::Error& error) {
        fields.fail(key, error.message());
    }
}

runs::RunRequest read_deployment(const base::Fields& fields) {
    runs::RunRequest request;
    request.environment = base::EnvironmentName(fields.text("environment")).str();
    request.release = base::ReleaseName(fields.text("release")).str();
    request.workflow = fields.text("workflow", request.workflow);
    read_params(fields, request);
    return request;
}

runs::RunRequest read_operation(const base::Fields& fields) {
    runs::RunRequest request;
    request.kind = engine::RunKind::Operation;
    request.environment = base::EnvironmentName(fields.text("environment")).str();
    request.application = fields.maybe_text("application");
    request.workflow = fields.text("workflow");
    read_params(fields, request);
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
    if (kind != "deploy" && kind != "rollback" && kind != "operation") {
        fields.fail("kind",
                    fmt::format("'kind' is '{}', but must be 'deploy', 'rollback' or 'operation'", kind));
    }
    RunWanted wanted{kind == "deploy"     ? read_deployment(fields)
                     : kind == "rollback" ? read_rollback(fields)
                                          : read_operation(fields)};
    wanted.request.plan = fields.maybe_text("plan");
    wanted.request.override_lock = fields.maybe_text("override_lock");
    if (kind != "rollback") {
        wanted.request.override_freeze = fields.maybe_text("override_freeze");
        wanted.request.starts = maybe_time(fields, "at");
        wanted.request.expires = maybe_time(fields, "expires");
    }
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
        targets.push_back(to_value(target));
    }
    base::Object document = summary(run);
    document.set("params", run.params);
    document.set("plan", maybe(run.plan));
    document.set("preempts", maybe(run.preempts));
    document.set("retries", maybe(run.retries));
    document.set("retry_target", maybe(run.retry_target));
    document.set("again", run.again);
    document.set("done", run.done);
    document.set("at", maybe(run.starts));
    document.set("expires", maybe(run.expires));
    document.set("override_freeze", maybe(run.override_freeze));
    document.set("override_lock", maybe(run.override_lock));
    document.set("counts", std::move(counts));
    document.set("targets", std::move(targets));
    return Document{std::move(document)};
}

Answer follow_run(Service& service, const Request& request) {
    return Story{service.records.find(request.captures[0]).id, request.whole("after", 0),
                 request.whole("follow", 1) != 0};
}

Answer explain_run(Service& service, const Request& request) {
    const runs::Rollouts::Waits waiting = service.rollouts.waiting(request.captures[0]);
    base::Array list;
    for (const engine::Waiting& each : waiting.waits) {
        list.push_back(base::Object{{"what", each.what}, {"until", maybe(each.until)}});
    }
    base::Array left;
    for (const runs::TargetRecord& target : waiting.left) {
        left.push_back(to_value(target));
    }
    return Document{base::Object{
        {"waiting", std::move(list)}, {"needs_person", waiting.needs_person}, {"left", std::move(left)}}};
}

Answer show_journal(Service& service, const Request& request) {
    const std::string run = service.records.find(request.captures[0]).id;
    base::Array events;
    for (const runs::JournalEntry& entry : service.journal.entries(run)) {
        events.push_back(base::Object{{"number", entry.number},
                                      {"time", base::to_rfc3339(entry.time)},
                                      {"actor", entry.actor},
                                      {"event", entry.event}});
    }
    return Document{base::Object{{"input", service.records.input(run)}, {"events", std::move(events)}}};
}

Answer signal_run(Service& service, const Request& request) {
    const base::Value document = request.document();
    const base::Fields fields(document, "request");
    const base::Value* value = fields.any("value");
    const runs::Signal signal{.verb = fields.text("verb"),
                              .reason = fields.text("reason", ""),
                              .plan = fields.maybe_text("plan"),
                              .target = fields.maybe_text("target"),
                              .value = value == nullptr ? base::Value() : *value,
                              .actor = request.caller.actor,
                              .role = request.caller.role,
                              .again = fields.texts("again"),
                              .done = fields.texts("done")};
    fields.finish();
    const auto retried = service.rollouts.signal(request.captures[0], signal);
    return Document{retried ? base::Object{{"run", *retried}} : base::Object()};
}

Answer continue_run(Service& service, const Request& request) {
    const base::Value document = request.document();
    const base::Fields fields(document, "request");
    ContinuationWanted wanted{request.captures[0],
                              {.workflow = fields.text("workflow"),
                               .source = fields.text("source", ""),
                               .actor = request.caller.actor,
                               .reason = fields.text("reason", "")}};
    if (fields.any("source") != nullptr && wanted.text.source.empty()) {
        fields.fail("source", "'source' is empty; leave it out for a workflow that is there by name");
    }
    constexpr std::size_t most_name_bytes = 200;
    constexpr std::size_t most_reason_bytes = 65536;
    if (wanted.text.workflow.size() > most_name_bytes || wanted.text.reason.size() > most_reason_bytes) {
        fields.fail("reason", fmt::format("a workflow's name has at most {} bytes, a reason {}",
                                          most_name_bytes, most_reason_bytes));
    }
    fields.finish();
    (void)service.records.find(wanted.run);
    return wanted;
}

} // namespace dispatcher::api
