// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// `tiercel run`: executions of workflows.
#include "base/files.hpp"
#include "base/json.hpp"
#include "cli/document.hpp"
#include "cli/follow.hpp"
#include "cli/nouns.hpp"
#include "cli/parameters.hpp"
#include "cli/server.hpp"
#include "cli/starting.hpp"
#include "cli/terminal.hpp"

#include <filesystem>
#include <fmt/format.h>
#include <iostream>

namespace cli {

namespace {

constexpr std::size_t source_limit_bytes = 1u << 20;

const Option which{"RUN", "its id, see 'tiercel run list'", Option::Kind::Positional, true};

std::string path_of(const Arguments& arguments) {
    return "/v1/runs/" + url_part(arguments.text("RUN"));
}

int list(const Arguments& arguments) {
    const base::Value answer = Server::from(arguments).get("/v1/runs");
    if (arguments.json) {
        std::cout << base::to_json(answer) << "\n";
        return 0;
    }
    std::vector<std::vector<std::string>> rows{
        {"RUN", "KIND", "ENVIRONMENT", "RELEASE", "STATE", "ACTOR", "CREATED"}};
    for (const base::Value& run : list_of(answer, "runs")) {
        const std::string outcome = text_of(run, "outcome");
        rows.push_back({text_of(run, "id"), text_of(run, "kind"), text_of(run, "environment"),
                        text_of(run, "release"), outcome.empty() ? text_of(run, "state") : outcome,
                        text_of(run, "actor"), text_of(run, "created")});
    }
    std::cout << table(rows);
    return 0;
}

int show(const Arguments& arguments) {
    const base::Value run = Server::from(arguments).get(path_of(arguments));
    if (arguments.json) {
        std::cout << base::to_json(run) << "\n";
        return 0;
    }
    for (const char* member : {"id", "kind", "environment", "release", "from", "state", "outcome", "reason",
                               "actor", "created", "ended"}) {
        if (const std::string text = text_of(run, member); !text.empty()) {
            std::cout << member << ": " << printable(text) << "\n";
        }
    }
    std::vector<std::vector<std::string>> rows{{"LEVEL", "COMPONENT", "NODE", "STATE", "REASON"}};
    for (const base::Value& target : list_of(run, "targets")) {
        rows.push_back({text_of(target, "level"), text_of(target, "component"), text_of(target, "node"),
                        text_of(target, "state"), text_of(target, "reason")});
    }
    std::cout << table(rows);
    return 0;
}

int follow_run(const Arguments& arguments) {
    return follow(Server::from(arguments), arguments.text("RUN"), arguments);
}

int show_log(const Arguments& arguments) {
    const Server server = Server::from(arguments);
    server.stream(path_of(arguments) + "/events?follow=0", [&](const base::Value& event) {
        show_event(event, arguments);
        return true;
    });
    return 0;
}

int explain(const Arguments& arguments) {
    const base::Value answer = Server::from(arguments).get(path_of(arguments) + "/explain");
    if (arguments.json) {
        std::cout << base::to_json(answer) << "\n";
        return 0;
    }
    for (const base::Value& reason : list_of(answer, "waiting")) {
        const std::string until = text_of(reason, "until");
        std::cout << printable(text_of(reason, "what")) << (until.empty() ? "" : ", until " + until) << "\n";
    }
    for (const base::Value& target : list_of(answer, "left")) {
        std::cout << printable(fmt::format("{} on {} is {}: {}", text_of(target, "component"),
                                           text_of(target, "node"), text_of(target, "state"),
                                           text_of(target, "reason")))
                  << "\n";
    }
    if (list_of(answer, "waiting").empty()) {
        std::cout << "it waits for nothing: it has ended, see 'tiercel run show " << arguments.text("RUN")
                  << "'"
                  << (list_of(answer, "left").empty()
                          ? ""
                          : ", or try again what is left: 'tiercel run retry " + arguments.text("RUN") + "'")
                  << "\n";
    }
    return 0;
}

const Option because{"--reason", "goes into the journal", Option::Kind::Text, false};
const Option at_target{"--target", "only this one: 'shop/web on web-1', or a node", Option::Kind::Text,
                       false};

int say(const std::string& verb, const Arguments& arguments) {
    base::Object request{{"verb", verb}, {"reason", arguments.maybe("--reason").value_or("")}};
    for (const auto& [option, member] : {std::pair{"--target", "target"}, {"--plan", "plan"}}) {
        if (const auto text = arguments.maybe(option)) {
            request.set(member, *text);
        }
    }
    for (const auto& [option, member] : {std::pair{"--again", "again"}, {"--done", "done"}}) {
        if (const std::vector<std::string> commands = arguments.texts(option); !commands.empty()) {
            request.set(member, commands);
        }
    }
    const base::Value answer = Server::from(arguments).post(path_of(arguments) + "/signals", request);
    const std::string run = text_of(answer, "run");
    if (arguments.json) {
        std::cout << base::to_json(answer) << "\n";
    } else if (!run.empty()) {
        std::cout << "run " << run << " takes up what was left ('tiercel run follow " << run << "')\n";
    }
    return 0;
}

/// `said` is what the dispatcher calls it.
Verb signal(const std::string& verb, const std::string& said, const std::string& summary,
            std::vector<Option> own = {}) {
    own.insert(own.begin(), which);
    own.push_back(because);
    return {"run",
            verb,
            summary,
            "tiercel run " + verb + " 01J… --reason 'wrong window'",
            Server::options(std::move(own)),
            [said](const Arguments& arguments) {
                return say(said, arguments);
            }};
}

int send_signal(const Arguments& arguments) {
    base::Object request{{"verb", "signal"}, {"reason", arguments.text("NAME")}};
    if (const auto value = arguments.maybe("VALUE")) {
        request.set("value", *value);
    }
    Server::from(arguments).post(path_of(arguments) + "/signals", request);
    return 0;
}

int continue_run(const Arguments& arguments) {
    const std::string workflow = arguments.text("--workflow");
    base::Object request{{"workflow", std::filesystem::path(workflow).filename().string()},
                         {"reason", arguments.maybe("--reason").value_or("")}};
    if (workflow.ends_with(".lua")) {
        request.set("source", base::SystemFiles().read(workflow, source_limit_bytes));
    }
    const base::Value answer = Server::from(arguments).post(path_of(arguments) + "/continue", request);
    if (arguments.json) {
        std::cout << base::to_json(answer) << "\n";
    } else if (!arguments.quiet) {
        std::cout << "run " << text_of(answer, "run") << " goes on with '" << text_of(request, "workflow")
                  << "', the same in " << text_of(answer, "commands") << " commands so far\n";
    }
    return 0;
}

int start(const Arguments& arguments) {
    base::Object request{{"kind", "operation"},
                         {"environment", arguments.text("ENV")},
                         {"workflow", arguments.text("WORKFLOW")},
                         {"params", parameters(arguments)}};
    if (const auto application = arguments.maybe("--app")) {
        request.set("application", *application);
    }
    return start_run(std::move(request), arguments);
}

} // namespace

std::vector<Verb> run_verbs() {
    return {
        {"run", "list", "Runs, newest first", "tiercel run list", Server::options(), list},
        {"run", "show", "One run and where each of its targets is", "tiercel run show 01J…",
         Server::options({which}), show},
        {"run", "follow", "Watch a run; the exit code is the run's; Ctrl-C detaches",
         "tiercel run follow 01J…", Server::options({which}), follow_run},
        {"run", "explain", "What a run waits for, and until when", "tiercel run explain 01J…",
         Server::options({which}), explain},
        {"run", "log", "The story of a run so far", "tiercel run log 01J…", Server::options({which}),
         show_log},
        {"run", "start", "Run a workflow on the release that is there: restart, stop, status, refresh …",
         "tiercel run start prod restart --param component=shop/web",
         start_options(
             {{"ENV", "environment", Option::Kind::Positional, true},
              {"WORKFLOW", "workflow script", Option::Kind::Positional, true},
              {"--app", "application, when the environment holds several", Option::Kind::Text, false},
              {"--param", "parameter of the workflow, NAME=VALUE; may be repeated", Option::Kind::Texts,
               false}}),
         start},
        signal("approve", "approve", "Let a run start that somebody else asked for, or go on where it asks",
               {{"--plan", "refuse unless it would start with exactly this", Option::Kind::Text, false}}),
        signal("reject", "reject", "The opposite of approve"),
        signal("pause", "pause", "Start no further target"),
        signal("resume", "resume", "Go on after a pause"),
        signal("cancel", "cancel", "Start no further target, end what can be ended, and stop"),
        signal("retry", "retry",
               "Try failed targets again; of a run that has ended: start a new one for all that are left",
               {at_target,
                {"--again",
                 "of a run that has ended: a command that runs once and has, to be run once more; may be "
                 "repeated",
                 Option::Kind::Texts, false},
                {"--done",
                 "the same: a command of which nobody knew whether it has run, and you do: it has; may be "
                 "repeated",
                 Option::Kind::Texts, false}}),
        signal("skip", "skip", "Leave failed targets out and go on", {at_target}),
        signal("rollback-now", "rollback",
               "Take back what a run has done, when it waits after a failure of a target or of its script"),
        {"run", "continue",
         "Let a run go on with another text of its workflow that has said the same so far, also after the "
         "first one has failed; else 2, and nothing changes",
         "tiercel run continue 01J… --workflow mended.lua --reason 'the wait was too long'",
         Server::options({which,
                          {"--workflow", "a file, or the name of a workflow of the release or a stock one",
                           Option::Kind::Text, true},
                          because}),
         continue_run},
        {"run", "signal", "Send what a workflow awaits", "tiercel run signal 01J… switched green",
         Server::options({which,
                          {"NAME", "of the signal", Option::Kind::Positional, true},
                          {"VALUE", "that the workflow gets with it", Option::Kind::Positional, false}}),
         send_signal},
    };
}

} // namespace cli
