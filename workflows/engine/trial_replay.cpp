// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "workflows/engine/trial_replay.hpp"

#include "base/json.hpp"

#include <algorithm>
#include <set>

namespace workflows::engine {
namespace {

// A script that is refused a command says the line of its call, unless it catches the refusal.
std::string place_of(const std::function<Script::Step(const std::optional<Answer>&)>& next,
                     const ScriptCommand& command, const std::string& difference) {
    const std::optional<ScriptEnded> ended =
        end_in(next(Answer{command.sequence, false, nullptr, difference}));
    const std::size_t at = !ended ? std::string::npos : ended->error.find(": " + difference);
    return at == std::string::npos ? std::string() : ended->error.substr(0, at);
}

std::string shown(const base::Value* value) {
    return value == nullptr ? "nothing" : base::to_json(*value);
}

} // namespace

std::string difference(const ScriptCommand& before, const ScriptCommand& now) {
    if (before.kind != now.kind) {
        return fmt::format("gives '{}' as its command {}, but gave '{}'", now.kind, now.sequence,
                           before.kind);
    }
    if (before.kind == "record" || is_failure(before) || before.arguments == now.arguments) {
        return {};
    }
    static const base::Object none;
    const base::Object& was = before.arguments.object() == nullptr ? none : *before.arguments.object();
    const base::Object& is = now.arguments.object() == nullptr ? none : *now.arguments.object();
    std::set<std::string> names;
    for (const base::Object* object : {&was, &is}) {
        for (const base::Member& member : object->members) {
            names.insert(member.name);
        }
    }
    for (const std::string& name : names) {
        const base::Value* old_value = was.find(name);
        const base::Value* new_value = is.find(name);
        if (old_value == nullptr || new_value == nullptr || !(*old_value == *new_value)) {
            return fmt::format("gives '{}' of its command {} ('{}') as {}, but gave {}", name, now.sequence,
                               now.kind, shown(new_value), shown(old_value));
        }
    }
    return fmt::format("gives other arguments in its command {} ('{}')", now.sequence, now.kind);
}

TrialReplay trial_replay(const Said& said,
                         const std::function<Script::Step(const std::optional<Answer>&)>& next) {
    // What comes after a failure is what was deferred, as the failure wants it.
    const auto bound = std::find_if(said.commands.begin(), said.commands.end(),
                                    [](const Said::Command& each) { return is_failure(each.command); }) -
                       said.commands.begin();
    const std::optional<ScriptEnded>& end = said.ended;
    TrialReplay trial;
    std::optional<Answer> answer;
    while (true) {
        const Script::Step step = next(answer);
        const bool more = trial.compared < bound;
        if (const std::optional<ScriptEnded> ended = end_in(step)) {
            if (!more && (!end || end->ok == ended->ok)) {
                return trial;
            }
            trial.difference =
                fmt::format("ends after {} commands{}, but {}", trial.compared,
                            ended->ok ? std::string() : fmt::format(" with '{}'", ended->error),
                            more      ? "went on then"
                            : end->ok ? "ended well then"
                                      : "failed then");
            return trial;
        }
        const ScriptCommand& command = std::get<ScriptCommand>(step);
        if (!more) {
            if (end) {
                trial.difference = fmt::format("gives '{}' as its command {}, but had ended", command.kind,
                                               command.sequence);
                trial.place = place_of(next, command, trial.difference);
            }
            return trial;
        }
        const Said::Command& before = said.commands[static_cast<std::size_t>(trial.compared)];
        trial.difference = difference(before.command, command);
        if (!trial.same()) {
            trial.place = place_of(next, command, trial.difference);
            return trial;
        }
        ++trial.compared;
        if (!before.answer) {
            return trial;
        }
        answer = before.answer;
    }
}

TrialReplay trial_replay(const RunInput& input, const std::vector<std::pair<Event, base::Time>>& journal,
                         const std::function<Script::Step(const std::optional<Answer>&)>& next) {
    Run run(input);
    for (const auto& [event, time] : journal) {
        run.handle(event, time);
    }
    return trial_replay(run.said(), next);
}

} // namespace workflows::engine
