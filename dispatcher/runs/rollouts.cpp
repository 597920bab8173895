// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/runs/rollouts.hpp"

#include "base/error.hpp"
#include "base/log.hpp"

#include <algorithm>
#include <fmt/format.h>

namespace dispatcher::runs {

namespace engine = workflows::engine;

namespace {

constexpr std::string_view self = "dispatcher";
constexpr std::chrono::seconds retry_pause{5};

std::string kind_word(engine::RunKind kind) {
    return kind == engine::RunKind::Deploy ? "deploy" : "rollback";
}

RunRequest request_of(const RunRecord& run) {
    RunRequest request;
    request.kind = run.kind == "rollback" ? engine::RunKind::Rollback : engine::RunKind::Deploy;
    request.environment = run.environment;
    request.application = run.application;
    request.workflow = run.workflow;
    request.params = *run.params.object();
    request.plan = run.plan;
    request.preempts = run.preempts;
    if (run.kind == "deploy" || run.release_given) {
        request.release = run.release;
    }
    return request;
}

std::string described(const RunRecord& run) {
    return fmt::format("run {} ({} of {} by {})", run.id, run.kind, run.release, run.actor);
}

} // namespace

Rollouts::Rollouts(World& world, const Composer& composer)
    : world_(world), composer_(composer), records_(world.database), orders_(world.database),
      journal_(world.database) {
    world_.ended = [this](const std::string& run) {
        has_ended(run);
    };
}

void Rollouts::resume() {
    std::vector<std::string> environments;
    for (const RunRecord& run : records_.open(std::nullopt)) {
        if (run.state == "running") {
            begin(run.id);
        }
        environments.push_back(run.environment);
    }
    for (const std::string& environment : environments) {
        start_when_possible(environment);
    }
}

// ---- asked for by people ----

// Asked twice in a hurry, "back to the last known-good" would go back two releases.
void Rollouts::refuse_second_rollback(const RunRequest& request, const std::string& application) const {
    if (request.kind != engine::RunKind::Rollback || request.release) {
        return;
    }
    for (const RunRecord& other : records_.open(request.environment)) {
        if (other.kind == "rollback" && other.application == application) {
            throw base::Error(base::Fault::Conflict,
                              "environment '{}' is on its way back already: {}; follow it with 'tiercel run "
                              "follow {}', or name "
                              "a release with --to",
                              request.environment, described(other), other.id);
        }
    }
}

std::string Rollouts::request(RunRequest request, const std::string& actor) {
    const std::shared_ptr<RunExecutor> holder = active(request.environment);
    if (request.kind == engine::RunKind::Rollback && holder &&
        holder->run().input().kind == engine::RunKind::Deploy) {
        request.preempts = holder->id();
    }
    const Composition composition = composer_.compose(request);
    check_plan(request, composition);
    refuse_second_rollback(request, composition.application);

    RunRecord run;
    run.created = world_.alarms.now();
    run.id = base::make_ulid(run.created);
    run.kind = kind_word(request.kind);
    run.environment = request.environment;
    run.application = composition.application;
    run.release = composition.input.release.str();
    run.release_given = request.release.has_value();
    run.workflow = composition.input.workflow;
    run.params = composition.input.params;
    run.plan = request.plan;
    run.preempts = request.preempts;
    run.actor = actor;

    RunExecutor::Consequences consequences;
    try {
        base::Transaction transaction(world_.database);
        records_.create(run);
        if (holder) {
            note(run.id, "run queued", {{"behind", described(records_.find(holder->id()))}}, actor);
        }
        if (run.preempts) {
            consequences = holder->record(
                engine::Signalled{"preempt", actor, "rollback " + run.id + " is waiting"}, actor);
        }
        transaction.commit();
    } catch (const std::exception&) {
        if (run.preempts) {
            holder->forget();
        }
        throw;
    }
    base::log(base::LogLevel::Info, "run requested",
              {{"run", run.id},
               {"kind", run.kind},
               {"environment", run.environment},
               {"release", run.release},
               {"actor", actor}});
    if (run.preempts) {
        holder->act(consequences);
    }
    start_when_possible(run.environment);
    return run.id;
}

void Rollouts::check_plan(const RunRequest& request, const Composition& composition) const {
    if (!request.plan || composition.input.hash().str() == *request.plan) {
        return;
    }
    const auto planned = records_.plan(*request.plan);
    if (!planned) {
        throw base::Error(base::Fault::Conflict,
                          "plan '{}' is not known here; make a new one with 'tiercel plan {} {}'",
                          *request.plan, request.environment, composition.input.release);
    }
    throw base::Error(base::Fault::Conflict,
                      "what was planned has moved: {}; make a new plan with 'tiercel plan {} {}'",
                      fmt::join(moved(engine::RunInput::from_value(*planned), composition.input), ", "),
                      request.environment, composition.input.release);
}

void Rollouts::signal(const std::string& id, const std::string& verb, const std::string& reason,
                      const std::string& actor) {
    if (verb != "pause" && verb != "resume" && verb != "cancel") {
        throw base::Error(base::Fault::Input, "signal '{}' does not exist; it is pause, resume or cancel",
                          verb);
    }
    const RunRecord run = records_.find(id);
    if (run.state == "ended") {
        throw base::Error(base::Fault::Conflict, "run '{}' has ended already: {}", id,
                          run.outcome.value_or(""));
    }
    if (const auto found = executors_.find(id); found != executors_.end()) {
        found->second->happened(engine::Signalled{verb, actor, reason}, actor);
        return;
    }
    if (verb != "cancel") {
        throw base::Error(base::Fault::Conflict, "run '{}' has not started yet; it can only be cancelled",
                          id);
    }
    base::Transaction transaction(world_.database);
    const std::string why = reason.empty() ? "cancelled before it started" : reason;
    records_.end(id, std::string(engine::word(engine::Outcome::Cancelled)), why, world_.alarms.now());
    note(id, "run ended", {{"outcome", engine::word(engine::Outcome::Cancelled)}, {"reason", why}}, actor);
    transaction.commit();
    world_.told(id);
}

std::vector<engine::Waiting> Rollouts::waiting(const std::string& id) const {
    const RunRecord run = records_.find(id);
    if (const auto found = executors_.find(id); found != executors_.end()) {
        return found->second->run().waiting();
    }
    std::vector<engine::Waiting> waiting;
    if (run.state == "queued") {
        for (const RunRecord& other : records_.open(run.environment)) {
            if (other.id != run.id &&
                (other.state == "running" || other.kind == "rollback" || run.kind != "rollback")) {
                waiting.push_back({fmt::format("the end of {}, which holds environment '{}'",
                                               described(other), run.environment),
                                   {}});
                break;
            }
        }
    }
    return waiting;
}

// ---- from queued to ended ----

std::shared_ptr<RunExecutor> Rollouts::active(const std::string& environment) const {
    for (const auto& [id, executor] : executors_) {
        if (executor->run().input().environment.str() == environment && !executor->ended()) {
            return executor;
        }
    }
    return nullptr;
}

void Rollouts::start_when_possible(const std::string& environment) {
    try {
        start_next(environment);
    } catch (const std::exception& error) {
        // It is queued and stays so: the disk is full, or a program is missing.
        base::log(base::LogLevel::Error, "run could not start",
                  {{"environment", environment}, {"error", error.what()}});
        world_.alarms.wake(world_.alarms.now() + retry_pause,
                           [this, environment] { start_when_possible(environment); });
    }
}

void Rollouts::start_next(const std::string& environment) {
    while (!active(environment)) {
        std::vector<RunRecord> queue = records_.open(environment);
        std::stable_partition(queue.begin(), queue.end(),
                              [](const RunRecord& run) { return run.kind == "rollback"; });
        if (queue.empty() || std::any_of(queue.begin(), queue.end(),
                                         [](const RunRecord& run) { return run.state == "running"; })) {
            return;
        }
        start(queue.front());
    }
}

/// False when it was refused, because the world moved while it queued.
bool Rollouts::start(const RunRecord& queued) {
    RunRecord run = queued;
    try {
        const RunRequest request = request_of(run);
        Composition composition = composer_.compose(request);
        check_plan(request, composition);
        base::Transaction transaction(world_.database);
        Environments(world_.database)
            .saw_release(composition.input.release, composition.manifest, composition.envelope,
                         world_.alarms.now());
        run.epoch = records_.next_epoch();
        run.started = world_.alarms.now();
        run.release = composition.input.release.str();
        run.manifest = composition.manifest.str();
        run.environment_version = composition.environment_version;
        run.goal = composition.goal;
        if (composition.input.from) {
            run.from = composition.input.from->str();
        }
        composition.input.epoch = *run.epoch;
        records_.start(run, composition.input.to_value());
        for (const engine::TargetView& view : engine::Run(composition.input).targets()) {
            records_.set_target(run.id, {.component = view.target.component.str(),
                                         .node = view.target.node.str(),
                                         .level = view.level,
                                         .state = std::string(engine::word(view.state)),
                                         .reason = view.reason});
        }
        transaction.commit();
    } catch (const base::Error& error) {
        if (error.fault() == base::Fault::Unavailable || error.fault() == base::Fault::Internal) {
            throw;
        }
        refuse(run, error.message());
        return false;
    }
    begin(run.id);
    return true;
}

void Rollouts::begin(const std::string& run) {
    try {
        const auto executor = RunExecutor::open(world_, run);
        executors_[run] = executor;
        executor->begin();
    } catch (const std::exception& error) {
        // One that cannot be read holds its environment until a person has looked; one that could not write
        // tries again by itself.
        base::log(base::LogLevel::Error, "run cannot go on", {{"run", run}, {"error", error.what()}});
    }
}

void Rollouts::refuse(const RunRecord& run, const std::string& reason) {
    base::Transaction transaction(world_.database);
    records_.end(run.id, std::string(engine::word(engine::Outcome::Refused)), reason, world_.alarms.now());
    note(run.id, "run ended", {{"outcome", engine::word(engine::Outcome::Refused)}, {"reason", reason}},
         std::string(self));
    transaction.commit();
    world_.told(run.id);
}

void Rollouts::has_ended(const std::string& run) {
    executors_.erase(run);
    const RunRecord record = records_.find(run);
    base::log(base::LogLevel::Info, "run ended",
              {{"run", run},
               {"environment", record.environment},
               {"outcome", record.outcome.value_or("")},
               {"reason", record.reason}});
    start_when_possible(record.environment);
}

void Rollouts::note(const std::string& run, const std::string& message, base::Object fields,
                    const std::string& actor) {
    NoteRecord note;
    note.time = world_.alarms.now();
    note.run = run;
    note.message = message;
    note.actor = actor;
    note.fields = std::move(fields);
    journal_.note(note);
}

// ---- from the nodes ----

void Rollouts::received(const base::NodeName& node, const std::string& id) {
    const auto order = orders_.find(id);
    if (order && order->node == node.str()) {
        base::Transaction transaction(world_.database);
        orders_.received(id, world_.alarms.now());
        transaction.commit();
    }
}

void Rollouts::reported(const base::NodeName& node, const protocol::Report& report) {
    const auto order = orders_.find(report.order);
    if (order && order->node != node.str()) {
        throw base::Error(base::Fault::Denied, "node '{}' reports on order '{}', which was not sent to it",
                          node, report.order);
    }
    const auto found = order ? executors_.find(order->run) : executors_.end();
    const std::shared_ptr<RunExecutor> executor = found == executors_.end() ? nullptr : found->second;
    RunExecutor::Consequences consequences;
    bool known = false; // from here on a failure is ours, never the node's
    try {
        base::Transaction transaction(world_.database);
        if (!orders_.reported(report, world_.alarms.now())) {
            return;
        }
        known = true;
        if (executor) {
            consequences = executor->record(engine::Reported{.order = order->number,
                                                             .ok = report.ok,
                                                             .code = report.code,
                                                             .reason = report.reason,
                                                             .detail = report.detail},
                                            "node:" + node.str());
        }
        transaction.commit();
    } catch (const std::exception& error) {
        if (!known) {
            throw;
        }
        if (executor) {
            executor->forget();
        }
        throw base::Error(base::Fault::Unavailable, "the report on order '{}' could not be stored: {}",
                          report.order, error.what());
    }
    if (executor) {
        executor->act(consequences);
    } else {
        other_reported(order->run);
    }
}

void Rollouts::node_seen(const base::NodeName& node, bool online) {
    std::vector<std::shared_ptr<RunExecutor>> all;
    for (const auto& [id, executor] : executors_) {
        all.push_back(executor);
    }
    for (const auto& executor : all) {
        executor->node_seen(node, online);
    }
}

} // namespace dispatcher::runs
