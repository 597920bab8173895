// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// Packaged commands on targets: ctx:command, migrations within an update, and ctx:probe, which only asks.
#include "base/error.hpp"
#include "workflows/engine/deadlines.hpp"
#include "workflows/engine/report_detail.hpp"
#include "workflows/engine/run_state.hpp"
#include "workflows/engine/transitions.hpp"

#include <algorithm>

namespace workflows::engine {
namespace {

// What a node can be told, whatever became of the run on it.
bool may_clean_up(TargetState state) {
    return state != TargetState::Unreachable && state != TargetState::Lost &&
           state != TargetState::Quarantined;
}

bool may_be_asked(TargetState state) {
    return state == TargetState::NotStarted || state == TargetState::Ready || state == TargetState::Updated ||
           state == TargetState::Unchanged || state == TargetState::Stopped ||
           state == TargetState::Standby || state == TargetState::Failed;
}

// The node says, or its expired order shows, that the command was not begun.
bool did_not_run(TargetState state) {
    return state == TargetState::Unreachable || state == TargetState::Refused ||
           state == TargetState::Quarantined;
}

std::int64_t exit_code_of(const base::Value& detail) {
    const base::Value* found = detail.object() == nullptr ? nullptr : detail.object()->find("exit_code");
    return found == nullptr || found->whole() == nullptr ? 0 : *found->whole();
}

// The story's line with what the node reported: how the program ended, and what it said.
base::Object with_result(base::Object fields, const base::Value& detail) {
    for (const char* member : {"exit_code", "changed", "output"}) {
        const base::Value* found = detail.object() == nullptr ? nullptr : detail.object()->find(member);
        if (found != nullptr) {
            fields.set(member, *found);
        }
    }
    return fields;
}

} // namespace

void Run::State::begin_command(CommandOptions options) {
    CommandAct begun{std::move(options), {}, {}, {}, 0, 0, 0, "", 0, std::nullopt};
    std::vector<std::size_t> away;
    for (Progress& target : targets) {
        const bool may = stopped ? may_clean_up(target.state) : may_be_asked(target.state);
        if (name(target).component != begun.options.component || !may || target.order) {
            continue;
        }
        const auto seen = online.find(name(target).node);
        const bool there = seen == online.end() || seen->second;
        (there ? begun.members : away).push_back(place(target));
        target.home = target.state; // also when it fails and is tried again
        begun.options.failures.concerns(*target.desired, 0);
    }
    // Those that are away last: by then they may have come.
    begun.members.insert(begun.members.end(), away.begin(), away.end());
    begun.queue.assign(begun.members.begin(), begun.members.end());
    if (begun.queue.empty()) {
        throw base::Error(base::Fault::Input, "ctx:command: component '{}' has no target that could run '{}'",
                          begun.options.component, begun.options.name);
    }
    acts.push_back({"command",
                    fmt::format("{} on {} of {}", begun.options.name,
                                begun.options.once ? "one node" : "all nodes", begun.options.component),
                    batches.size()});
    command_act = std::move(begun);
    phase = Phase::Commanding;
}

// What an earlier run, whose targets this one tries again, has done for good.
const DoneOnce* Run::State::done_once(const base::Value& arguments) const {
    const base::Fields fields(arguments, "ctx:command");
    for (const DoneOnce& done : input.done_once) {
        const auto brought = input.commands.find(done.target.component);
        const bool once =
            brought == input.commands.end() ||
            std::none_of(brought->second.begin(), brought->second.end(),
                         [&](const PackagedCommand& one) { return one.name == done.command && !one.once; });
        if (done.command == fields.text("name") && done.target.component.str() == fields.text("component") &&
            !done.again && fields.flag("once", once)) {
            return &done;
        }
    }
    return nullptr;
}

void Run::State::answer_from_before(const DoneOnce& done) {
    note("command has run already",
         {{"command", done.command}, {"target", done.target.str()}, {"run", done.run}});
    answer(base::Object{{"ran", 0},
                        {"changed", 0},
                        {"failures", 0},
                        {"left_out", 0},
                        {"node", done.target.node.str()},
                        {"exit_code", done.exit_code}});
}

void Run::State::start_command(Progress& target) {
    acted = true;
    ++command_act->running;
    if (!stopped) { // what is deferred does not change what became of a target
        const std::string kept = target.reason;
        set_state(target, TargetState::Commanding, kept);
    }
    send(target, OrderKind::Command);
}

void Run::State::advance_command() {
    CommandAct& command = *command_act;
    const std::size_t width =
        command.options.once ? 1 : command.options.max_parallel.limit(command.members.size());
    const bool satisfied = command.options.once && !command.node.empty();
    while (!holds() && TIERCEL_GUARD("asking-holds-commands", !command.asking) && !command.queue.empty() &&
           TIERCEL_GUARD("command-window", command.running < width) &&
           TIERCEL_GUARD("once-a-run", !satisfied)) {
        Progress& next = targets[command.queue.front()];
        command.queue.pop_front();
        start_command(next);
    }
    if (command.running > 0 || command.asking || (holds() && !command.queue.empty() && !satisfied)) {
        return;
    }
    const std::int64_t failures = command.options.failures.failures();
    base::Object answered{{"ran", command.ran},
                          {"changed", command.changed},
                          {"failures", failures},
                          {"left_out", static_cast<std::int64_t>(command.members.size()) - command.ran}};
    if (command.options.once) {
        answered.set("node", command.node.empty() ? base::Value() : base::Value(command.node));
        answered.set("exit_code", command.exit_code);
    }
    command_act.reset();
    answer(std::move(answered));
}

void Run::State::command_answered(Progress& target, bool ok, const std::string& code,
                                  const std::string& reason, const base::Value& detail) {
    if (!command_act) {
        note("late report", {{"reason", reason}}, &target);
        return;
    }
    --command_act->running;
    if (!ok) {
        command_failed(target,
                       code == "lost"        ? TargetState::Lost
                       : code == "cancelled" ? TargetState::Failed
                                             : failure_state(code),
                       reason, detail);
        return;
    }
    const bool changed = flag_of(detail, "changed", true);
    ++command_act->ran;
    command_act->changed += changed ? 1 : 0;
    if (command_act->options.once) {
        command_act->node = name(target).node.str();
        command_act->exit_code = exit_code_of(detail);
    }
    command_succeeded(target, command_act->options.name, detail);
    const std::string kept = target.reason;
    if (target.state != TargetState::Commanding) {
        return;
    }
    if (is_operation() && (target.home == TargetState::NotStarted || target.home == TargetState::Unchanged)) {
        set_state(target, changed ? TargetState::Updated : TargetState::Unchanged);
    } else {
        set_state(target, target.home, kept);
    }
}

void Run::State::command_succeeded(const Progress& target, const std::string& command,
                                   const base::Value& detail) {
    if (target.migrates) {
        migrated.insert(name(target).component);
        if (act) {
            if (const auto lane = act->lanes.find(name(target).component); lane != act->lanes.end()) {
                lane->second.migrating.reset();
            }
        }
    }
    note("command succeeded", with_result({{"command", command}}, detail), &target);
    const PackagedCommand* packaged = packaged_command(target, command);
    const bool irreversible = packaged != nullptr && packaged->irreversible;
    if (irreversible) {
        pass_point_of_no_return(target, command, "has succeeded");
    }
    if (runs_once(target) || irreversible) {
        effects.emplace_back(CommandRan{name(target), command, exit_code_of(detail), runs_once(target),
                                        irreversible, true, target.command});
    }
}

const PackagedCommand* Run::State::packaged_command(const Progress& target,
                                                    const std::string& command) const {
    const auto brought = input.commands.find(name(target).component);
    if (brought == input.commands.end()) {
        return nullptr;
    }
    const auto found = std::find_if(brought->second.begin(), brought->second.end(),
                                    [&](const PackagedCommand& one) { return one.name == command; });
    return found == brought->second.end() ? nullptr : &*found;
}

// The command that its node runs, or ran just now.
bool Run::State::runs_once(const Progress& target) const {
    return target.migrates || (command_act && command_act->options.once);
}

void Run::State::tell_command_failed(const Progress& target, const std::string& command, TargetState state,
                                     const std::string& reason, const base::Value& detail) {
    note("command failed",
         with_result({{"command", command}, {"state", word(state)}, {"reason", reason}}, detail), &target);
    if (state != TargetState::Lost) {
        return;
    }
    // Nobody knows whether it has succeeded: what would be wrong if it has is not done by itself.
    const PackagedCommand* packaged = packaged_command(target, command);
    const bool irreversible = packaged != nullptr && packaged->irreversible;
    const bool once = runs_once(target) && !(packaged != nullptr && packaged->repeatable);
    if (irreversible) {
        pass_point_of_no_return(target, command, "may have succeeded");
    }
    if (once || irreversible) {
        effects.emplace_back(CommandRan{name(target), command, 0, once, irreversible, false, target.command});
    }
}

void Run::State::command_failed(Progress& target, TargetState state, const std::string& reason,
                                const base::Value& detail) {
    CommandAct& command = *command_act;
    tell_command_failed(target, command.options.name, state, reason, detail);
    const std::string why = fmt::format("command '{}': {}", command.options.name, reason);
    const bool next_one = command.options.once && !command.queue.empty() &&
                          TIERCEL_GUARD("once-fail-over", did_not_run(state) || (state == TargetState::Lost &&
                                                                                 command.options.repeatable));
    if (target.state == TargetState::Commanding) {
        std::string both = target.reason.empty() ? why : target.reason + "; " + why;
        if (is_operation() && (target.down || target.drained)) {
            both +=
                target.down ? "; left out of rotation: its services are stopped" : "; left out of rotation";
        }
        set_state(target, is_operation() ? state : target.home, both);
    }
    if (next_one) {
        return; // it was not this one's turn after all
    }
    if (command.options.once) {
        command.queue.clear(); // it ran, or nobody knows: that was the one
    }
    command.options.failures.failed(*target.desired, 0);
    const std::optional<std::string> exceeded = command.options.failures.exceeded(*target.desired, 0);
    if (!exceeded || stopped) {
        return;
    }
    const std::string sentence = fmt::format("{}: {}: {}", *exceeded, name(target).str(), why);
    if (command.options.on_failure == OnFailure::Ask) {
        command.asking = sentence;
        command.failed.push_back(place(target));
        note("a person is asked", {{"reason", sentence}});
    } else {
        stop_as(command.options.on_failure, sentence);
    }
}

// A migration is over without success. Where it did not run at all, the next target of the component takes
// its turn.
void Run::State::migration_failed(Progress& target, OrderKind kind, TargetState state) {
    target.migrates = false;
    if (!act) {
        return;
    }
    const base::ComponentName& component = name(target).component;
    const PackagedCommand* packaged = packaged_command(target, input.migrate.at(component));
    const bool repeatable = packaged != nullptr && packaged->repeatable;
    const bool over = migrated.contains(component);
    const bool not_run =
        kind != OrderKind::Command || did_not_run(state) || (state == TargetState::Lost && repeatable);
    if (const auto lane = act->lanes.find(component);
        lane != act->lanes.end() && (over || TIERCEL_GUARD("migration-fail-over", not_run))) {
        lane->second.migrating.reset();
        return;
    }
    if (!stopped && !act->asking && !catching_up) {
        give_up_act(migration_sentence(target));
    }
}

std::string Run::State::migration_sentence(const Progress& target) const {
    return fmt::format("the migration of component '{}' did not succeed: {}: {}", name(target).component,
                       name(target).str(), target.reason);
}

// ---- ctx:probe ----

void Run::State::begin_survey(const base::Value& arguments) {
    const base::Fields fields(arguments, "ctx:probe");
    const auto level = static_cast<std::size_t>(
        fields.whole("level", 0, static_cast<std::int64_t>(input.levels.size()) - 1));
    const base::Value none = base::Object{};
    const std::optional<base::Fields> given = fields.record("deadlines");
    deadlines = read_deadlines(given ? *given : base::Fields(none, fields.file()));
    fields.finish();
    survey.emplace();
    survey->level = static_cast<std::int64_t>(level);
    phase = Phase::Surveying;
    for (Progress& target : targets) {
        if (target.level == level && target.installed && may_be_asked(target.state) && !target.order) {
            ++survey->open;
            send(target, OrderKind::Probe);
        }
    }
}

void Run::State::surveyed(Progress& target, const Reported& report) {
    --survey->open;
    const bool unclear = !report.ok && report.code != "failed";
    survey->passed += report.ok ? 1 : 0;
    survey->failed += !report.ok && !unclear ? 1 : 0;
    survey->inconclusive += unclear ? 1 : 0;
    if (report.ok) {
        found_well(target);
    } else {
        note("probe says no", {{"code", report.code}, {"reason", report.reason}}, &target);
    }
    // What only asks ends with the answer; where something was done, that is what counts.
    if (is_operation() && target.state == TargetState::NotStarted) {
        set_state(target,
                  report.ok ? TargetState::Unchanged
                  : unclear ? TargetState::Skipped
                            : TargetState::Failed,
                  (unclear ? "its probe could not judge: " : "") + report.reason);
    }
}

void Run::State::advance_survey() {
    if (survey->open > 0) {
        return;
    }
    const Survey over = *std::exchange(survey, std::nullopt);
    answer(base::Object{{"level", over.level},
                        {"passed", over.passed},
                        {"failed", over.failed},
                        {"inconclusive", over.inconclusive}});
}

} // namespace workflows::engine
