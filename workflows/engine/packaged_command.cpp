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
    target.home = target.state;
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
    while (!holds() && !command.asking && !command.queue.empty() && command.running < width &&
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
        if (const base::Value* exit =
                detail.object() == nullptr ? nullptr : detail.object()->find("exit_code");
            exit != nullptr && exit->whole() != nullptr) {
            command_act->exit_code = *exit->whole();
        }
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
    const auto brought = input.commands.find(name(target).component);
    const bool irreversible =
        brought != input.commands.end() &&
        std::any_of(brought->second.begin(), brought->second.end(), [&](const PackagedCommand& known) {
            return known.name == command && known.irreversible;
        });
    if (irreversible && point_of_no_return.empty()) {
        point_of_no_return = fmt::format("command '{}' of {}", command, name(target).str());
        note(std::string(no_way_back), {{"command", command}}, &target);
    }
    if (target.migrates || (command_act && command_act->options.once)) {
        effects.emplace_back(
            RanOnce{name(target), command, command_act ? command_act->exit_code : 0, irreversible});
    }
}

void Run::State::tell_command_failed(const Progress& target, const std::string& command, TargetState state,
                                     const std::string& reason, const base::Value& detail) {
    note("command failed",
         with_result({{"command", command}, {"state", word(state)}, {"reason", reason}}, detail), &target);
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
    const std::optional<std::string> exceeded = command.options.failures.failed(*target.desired, 0);
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
    const bool repeatable = [&] {
        const auto brought = input.commands.find(component);
        return brought != input.commands.end() &&
               std::any_of(brought->second.begin(), brought->second.end(), [&](const PackagedCommand& known) {
                   return known.name == input.migrate.at(component) && known.repeatable;
               });
    }();
    const bool over = migrated.contains(component);
    const bool not_run =
        kind != OrderKind::Command || did_not_run(state) || (state == TargetState::Lost && repeatable);
    if (const auto lane = act->lanes.find(component);
        lane != act->lanes.end() && (over || TIERCEL_GUARD("migration-fail-over", not_run))) {
        lane->second.migrating.reset();
        return;
    }
    if (!stopped && !act->asking) {
        give_up_act(fmt::format("the migration of component '{}' did not succeed: {}: {}", component,
                                name(target).str(), target.reason));
    }
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
        capacity.healed(place(target));
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
