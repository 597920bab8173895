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

} // namespace

Rollouts::Rollouts(World& world, const Composer& composer)
    : world_(world), composer_(composer), records_(world.database), orders_(world.database),
      journal_(world.database), policies_(world.database), approvals_(world.database),
      locks_(world.database) {
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

// ---- from queued to ended ----

/// A copy: what is done to them may end some.
std::vector<std::shared_ptr<RunExecutor>> Rollouts::under_way() const {
    std::vector<std::shared_ptr<RunExecutor>> all;
    for (const auto& [id, executor] : executors_) {
        all.push_back(executor);
    }
    return all;
}

std::shared_ptr<RunExecutor> Rollouts::active(const std::string& environment,
                                              const std::string& application) const {
    for (const auto& [id, executor] : executors_) {
        const engine::RunInput& input = executor->run().input();
        if (input.environment.str() == environment && base::before_slash(input.release) == application &&
            !executor->ended()) {
            return executor;
        }
    }
    return nullptr;
}

void Rollouts::start_when_possible(const std::string& environment) {
    try {
        start_next(environment);
    } catch (const std::exception& error) {
        base::log(base::LogLevel::Error, "runs could not be looked at",
                  {{"environment", environment}, {"error", error.what()}});
        world_.alarms.wake(world_.alarms.now() + retry_pause,
                           [this, environment] { start_when_possible(environment); });
    }
}

std::string Rollouts::Behind::str() const {
    return fmt::format("{}, which works on {}, too", run.str(), where);
}

/// All that queue, in their order, with the one that each waits for. `look` tells whether it takes its place:
/// those that come after and meet it wait for it then.
void Rollouts::in_order(
    const std::string& environment,
    const std::function<bool(const RunRecord&, const std::optional<Behind>&)>& look) const {
    std::vector<RunRecord> queue = records_.open(environment);
    const auto waiting = std::stable_partition(queue.begin(), queue.end(),
                                               [](const RunRecord& run) { return run.state == "running"; });
    std::stable_partition(waiting, queue.end(), [](const RunRecord& run) { return run.kind == "rollback"; });
    if (waiting == queue.end()) {
        return;
    }
    std::vector<std::pair<const RunRecord*, Footprint>> taken;
    for (auto run = queue.begin(); run != waiting; ++run) {
        taken.emplace_back(&*run, footprint_under_way(*run));
    }
    const engine::Environment declared = Environments(world_.database).find(environment).read();
    for (auto run = waiting; run != queue.end(); ++run) {
        const Footprint footprint = Footprint::of(run->application, declared);
        std::optional<Behind> behind;
        for (const auto& [other, theirs] : taken) {
            if (const auto where = behind ? std::nullopt : footprint.meets(theirs)) {
                behind = Behind{*other, *where};
            }
        }
        if (look(*run, behind)) {
            taken.emplace_back(&*run, footprint);
        }
    }
}

/// From the records, because one that cannot be read holds what it has.
Footprint Rollouts::footprint_under_way(const RunRecord& run) const {
    Footprint footprint{run.application, {}};
    for (const TargetRecord& target : records_.targets(run.id)) {
        footprint.nodes.insert(base::NodeName(target.node));
    }
    return footprint;
}

std::optional<Rollouts::Behind> Rollouts::behind(const RunRecord& run) const {
    std::optional<Behind> found;
    in_order(run.environment, [&](const RunRecord& other, const std::optional<Behind>& ahead) {
        if (other.id == run.id) {
            found = ahead;
        }
        return ahead && admission_of(other, nullptr).waits.empty();
    });
    return found;
}

void Rollouts::start_next(const std::string& environment) {
    std::optional<base::Time> next;
    const auto look_at = [&](std::optional<base::Time> time) {
        next = time && next ? std::min(*time, *next) : (time ? time : next);
    };
    const auto consider = [&](const RunRecord& run, const std::optional<Behind>& behind) {
        // What a run would be bound to is known once nobody is in its way; until then only its time may run
        // out.
        const std::optional<Composition> composition = behind ? std::nullopt : composed(run);
        if (!behind && !composition) {
            return false;
        }
        if (composition) {
            drop_void_approvals(run, composition->input);
        }
        const Admission admitted = admission_of(run, composition ? &composition->input : nullptr);
        look_at(admitted.look_again);
        if (admitted.ends) {
            end_unstarted(run, admitted.ends->outcome, admitted.ends->reason, std::string(self));
            return false;
        }
        return admitted.waits.empty() && (behind || start(run, *composition));
    };
    in_order(environment, [&](const RunRecord& run, const std::optional<Behind>& behind) {
        try {
            return consider(run, behind);
        } catch (const std::exception& error) {
            // It keeps its place: the disk is full, or a program is missing. Others may have what they need.
            base::log(base::LogLevel::Error, "run could not start",
                      {{"run", run.id}, {"error", error.what()}});
            look_at(world_.alarms.now() + retry_pause);
            return true;
        }
    });
    for (const auto& executor : under_way()) {
        if (executor->run().input().environment.str() == environment && !executor->ended()) {
            look_at(keep_to_freeze(*executor));
        }
    }
    wake(environment, next);
}

/// Nothing when the world moved so that it can never start; it has ended then.
std::optional<Composition> Rollouts::composed(const RunRecord& run) {
    try {
        const RunRequest request = request_of(run);
        Composition composition = composer_.compose(request);
        check_plan(request, composition);
        return composition;
    } catch (const base::Error& error) {
        if (error.fault() == base::Fault::Unavailable || error.fault() == base::Fault::Internal) {
            throw;
        }
        end_unstarted(run, engine::Outcome::Refused, error.message(), std::string(self));
        return std::nullopt;
    }
}

Admission Rollouts::admission_of(const RunRecord& run, const engine::RunInput* input) const {
    const base::Time now = world_.alarms.now();
    std::vector<Approval> approvals = approvals_.of(run.id);
    if (input != nullptr) {
        std::erase_if(approvals, [hash = input->hash().str()](const Approval& approval) {
            return approval.hash != hash;
        });
    }
    return admission(run, input == nullptr ? std::set<base::ComponentName>{} : components_of(*input),
                     policies_.read(run.environment), locks_.find(run.environment, now), approvals, now);
}

/// Law 13: who approved something else than what would start now has not approved it.
void Rollouts::drop_void_approvals(const RunRecord& run, const engine::RunInput& today) {
    const std::string hash = today.hash().str();
    base::Transaction transaction(world_.database);
    bool told = false;
    for (const Approval& approval : approvals_.of(run.id)) {
        if (approval.hash == hash) {
            continue;
        }
        const auto approved = records_.plan(approval.hash);
        approvals_.forget(run.id, approval.actor);
        note(run.id, "approval void",
             {{"by", approval.actor},
              {"moved",
               approved
                   ? fmt::format("{}", fmt::join(moved(engine::RunInput::from_value(*approved), today), ", "))
                   : "what it would start with"}},
             std::string(self));
        told = true;
    }
    transaction.commit();
    if (told) {
        world_.told(run.id);
    }
}

/// The freeze that keeps a run under way from going on; none does for one that was let through.
std::optional<engine::Policy::Frozen> Rollouts::freeze_of(const RunExecutor& executor) const {
    const engine::RunInput& input = executor.run().input();
    if (input.kind == engine::RunKind::Rollback || records_.find(executor.id()).override_freeze) {
        return std::nullopt;
    }
    return policies_.read(input.environment.str()).frozen(components_of(input), world_.alarms.now(), true);
}

/// When to look at it again.
std::optional<base::Time> Rollouts::keep_to_freeze(RunExecutor& executor) {
    executor.keep_to_freeze(freeze_of(executor));
    return policies_.read(executor.run().input().environment.str()).next_change(world_.alarms.now());
}

void Rollouts::wake(const std::string& environment, std::optional<base::Time> at) {
    if (!at) {
        return;
    }
    const auto armed = wakes_.find(environment);
    if (armed != wakes_.end() && armed->second <= *at) {
        return;
    }
    wakes_[environment] = *at;
    world_.alarms.wake(*at, [this, environment, at = *at] {
        // One that was armed for later finds that another came before it.
        if (const auto due = wakes_.find(environment); due != wakes_.end() && due->second == at) {
            wakes_.erase(due);
            start_when_possible(environment);
        }
    });
}

/// False when it was refused.
bool Rollouts::start(const RunRecord& queued, Composition composition) {
    RunRecord run = queued;
    try {
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
        composition.input.actor = run.actor;
        composition.input.out = out_of_service(composition.input, Standings(world_.database), world_.fleet);
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
        end_unstarted(run, engine::Outcome::Refused, error.message(), std::string(self));
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
        // One that cannot be read holds what it has until a person cancels it; one that could not write tries
        // again by itself.
        base::log(base::LogLevel::Error, "run cannot go on", {{"run", run}, {"error", error.what()}});
    }
}

void Rollouts::end_unstarted(const RunRecord& run, engine::Outcome outcome, const std::string& reason,
                             const std::string& actor) {
    base::Transaction transaction(world_.database);
    records_.end(run.id, std::string(engine::word(outcome)), reason, world_.alarms.now());
    note(run.id, "run ended", {{"outcome", engine::word(outcome)}, {"reason", reason}}, actor);
    transaction.commit();
    world_.told(run.id);
}

void Rollouts::has_ended(const std::string& run) {
    // The look comes first: when it fails, this is tried again, by an executor that must still be there.
    const RunRecord record = records_.find(run);
    executors_.erase(run);
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
        OnceCommands(world_.database).heard(order->run, order->number, report);
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
    for (const auto& executor : under_way()) {
        executor->node_seen(node, online);
    }
}

} // namespace dispatcher::runs
