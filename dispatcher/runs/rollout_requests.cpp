// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// What people ask of runs: to be made, to go on, to end, to say what they wait for.
#include "base/error.hpp"
#include "base/log.hpp"
#include "dispatcher/runs/rollouts.hpp"

#include <algorithm>
#include <array>
#include <fmt/format.h>

namespace dispatcher::runs {

namespace engine = workflows::engine;

namespace {

/// How long after its time a scheduled run may still start when nobody said.
constexpr std::chrono::hours start_tolerance{1};
constexpr std::array<std::string_view, 9> verbs{"approve", "reject", "pause",    "resume", "cancel",
                                                "retry",   "skip",   "rollback", "signal"};

/// Somebody may want to know why, and try it again.
bool is_left_behind(const std::string& state) {
    static const std::set<std::string, std::less<>> left = {"failed",      "rollback_failed", "lost",
                                                            "quarantined", "refused",         "unreachable"};
    return left.contains(state);
}

engine::RunKind kind_of(const RunRecord& run) {
    for (const engine::RunKind kind : {engine::RunKind::Rollback, engine::RunKind::Operation}) {
        if (run.kind == engine::word(kind)) {
            return kind;
        }
    }
    return engine::RunKind::Deploy;
}

void check_reason(const std::optional<std::string>& reason, std::string_view option) {
    if (reason && reason->empty()) {
        throw base::Error(base::Fault::Input,
                          "an override needs a reason, which goes into the journal: {} REASON", option);
    }
}

} // namespace

RunRequest Rollouts::request_of(const RunRecord& run) const {
    RunRequest request;
    request.kind = kind_of(run);
    request.environment = run.environment;
    request.application = run.application;
    request.workflow = run.workflow;
    request.params = *run.params.object();
    request.plan = run.plan;
    request.preempts = run.preempts;
    if (run.preempts) {
        const RunRecord other = records_.find(*run.preempts);
        // One that had reached its goal before it could give way is what the environment runs now.
        const bool reached = other.outcome == engine::word(engine::Outcome::Succeeded) ||
                             other.outcome == engine::word(engine::Outcome::SucceededWithLeftOut);
        request.undoing = other.kind == "deploy" && !reached;
    }
    request.retries = run.retries;
    request.retry_target = run.retry_target;
    request.again = run.again;
    request.done = run.done;
    if (run.kind == "deploy" || run.release_given) {
        request.release = run.release;
    }
    return request;
}

// ---- to make one ----

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
                              request.environment, other.str(), other.id);
        }
    }
}

// Deployments and operations wait for the end of a lock; who goes back is in a hurry and must hear of it.
void Rollouts::refuse_locked_rollback(const RunRequest& request) const {
    const auto lock = locks_.find(request.environment, world_.alarms.now());
    if (request.kind == engine::RunKind::Rollback && lock && !request.override_lock) {
        throw base::Error(base::Fault::Conflict,
                          "{}; speak with them, or go back in spite of it with --override-lock REASON",
                          lock->str());
    }
}

void Rollouts::check_times(RunRequest& request) const {
    const base::Time now = world_.alarms.now();
    if (request.starts && !request.expires) {
        request.expires = *request.starts + start_tolerance;
    }
    if (request.expires && *request.expires <= std::max(now, request.starts.value_or(now))) {
        throw base::Error(base::Fault::Input, "the run could never start: it expires {}, which is {}",
                          base::to_rfc3339(*request.expires),
                          *request.expires <= now ? "over" : "not after the time at which it is to start");
    }
}

