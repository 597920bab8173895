// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "workflows/engine/trial_replay.hpp"

#include "base/json.hpp"

#include <map>
#include <set>

namespace workflows::engine {
namespace {

// What the script of a run said, and what it was told.
struct Said {
    std::map<std::int64_t, ScriptCommand> commands;
    std::map<std::int64_t, Answer> answers;
    std::optional<ScriptEnded> ended;
};

Said said_in(const RunInput& input, const std::vector<std::pair<Event, base::Time>>& journal) {
    Said said;
    Run run(input);
    for (const auto& [event, time] : journal) {
        if (const auto* command = std::get_if<ScriptCommand>(&event)) {
            said.commands.emplace(command->sequence, *command); // the first one counts
        } else if (const auto* ended = std::get_if<ScriptEnded>(&event)) {
            said.ended = *ended;
        }
        for (const Effect& effect : run.handle(event, time)) {
            if (const auto* answer = std::get_if<Answer>(&effect)) {
                said.answers.emplace(answer->sequence, *answer);
            }
        }
    }
    return said;
}

// A script that is refused a command says the line of its call, unless it catches the refusal.
std::string place_of(const std::function<Script::Step(const std::optional<Answer>&)>& next,
                     const ScriptCommand& command, const std::string& difference) {
    const Script::Step end = next(Answer{command.sequence, false, nullptr, difference});
    const auto* ended = std::get_if<ScriptEnded>(&end);
    const std::size_t at = ended == nullptr ? std::string::npos : ended->error.find(": " + difference);
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
    if (before.kind == "record" || before.arguments == now.arguments) {
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

TrialReplay trial_replay(const RunInput& input, const std::vector<std::pair<Event, base::Time>>& journal,
                         const std::function<Script::Step(const std::optional<Answer>&)>& next) {
    const Said said = said_in(input, journal);
    TrialReplay trial;
    std::optional<Answer> answer;
    while (true) {
        const Script::Step step = next(answer);
        if (const auto* ended = std::get_if<ScriptEnded>(&step)) {
            if (!said.commands.contains(trial.compared + 1) && (!said.ended || said.ended->ok == ended->ok)) {
                return trial;
            }
            trial.difference =
                fmt::format("ends after {} commands{}, but {}", trial.compared,
                            ended->ok ? std::string() : fmt::format(" with '{}'", ended->error),
                            said.commands.contains(trial.compared + 1) ? "went on then"
                            : said.ended->ok                           ? "ended well then"
                                                                       : "failed then");
            return trial;
        }
        const ScriptCommand& command = std::get<ScriptCommand>(step);
        const auto before = said.commands.find(command.sequence);
        if (before == said.commands.end()) {
            if (said.ended) {
                trial.difference = fmt::format("gives '{}' as its command {}, but had ended", command.kind,
                                               command.sequence);
                trial.place = place_of(next, command, trial.difference);
            }
            return trial;
        }
        trial.difference = difference(before->second, command);
        if (!trial.same()) {
            trial.place = place_of(next, command, trial.difference);
            return trial;
        }
        ++trial.compared;
        const auto told = said.answers.find(command.sequence);
        if (told == said.answers.end()) {
            return trial;
        }
        answer = told->second;
    }
}

} // namespace workflows::engine
