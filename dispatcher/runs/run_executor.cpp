// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/runs/run_executor.hpp"

#include "base/error.hpp"
#include "base/json.hpp"
#include "base/log.hpp"
#include "base/toml.hpp"
#include "dispatcher/runs/environments.hpp"
#include "dispatcher/runs/once_commands.hpp"
#include "dispatcher/runs/standings.hpp"
#include "dispatcher/runs/vm_lines.hpp"
#include "workflows/engine/transitions.hpp"

#include <fmt/format.h>

namespace dispatcher::runs {

namespace engine = workflows::engine;

namespace {

constexpr std::string_view self = "dispatcher";
constexpr std::string_view policy_actor = "policy";
/// How long after a restart nodes have to come back before they count as away: more than a client's longest
/// pause before it connects again.
constexpr std::chrono::seconds return_time{15};
constexpr std::chrono::seconds retry_pause{5};
constexpr int script_deaths_allowed = 3;

template <class... Cases> struct Overloaded : Cases... { using Cases::operator()...; };
// clang 14 does not find it by itself.
template <class... Cases> Overloaded(Cases...) -> Overloaded<Cases...>;

/// Runs `undo` at the end of the scope unless dismissed.
template <class Undo> class Guard {
public:
    explicit Guard(Undo undo) : undo_(std::move(undo)) {}
    ~Guard() {
        if (armed_) {
            undo_();
        }
    }
    Guard(const Guard&) = delete;
    Guard& operator=(const Guard&) = delete;
    void dismiss() noexcept { armed_ = false; }

private:
    Undo undo_;
    bool armed_ = true;
};

std::string_view level_of(engine::TargetState state) noexcept {
    switch (state) {
    case engine::TargetState::RollbackFailed:
    case engine::TargetState::Quarantined:
    case engine::TargetState::Lost:
        return "error";
    case engine::TargetState::Failed:
    case engine::TargetState::Refused:
    case engine::TargetState::Unreachable:
        return "warning";
    default:
        return "info";
    }
}

std::string_view level_of(engine::Outcome outcome) noexcept {
    switch (outcome) {
    case engine::Outcome::Succeeded:
        return "info";
    case engine::Outcome::RollbackFailed:
    case engine::Outcome::NeedsPerson:
        return "error";
    default:
        return "warning";
    }
}

} // namespace

RunExecutor::RunExecutor(World& world, std::string run)
    : world_(world), id_(std::move(run)), records_(world.database), journal_(world.database),
      orders_(world.database) {}

std::shared_ptr<RunExecutor> RunExecutor::open(World& world, const std::string& run) {
    std::shared_ptr<RunExecutor> executor(new RunExecutor(world, run));
    executor->load();
    return executor;
}

void RunExecutor::load() {
    run_ = std::make_unique<engine::Run>(engine::RunInput::from_value(records_.input(id_)));
    last_event_ = 0;
    timers_.clear();
    seen_.clear();
    nodes_.clear();
    for (const engine::Desired& desired : run_->input().targets) {
        nodes_.insert(desired.target.node);
    }
    measurements_.clear();
    hold_.reset();
    for (const JournalEntry& entry : journal_.entries(id_)) {
        const engine::Event event = engine::event_from_value(entry.event);
        observe(event, entry.time);
        for (const engine::Effect& effect : run_->handle(event, entry.time)) {
            observe(effect);
        }
        last_event_ = entry.number;
    }
}

// What the executor itself remembers of the journal.
void RunExecutor::observe(const engine::Event& event, base::Time time) {
    if (const auto* fired = std::get_if<engine::TimerFired>(&event)) {
        timers_.erase(fired->timer);
    } else if (const auto* seen = std::get_if<engine::NodeSeen>(&event)) {
        seen_[seen->node] = seen->online;
    } else if (const auto* measured = std::get_if<engine::Measured>(&event)) {
        measurements_.erase(measured->measurement);
    } else if (const auto* signal = std::get_if<engine::Signalled>(&event);
               signal != nullptr && (signal->verb == "pause" || signal->verb == "resume")) {
        hold_ = Hold{signal->verb, signal->actor, time};
    }
}

void RunExecutor::observe(const engine::Effect& effect) {
    if (const auto* timer = std::get_if<engine::SetTimer>(&effect)) {
        timers_[timer->timer] = timer->at;
    } else if (const auto* wanted = std::get_if<engine::Measure>(&effect)) {
        measurements_.emplace(wanted->measurement, *wanted);
    }
}

void RunExecutor::begin() {
    if (last_event_ == 0) {
        std::vector<engine::Event> events;
        for (const base::NodeName& node : nodes_) {
            events.emplace_back(engine::NodeSeen{node, world_.fleet.online(node)});
        }
        events.emplace_back(engine::Started{});
        happened(events, records_.find(id_).actor);
    } else {
        base::log(base::LogLevel::Info, "run resumed", {{"run", id_}, {"events", last_event_}});
        for (const auto& [timer, at] : timers_) {
            arm_timer(timer, at);
        }
        for (const auto& [number, wanted] : measurements_) {
            measure(wanted);
        }
        for (const OrderRecord& order : orders_.unanswered(id_)) {
            world_.fleet.send(order);
        }
        arm(world_.alarms.now() + return_time,
            [](RunExecutor& executor) { executor.look_for_missing_nodes(); });
    }
    start_script();
}

// ---- events ----

void RunExecutor::happened(const engine::Event& event, const std::string& actor) {
    happened(std::vector<engine::Event>{event}, actor);
}

void RunExecutor::happened(const std::vector<engine::Event>& events, const std::string& actor) {
    waiting_.emplace_back(events, actor);
    // What acting on one event brings about waits its turn, so that effects of one event never mix with
    // another's.
    if (!working_) {
        drain();
    }
}

void RunExecutor::drain() {
    working_ = true;
    Guard done([this] {
        working_ = false;
        waiting_.clear();
    });
    while (!waiting_.empty()) {
        const auto [events, actor] = std::move(waiting_.front());
        waiting_.pop_front();
        if (run_->ended()) {
            continue;
        }
        std::vector<Consequences> all;
        {
            Guard failed([this] { forget(); });
            base::Transaction transaction(world_.database);
            for (const engine::Event& event : events) {
                all.push_back(record(event, actor));
            }
            transaction.commit();
            failed.dismiss();
        }
        for (const Consequences& consequences : all) {
            act(consequences);
        }
    }
}

RunExecutor::Consequences RunExecutor::record(const engine::Event& event, const std::string& actor) {
    const base::Time now = world_.alarms.now();
    Consequences consequences;
    if (run_->ended()) {
        return consequences;
    }
    journal_.append(id_, {++last_event_, now, actor, engine::to_value(event)});
    observe(event, now);
    consequences.effects = run_->handle(event, now);
    for (const engine::Effect& effect : consequences.effects) {
        observe(effect);
        store(effect, actor, now, consequences);
    }
    return consequences;
}

void RunExecutor::store(const engine::Effect& effect, const std::string& actor, base::Time now,
                        Consequences& consequences) {
    NoteRecord note;
    note.time = now;
    note.run = id_;
    note.actor = actor;
    std::visit(Overloaded{[&](const engine::SendOrder& order) {
                              consequences.orders.push_back(order_record(order, now));
                              orders_.add(consequences.orders.back(), now);
                          },
                          [](const engine::Answer&) {
                          }, // the script gets it after the commit, and after a restart from the engine
                          [](const engine::SetTimer&) {}, // both are kept by `observe`, and acted on after
                          [](const engine::Measure&) {},  // the commit
                          [&](const engine::CommandRan& ran) { OnceCommands(world_.database).ran(id_, ran); },
                          [&](const engine::Note& told) {
                              note.message = told.message;
                              note.fields = told.fields;
                              if (told.target) {
                                  note.target = told.target->str();
                              }
                              journal_.note(note);
                          },
                          [&](const engine::TargetChanged& changed) {
                              records_.move_target(id_, changed.target.component.str(),
                                                   changed.target.node.str(),
                                                   std::string(engine::word(changed.state)), changed.reason);
                              note.message = "target changed";
                              note.level = level_of(changed.state);
                              note.target = changed.target.str();
                              base::Object fields{{"state", engine::word(changed.state)}};
                              if (!changed.reason.empty()) {
                                  fields.set("reason", changed.reason);
                              }
                              note.fields = std::move(fields);
                              journal_.note(note);
                          },
                          [&](const engine::Ended& ended) {
                              finish(ended, now);
                              note.message = "run ended";
                              note.level = level_of(ended.outcome);
                              base::Object fields{{"outcome", engine::word(ended.outcome)}};
                              if (!ended.reason.empty()) {
                                  fields.set("reason", ended.reason);
                              }
                              note.fields = std::move(fields);
                              journal_.note(note);
                          }},
               effect);
}

/// How prepare names the release's signed manifest; for all targets of a run it is the same.
base::Value RunExecutor::envelope() {
    if (!envelope_) {
        envelope_ = world_.envelopes.keep(Environments(world_.database).envelope(run_->input().release));
    }
    return envelope_->to_value();
}

OrderRecord RunExecutor::order_record(const engine::SendOrder& order, base::Time now) {
    base::Value body = order.body.object() == nullptr ? base::Value(base::Object()) : order.body;
    if (order.kind == engine::OrderKind::Prepare) {
        body.object()->set("manifest", envelope());
    } else if (order.kind == engine::OrderKind::Undo) {
        body.object()->set("run", id_);
    } else if (order.kind == engine::OrderKind::Cancel) {
        // The engine counts orders; nodes know their identifiers.
        const base::Value* number = body.object()->find("order");
        const auto cancelled = number == nullptr || number->whole() == nullptr
                                   ? std::nullopt
                                   : orders_.find(id_, *number->whole());
        if (!cancelled) {
            throw base::Error(base::Fault::Internal,
                              "order {} of run '{}' cancels an order that was never given", order.order, id_);
        }
        body.object()->set("order", cancelled->id);
    }
    const protocol::Order text{.id = base::make_ulid(now),
                               .run = id_,
                               .epoch = run_->input().epoch,
                               .expires = order.deadline,
                               .component = order.target.component.str(),
                               .kind = std::string(engine::word(order.kind)),
                               .body = std::move(body)};
    return {.id = text.id,
            .run = id_,
            .number = order.order,
            .node = order.target.node.str(),
            .component = text.component,
            .kind = text.kind,
            .text = text.text(),
            .expires = order.deadline};
}

/// What the end of a run says about its environment.
void RunExecutor::finish(const engine::Ended& ended, base::Time now) {
    records_.end(id_, std::string(engine::word(ended.outcome)), ended.reason, now);
    orders_.void_unanswered(id_);
    const RunRecord run = records_.find(id_);
    Standings(world_.database).take(run.environment, id_, ended);
    if (run.kind == "operation") {
        return; // it works on the release that is there
    }
    Environments environments(world_.database);
    auto current = environments.current(run.environment, run.application).value_or(Current{});
    const bool rollback = run.kind == "rollback";
    const bool good =
        ended.outcome == engine::Outcome::Succeeded || ended.outcome == engine::Outcome::SucceededWithLeftOut;
    if (rollback && (good || ended.mixed)) {
        environments.went_back(run.goal.value_or(0), run.environment, run.application, id_);
    }
    if (good && !leaves_others(run)) {
        current = {.release = run.release, .run = id_, .known_good = run.goal, .mixed = {}};
        if (!rollback && ended.outcome == engine::Outcome::Succeeded) {
            const EnvironmentVersion version =
                environments.find(run.environment, run.environment_version.value_or(0));
            current.known_good = environments.record_known_good(
                {.id = 0,
                 .environment = run.environment,
                 .application = run.application,
                 .release = run.release,
                 .manifest = run.manifest.value_or(""),
                 .environment_version = version.version,
                 .settings =
                     Environments::settings_digest(base::parse_toml(version.text, version.file)).str(),
                 .run = id_,
                 .time = now});
        }
    } else if (rollback && ended.mixed) {
        // Asked again, it goes there again, and never on to what people went away from.
        current = {.release = run.release,
                   .run = id_,
                   .known_good = run.goal,
                   .mixed = current.mixed ? current.mixed : current.release};
    } else if (ended.mixed && !(good && current.release == run.release)) {
        current.run = id_;
        current.mixed = run.release;
    }
    if (!current.run.empty()) {
        environments.set_current(run.environment, run.application, current);
    }
}

/// A retry of some of what was left has not brought the environment to the release. Nodes that have gone
/// since are not missed.
bool RunExecutor::leaves_others(const RunRecord& run) const {
    if (!run.retries) {
        return false;
    }
    const engine::Environment declared = Environments(world_.database).find(run.environment).read();
    const std::set<engine::Target> unfinished = records_.unfinished(records_.tries_of(run));
    return std::any_of(unfinished.begin(), unfinished.end(), [&](const engine::Target& target) {
        const auto nodes = declared.nodes_of(target.component);
        return std::any_of(nodes.begin(), nodes.end(),
                           [&](const engine::DeclaredNode* node) { return node->name == target.node; });
    });
}

void RunExecutor::give_up(World& world, const std::string& run, const std::string& reason) {
    RunExecutor executor(world, run);
    engine::Ended ended{engine::Outcome::Cancelled, reason, {}, {}};
    for (const TargetRecord& target : executor.records_.targets(run)) {
        using enum engine::TargetState;
        const engine::TargetState state = engine::target_state_from(target.state);
        const bool untouched = state == Preparing || state == Ready || state == NotStarted;
        ended.mixed |= !untouched && state != Unchanged;
        if (!engine::is_terminal_word(state)) {
            executor.records_.move_target(run, target.component, target.node,
                                          std::string(engine::word(untouched ? NotStarted : Lost)), reason);
        }
    }
    executor.finish(ended, world.alarms.now());
}

void RunExecutor::act(const Consequences& consequences) {
    for (const OrderRecord& order : consequences.orders) {
        world_.fleet.send(order);
    }
    for (const engine::Effect& effect : consequences.effects) {
        if (const auto* timer = std::get_if<engine::SetTimer>(&effect)) {
            arm_timer(timer->timer, timer->at);
        } else if (const auto* wanted = std::get_if<engine::Measure>(&effect)) {
            measure(*wanted);
        } else if (const auto* answer = std::get_if<engine::Answer>(&effect)) {
            if (script_ && awaited_ == answer->sequence) {
                awaited_.reset();
                script_->answer(*answer);
            }
        }
    }
    if (!consequences.effects.empty()) {
        world_.told(id_);
    }
    if (run_->ended()) {
        script_.reset();
        arm(world_.alarms.now(), [](RunExecutor& executor) { executor.world_.ended(executor.id_); });
    } else if (script_ && !run_->wants_script()) {
        script_.reset();
    }
}

void RunExecutor::forget() {
    try {
        load();
        // What is armed twice fires once, what is sent twice is answered from the node's journal.
        arm(world_.alarms.now() + retry_pause, [](RunExecutor& executor) {
            executor.script_.reset();
            executor.begin();
        });
    } catch (const base::Error& error) {
        base::log(base::LogLevel::Error, "run cannot be read", {{"run", id_}, {"error", error.message()}});
        arm(world_.alarms.now() + retry_pause, [](RunExecutor& executor) { executor.forget(); });
    }
}

// ---- waiting ----

void RunExecutor::arm(base::Time at, std::function<void(RunExecutor&)> then) {
    world_.alarms.wake(at, [weak = weak_from_this(), then = std::move(then)] {
        if (const auto executor = weak.lock()) {
            try {
                then(*executor);
            } catch (const std::exception& error) {
                // The database could not take it. The event was not journaled, so it did not happen; it is
                // tried again.
                base::log(base::LogLevel::Error, "run could not go on",
                          {{"run", executor->id_}, {"error", error.what()}});
                executor->arm(executor->world_.alarms.now() + retry_pause, then);
            }
        }
    });
}

void RunExecutor::arm_timer(std::int64_t timer, base::Time at) {
    arm(at, [timer](RunExecutor& executor) {
        if (executor.timers_.contains(timer)) {
            executor.happened(engine::TimerFired{timer}, std::string(self));
        }
    });
}

void RunExecutor::measure(const engine::Measure& wanted) {
    world_.meters.measure(wanted, [weak = weak_from_this()](const engine::Measured& measured) {
        const auto executor = weak.lock();
        if (!executor || !executor->measurements_.contains(measured.measurement)) {
            return;
        }
        executor->arm(executor->world_.alarms.now(), [measured](RunExecutor& self_again) {
            if (self_again.measurements_.contains(measured.measurement)) {
                self_again.happened(measured, std::string(self));
            }
        });
    });
}

bool RunExecutor::in_freeze() const noexcept {
    return hold_ && hold_->verb == "pause" && hold_->actor == policy_actor;
}

void RunExecutor::keep_to_freeze(const std::optional<engine::Policy::Frozen>& frozen) {
    const bool is_settled =
        hold_ &&
        (hold_->verb == "pause" || (frozen && hold_->actor != policy_actor && hold_->time >= frozen->since));
    if (frozen && !is_settled) {
        happened(engine::Signalled{"pause",
                                   std::string(policy_actor),
                                   fmt::format("{} until {}", frozen->why, base::to_rfc3339(frozen->until)),
                                   {},
                                   base::Object{{"until", base::to_rfc3339(frozen->until)}}},
                 std::string(policy_actor));
    } else if (!frozen && in_freeze()) {
        happened(engine::Signalled{"resume", std::string(policy_actor), "the freeze is over", {}, {}},
                 std::string(policy_actor));
    }
}

void RunExecutor::node_seen(const base::NodeName& node, bool online) {
    if (!nodes_.contains(node) || run_->ended()) {
        return;
    }
    const auto known = seen_.find(node);
    if (known == seen_.end() || known->second != online) {
        happened(engine::NodeSeen{node, online}, "node:" + node.str());
    }
}

void RunExecutor::look_for_missing_nodes() {
    for (const base::NodeName& node : nodes_) {
        node_seen(node, world_.fleet.online(node));
    }
}

// ---- the script ----

void RunExecutor::start_script() {
    if (run_->ended() || !run_->wants_script() || script_) {
        return;
    }
    const ScriptStart start = script_start(run_->input());
    awaited_.reset();
    const auto guarded = [weak = weak_from_this()](auto&& hear) {
        const auto executor = weak.lock();
        try {
            if (executor) {
                hear(*executor);
            }
        } catch (const std::exception& error) {
            // The journal did not take it; the run was read anew and asks its script again.
            base::log(base::LogLevel::Error, "run could not go on",
                      {{"run", executor->id_}, {"error", error.what()}});
        }
    };
    try {
        script_ = world_.scripts.start(
            start, {.stepped =
                        [guarded](const engine::Script::Step& step) {
                            guarded([&](RunExecutor& executor) { executor.script_stepped(step); });
                        },
                    .died =
                        [guarded](const std::string& why) {
                            guarded([&](RunExecutor& executor) { executor.script_died(why); });
                        }});
    } catch (const base::Error& error) {
        script_died(error.message());
    }
}

void RunExecutor::continue_with(const engine::Continued& text) {
    happened(text, text.actor);
    script_.reset();
    script_deaths_ = 0;
    start_script();
}

void RunExecutor::script_stepped(const engine::Script::Step& step) {
    if (const auto* ended = std::get_if<engine::ScriptEnded>(&step)) {
        script_.reset();
        happened(*ended, std::string(self));
        return;
    }
    const auto& command = std::get<engine::ScriptCommand>(step);
    engine::Run::Replayed before{};
    try {
        before = run_->replayed(command);
    } catch (const base::Error& error) {
        script_.reset();
        happened(engine::ScriptEnded{false, error.message()}, std::string(self));
        return;
    }
    if (before.answer) {
        script_->answer(*before.answer);
        return;
    }
    awaited_ = command.sequence;
    if (!before.known) {
        script_deaths_ = 0;
        happened(command, std::string(self));
    }
}

void RunExecutor::script_died(const std::string& why) {
    script_.reset();
    ++script_deaths_;
    base::log(base::LogLevel::Warning, "workflow script died",
              {{"run", id_}, {"reason", why}, {"deaths", script_deaths_}});
    if (script_deaths_ >= script_deaths_allowed) {
        happened(
            engine::ScriptEnded{false, fmt::format("the process of the workflow's script died {} times: {}",
                                                   script_deaths_, why)},
            std::string(self));
        return;
    }
    arm(world_.alarms.now(), [](RunExecutor& executor) { executor.start_script(); });
}

} // namespace dispatcher::runs