std::string Rollouts::request(RunRequest request, const std::string& actor) {
    check_reason(request.override_freeze, "--override-freeze");
    check_reason(request.override_lock, "--override-lock");
    check_times(request);
    refuse_locked_rollback(request);
    const std::shared_ptr<RunExecutor> holder =
        request.kind == engine::RunKind::Rollback
            ? active(request.environment, composer_.application_of(request))
            : nullptr;
    if (holder && holder->run().input().kind != engine::RunKind::Rollback) {
        request.preempts = holder->id();
        request.undoing = holder->run().input().kind == engine::RunKind::Deploy;
    }
    const Composition composition = composer_.compose(request);
    check_plan(request, composition);
    refuse_second_rollback(request, composition.application);

    RunRecord run;
    run.created = world_.alarms.now();
    run.id = base::make_ulid(run.created);
    run.kind = engine::word(request.kind);
    run.environment = request.environment;
    run.application = composition.application;
    run.release = composition.input.release.str();
    run.release_given = request.release.has_value();
    run.workflow = composition.input.workflow;
    run.params = composition.input.params;
    run.plan = request.plan;
    run.preempts = request.preempts;
    run.retries = request.retries;
    run.retry_target = request.retry_target;
    run.again = request.again;
    run.done = request.done;
    run.starts = request.starts;
    run.expires = request.expires;
    run.override_freeze = request.override_freeze;
    run.override_lock = request.override_lock;
    run.actor = actor;

    RunExecutor::Consequences consequences;
    try {
        base::Transaction transaction(world_.database);
        records_.create(run);
        tell_request(run, composition);
        if (run.preempts) {
            consequences = holder->record(
                engine::Signalled{"preempt", actor, "rollback " + run.id + " is waiting", {}, {}}, actor);
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

/// The first lines of a run's story: what it waits for, and what was overridden for it.
void Rollouts::tell_request(const RunRecord& run, const Composition& composition) {
    if (run.override_freeze) {
        note(run.id, "freeze overridden", {{"reason", *run.override_freeze}, {"by", run.actor}}, run.actor);
    }
    if (run.override_lock) {
        note(run.id, "lock overridden", {{"reason", *run.override_lock}, {"by", run.actor}}, run.actor);
    }
    for (const engine::DoneOnce& done : composition.input.done_once) {
        const bool said = std::find(run.done.begin(), run.done.end(), done.command) != run.done.end();
        note(run.id,
             done.again ? "command runs once more"
             : said     ? "command has run already, as somebody says"
                        : "command has run already",
             {{"command", done.command}, {"target", done.target.str()}, {"run", done.run}}, run.actor);
    }
    if (const auto ahead = behind(run)) {
        note(run.id, "run queued", {{"behind", ahead->str()}}, run.actor);
    }
    for (const engine::Waiting& wait : admission_of(run, &composition.input).waits) {
        note(run.id, "run waits", {{"for", wait.what}, {"until", base::to_rfc3339(*wait.until)}}, run.actor);
    }
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

// ---- to one that is there ----

std::optional<std::string> Rollouts::signal(const std::string& id, const Signal& signal) {
    if (std::find(verbs.begin(), verbs.end(), signal.verb) == verbs.end()) {
        throw base::Error(base::Fault::Input, "signal '{}' does not exist; it is one of {}", signal.verb,
                          fmt::join(verbs, ", "));
    }
    const RunRecord run = records_.find(id);
    const bool of_commands = !signal.again.empty() || !signal.done.empty();
    if (of_commands && (signal.verb != "retry" || run.state != "ended")) {
        throw base::Error(base::Fault::Input,
                          "commands are run again by a retry of a run that has ended, but run "
                          "'{}' is {} and this is '{}'",
                          id, run.state, signal.verb);
    }
    if (run.state == "ended") {
        if (signal.verb == "retry") {
            return retry(run, signal);
        }
        throw base::Error(base::Fault::Conflict, "run '{}' has ended already: {}", id,
                          run.outcome.value_or(""));
    }
    if (const auto found = executors_.find(id); found != executors_.end()) {
        pass_on(*found->second, run, signal);
    } else if (run.state == "running") {
        give_up(run, signal);
    } else if (signal.verb == "approve") {
        approve(run, signal);
    } else if (signal.verb == "reject" || signal.verb == "cancel") {
        const bool rejected = signal.verb == "reject";
        end_unstarted(run, rejected ? engine::Outcome::Refused : engine::Outcome::Cancelled,
                      fmt::format("{} by {} before it started{}", rejected ? "rejected" : "cancelled",
                                  signal.actor, signal.reason.empty() ? "" : ": " + signal.reason),
                      signal.actor);
        start_when_possible(run.environment);
    } else {
        throw base::Error(base::Fault::Conflict,
                          "run '{}' has not started yet; it can be approved, rejected or cancelled", id);
    }
    return std::nullopt;
}

/// One that cannot be read (see `begin`).
void Rollouts::give_up(const RunRecord& run, const Signal& signal) {
    if (signal.verb != "cancel") {
        throw base::Error(base::Fault::Conflict,
                          "run '{}' cannot go on, the dispatcher's log says why; it can only be cancelled",
                          run.id);
    }
    const std::string reason =
        fmt::format("cancelled by {}{}; it could not go on, and nobody knows what its nodes have done since",
                    signal.actor, signal.reason.empty() ? "" : ": " + signal.reason);
    base::Transaction transaction(world_.database);
    RunExecutor::give_up(world_, run.id, reason);
    note(run.id, "run ended", {{"outcome", engine::word(engine::Outcome::Cancelled)}, {"reason", reason}},
         signal.actor);
    transaction.commit();
    world_.told(run.id);
    start_when_possible(run.environment);
}

void Rollouts::pass_on(RunExecutor& executor, const RunRecord& run, const Signal& signal) {
    engine::Signalled said{signal.verb, signal.actor, signal.reason, std::nullopt,
                           signal.verb == "signal" ? signal.value : base::Value()};
    if (signal.verb == "approve" || signal.verb == "reject") {
        said.value = base::Object{{"role", signal.role}};
    }
    if (const std::string hash = executor.run().input().hash().str(); signal.plan && *signal.plan != hash) {
        throw base::Error(base::Fault::Conflict, "run '{}' has started with '{}', not with plan '{}'", run.id,
                          hash, *signal.plan);
    }
    if (!signal.target) {
        executor.run().check(said);
        executor.happened(said, signal.actor);
        return;
    }
    // Of a node's targets those that it can be about.
    std::vector<engine::Event> events;
    std::optional<base::Error> objection;
    for (const engine::Target& target : targets_of(run, *signal.target)) {
        said.target = target;
        try {
            executor.run().check(said);
            events.emplace_back(said);
        } catch (const base::Error& error) {
            objection = error;
        }
    }
    if (events.empty()) {
        throw *objection;
    }
    executor.happened(events, signal.actor);
}

std::vector<engine::Target> Rollouts::targets_of(const RunRecord& run, const std::string& text) const {
    std::vector<engine::Target> found;
    for (const TargetRecord& record : records_.targets(run.id)) {
        const engine::Target target{base::ComponentName(record.component), base::NodeName(record.node)};
        if (record.node == text || target.str() == text) {
            found.push_back(target);
        }
    }
    if (found.empty()) {
        throw base::Error(base::Fault::NotFound,
                          "run '{}' has no target '{}'; name a node, or a target as 'shop/web on web-1', see "
                          "'tiercel run show {}'",
                          run.id, text, run.id);
    }
    return found;
}

void Rollouts::approve(const RunRecord& run, const Signal& signal) {
    const auto wanted = policies_.read(run.environment).approval;
    if (run.kind != "deploy" || !wanted) {
        throw base::Error(base::Fault::Conflict, "run '{}' needs no approval; see 'tiercel run explain {}'",
                          run.id, run.id);
    }
    if (signal.actor == run.actor) {
        throw base::Error(base::Fault::Denied,
                          "run '{}' was asked for by '{}'; somebody else must approve it", run.id, run.actor);
    }
    if (!wanted->role.empty() && signal.role != wanted->role) {
        throw base::Error(base::Fault::Denied,
                          "run '{}' is approved by people with role '{}'; the token of '{}' has {}", run.id,
                          wanted->role, signal.actor,
                          signal.role.empty() ? "none" : fmt::format("role '{}'", signal.role));
    }
    const RunRequest request = request_of(run);
    const Composition composition = composer_.compose(request);
    check_plan(request, composition);
    const std::string hash = composition.input.hash().str();
    if (signal.plan && *signal.plan != hash) {
        throw base::Error(
            base::Fault::Conflict,
            "run '{}' would start with '{}', not with plan '{}'; look at it with 'tiercel plan {} {}'",
            run.id, hash, *signal.plan, run.environment, run.release);
    }
    base::Transaction transaction(world_.database);
    // What moves later can only be named when it is known what was approved.
    records_.remember_plan(hash, composition.input.to_value(), signal.actor, world_.alarms.now());
    approvals_.add({.run = run.id,
                    .actor = signal.actor,
                    .role = signal.role,
                    .hash = hash,
                    .reason = signal.reason,
                    .time = world_.alarms.now()});
    note(run.id, "run approved", {{"by", signal.actor}, {"plan", hash}, {"reason", signal.reason}},
         signal.actor);
    transaction.commit();
    world_.told(run.id);
    start_when_possible(run.environment);
}

std::string Rollouts::retry(const RunRecord& run, const Signal& signal) {
    if (run.kind == "rollback") {
        throw base::Error(base::Fault::Conflict,
                          "run '{}' was a rollback; ask for it again with 'tiercel rollback {} --to {}'",
                          run.id, run.environment, run.release);
    }
    if (!run.epoch) {
        throw base::Error(base::Fault::Conflict, "run '{}' never started; ask for it again", run.id);
    }
    RunRequest request = request_of(run);
    request.plan.reset();
    request.retries = run.id;
    request.retry_target = signal.target;
    request.again = signal.again;
    request.done = signal.done;
    if (signal.target) {
        (void)targets_of(run, *signal.target);
    }
    return this->request(std::move(request), signal.actor);
}

// ---- what it waits for ----

Rollouts::Waits Rollouts::waiting(const std::string& id) const {
    const RunRecord run = records_.find(id);
    std::vector<TargetRecord> left = records_.targets(id);
    std::erase_if(left, [](const TargetRecord& target) { return !is_left_behind(target.state); });
    if (const auto found = executors_.find(id); found != executors_.end()) {
        Waits answer{found->second->run().waiting(), false, std::move(left)};
        answer.needs_person = std::any_of(answer.waits.begin(), answer.waits.end(),
                                          [](const auto& wait) { return wait.person; });
        if (const auto frozen = found->second->in_freeze() ? freeze_of(*found->second) : std::nullopt) {
            answer.waits.insert(answer.waits.begin(), {"the end of " + frozen->why, frozen->until});
        }
        return answer;
    }
    Waits answer{{}, false, std::move(left)};
    if (run.state == "running") {
        answer.waits.push_back(
            {fmt::format("a person: it cannot go on, the dispatcher's log says why; 'tiercel run cancel {}'",
                         id),
             {}});
        answer.needs_person = true;
    }
    if (run.state != "queued") {
        return answer;
    }
    if (const auto ahead = behind(run)) {
        answer.waits.push_back({"the end of " + ahead->str(), {}});
    }
    try {
        const Composition composition = composer_.compose(request_of(run));
        const Admission admitted = admission_of(run, &composition.input);
        answer.waits.insert(answer.waits.end(), admitted.waits.begin(), admitted.waits.end());
        answer.needs_person = admitted.needs_person;
    } catch (const base::Error& error) {
        answer.waits.push_back({"what keeps it from starting: " + error.message(), run.expires});
    }
    return answer;
}

void Rollouts::look_again(const std::string& environment) {
    start_when_possible(environment);
}

} // namespace dispatcher::runs
