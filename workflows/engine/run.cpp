// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "workflows/engine/run.hpp"

#include "base/error.hpp"
#include "workflows/engine/run_state.hpp"
#include "workflows/engine/transitions.hpp"
#include "workflows/engine/trial_replay.hpp"

namespace workflows::engine {

Run::State::State(RunInput what) : input(std::move(what)), capacity(input) {
    std::map<base::ComponentName, std::size_t> levels;
    for (std::size_t level = 0; level < input.levels.size(); ++level) {
        for (const base::ComponentName& component : input.levels[level]) {
            levels.emplace(component, level);
        }
    }
    std::set<Target> seen;
    for (const Desired& desired : input.targets) {
        const auto level = levels.find(desired.target.component);
        if (level == levels.end()) {
            throw base::Error(base::Fault::Input, "target '{}' is of no level of the run",
                              desired.target.str());
        }
        if (!seen.insert(desired.target).second) {
            throw base::Error(base::Fault::Input, "target '{}' is in the run twice", desired.target.str());
        }
        Progress target;
        target.desired = &desired;
        target.level = level->second;
        targets.push_back(std::move(target));
    }
    for (const DoneOnce& done : input.done_once) {
        const auto migration = input.migrate.find(done.target.component);
        const bool is_migration = migration != input.migrate.end() && migration->second == done.command;
        if (is_migration && !TIERCEL_GUARD("migration-in-all-tries", done.again)) {
            migrated.insert(done.target.component);
        }
        if (done.irreversible && point_of_no_return.empty()) {
            point_of_no_return =
                fmt::format("command '{}' of {} in run {} is irreversible and {} succeeded", done.command,
                            done.target.str(), done.run, done.known ? "has" : "may have");
        }
    }
}

void Run::State::note(std::string message, base::Object fields, const Progress* target) {
    effects.emplace_back(Note{std::move(message), std::move(fields),
                              target == nullptr ? std::nullopt : std::optional(name(*target))});
}

void Run::State::set_state(Progress& target, TargetState state, std::string reason) {
    if (!may_follow(target.state, state)) {
        throw base::Error(base::Fault::Internal, "target '{}' cannot go from {} to {}", name(target).str(),
                          word(target.state), word(state));
    }
    const auto tally = [&](TargetState counted_state, std::size_t& count) {
        count += state == counted_state ? 1 : 0;
        count -= target.state == counted_state ? 1 : 0;
    };
    tally(TargetState::Soaking, soaking);
    tally(TargetState::Proving, proving);
    target.state = state;
    target.reason = std::move(reason);
    follow_act(target);
    effects.emplace_back(TargetChanged{name(target), state, target.reason});
}

std::int64_t Run::State::set_timer(OpenTimer::Kind kind, base::Time at, std::string why,
                                   std::int64_t subject) {
    const std::int64_t id = next_timer++;
    timers.emplace(id, OpenTimer{kind, subject, at, why});
    effects.emplace_back(SetTimer{id, at, std::move(why)});
    return id;
}

// Each phase goes as far as it can; when it ends, the next one may have something to do at once.
void Run::State::advance() {
    while (true) {
        const Phase before = phase;
        switch (phase) {
        case Phase::Preflight:
            advance_preflight();
            break;
        case Phase::Acting:
            advance_act();
            break;
        case Phase::Commanding:
            advance_command();
            break;
        case Phase::Surveying:
            advance_survey();
            break;
        case Phase::Returning:
            advance_returning();
            break;
        case Phase::CatchingUp:
            advance_catching_up();
            break;
        case Phase::Stopping:
            advance_stopping();
            break;
        case Phase::GoingBack:
            advance_way_back();
            break;
        case Phase::Settling:
            advance_settling();
            break;
        case Phase::Cleaning:
            if (script_over) {
                end(*outcome, outcome_reason);
            }
            break;
        case Phase::Idle:
        case Phase::ScriptWaiting:
        case Phase::Over:
            break;
        }
        if (phase == before) {
            return;
        }
    }
}

Run::Run(RunInput input) : state_(std::make_unique<State>(std::move(input))) {}
Run::~Run() = default;
Run::Run(Run&&) noexcept = default;

std::vector<Effect> Run::handle(const Event& event, base::Time now) {
    State& state = *state_;
    if (state.phase == State::Phase::Over) {
        return {};
    }
    state.now = now;
    state.effects.clear();
    std::visit([&](const auto& what) { state.on(what); }, event);
    state.advance();
    state.keep_patience();
    return std::move(state.effects);
}

Run::Replayed Run::replayed(const ScriptCommand& command) const {
    const auto& known = state_->said.commands;
    if (command.sequence < 1 || static_cast<std::size_t>(command.sequence) > known.size()) {
        return {false, std::nullopt};
    }
    const Said::Command& journaled = known[static_cast<std::size_t>(command.sequence - 1)];
    if (!difference(journaled.command, command).empty()) {
        throw base::Error(
            base::Fault::Conflict,
            "workflow '{}' now gives '{}' as its command {}, but gave '{}' before, while being replayed",
            state_->input.workflow, command.kind, command.sequence, journaled.command.kind);
    }
    return {true, journaled.answer};
}

bool Run::ended() const noexcept {
    return state_->phase == State::Phase::Over;
}

std::optional<Outcome> Run::outcome() const noexcept {
    return ended() ? state_->outcome : std::nullopt;
}

bool Run::wants_script() const noexcept {
    const State& state = *state_;
    return !state.is_rollback() && !state.script_over && (!state.stopped || state.deferred > 0) &&
           state.phase != State::Phase::Settling && state.phase != State::Phase::Over;
}

bool Run::takes_another_text() const noexcept {
    return wants_script() || state_->broken;
}

const Said& Run::said() const noexcept {
    return state_->said;
}

std::vector<TargetView> Run::targets() const {
    std::vector<TargetView> views;
    views.reserve(state_->targets.size());
    for (const Progress& target : state_->targets) {
        views.push_back({target.desired->target, static_cast<int>(target.level), target.state, target.reason,
                         target.prepared});
    }
    return views;
}

std::vector<Waiting> Run::waiting() const {
    const State& state = *state_;
    std::vector<Waiting> waiting;
    if (ended()) {
        return waiting;
    }
    using enum OpenTimer::Kind;
    const auto patience = std::find_if(state.timers.begin(), state.timers.end(),
                                       [](const auto& timer) { return timer.second.kind == Patience; });
    const std::optional<base::Time> until =
        patience == state.timers.end() ? std::nullopt : std::optional(patience->second.at);
    if (state.paused) {
        waiting.push_back({"a person, to resume or cancel: " + *state.paused, until, true});
    }
    if (const std::string asked = state.asked(); !asked.empty() && state.not_yet_decidable() == nullptr) {
        const bool skip = state.objection_to_decision({"skip", "", ""}).empty();
        waiting.push_back(
            {fmt::format("a person, to retry, {}roll back or cancel: {}", skip ? "skip, " : "", asked), until,
             true});
    }
    if (state.broken) {
        waiting.push_back({state.wish_for_mending(), until, true});
    }
    for (const auto& [id, timer] : state.timers) {
        if (timer.kind != Patience) {
            const bool begun = timer.kind == Approval && !state.approval->by.empty();
            waiting.push_back({begun ? fmt::format("{}; {} approved it so far", timer.why,
                                                   fmt::join(state.approval->by, ", "))
                                     : timer.why,
                               timer.at, timer.kind == Approval});
        }
    }
    const bool script_is_asked = state.phase == State::Phase::Idle || state.phase == State::Phase::Cleaning;
    if (script_is_asked && wants_script() && !state.broken) {
        waiting.push_back(
            {fmt::format("the next command of workflow '{}'", state.input.workflow), std::nullopt});
    }
    return waiting;
}

const std::vector<BatchView>& Run::batches() const noexcept {
    return state_->batches;
}

const std::vector<ActView>& Run::acts() const noexcept {
    return state_->acts;
}

const RunInput& Run::input() const noexcept {
    return state_->input;
}

} // namespace workflows::engine
