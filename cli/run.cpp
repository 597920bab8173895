// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// `tiercel run`: executions of workflows.
#include "base/json.hpp"
#include "cli/document.hpp"
#include "cli/follow.hpp"
#include "cli/nouns.hpp"
#include "cli/server.hpp"
#include "cli/terminal.hpp"

#include <iostream>

namespace cli {

namespace {

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
    if (list_of(answer, "waiting").empty()) {
        std::cout << "it waits for nothing: it has ended, see 'tiercel run show " << arguments.text("RUN")
                  << "'\n";
    }
    return 0;
}

Verb signal(const std::string& verb, const std::string& summary) {
    return {"run",
            verb,
            summary,
            "tiercel run " + verb + " 01J… --reason 'wrong window'",
            Server::options({which, {"--reason", "goes into the journal", Option::Kind::Text, false}}),
            [verb](const Arguments& arguments) {
                const base::Value answer = Server::from(arguments).post(
                    path_of(arguments) + "/signals",
                    base::Object{{"verb", verb}, {"reason", arguments.maybe("--reason").value_or("")}});
                if (arguments.json) {
                    std::cout << base::to_json(answer) << "\n";
                }
                return 0;
            }};
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
        signal("pause", "Start no further target"),
        signal("resume", "Go on after a pause"),
        signal("cancel", "Start no further target, finish the steps under way, and end"),
    };
}

} // namespace cli
