// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// `tiercel deploy` and `tiercel rollback`: start a run and follow it.
#include "base/error.hpp"
#include "base/json.hpp"
#include "cli/document.hpp"
#include "cli/follow.hpp"
#include "cli/nouns.hpp"
#include "cli/parameters.hpp"
#include "cli/server.hpp"
#include "cli/starting.hpp"

#include <iostream>

namespace cli {

base::Object parameters(const Arguments& arguments) {
    base::Object params;
    for (const std::string& pair : arguments.texts("--param")) {
        const auto equals = pair.find('=');
        if (equals == std::string::npos || equals == 0) {
            throw base::Error(base::Fault::Input, "'{}' is not a parameter; write --param NAME=VALUE", pair);
        }
        const std::string value = pair.substr(equals + 1);
        // JSON where it reads as JSON (numbers, lists, true), text otherwise: `soak=30s` and `ramp=[1,"50%"]`
        // both do what they say.
        base::Value parsed = value;
        try {
            parsed = base::parse_json(value, "--param " + pair.substr(0, equals));
        } catch (const base::Error&) {
            parsed = value;
        }
        if (params.find(pair.substr(0, equals)) != nullptr) {
            throw base::Error(base::Fault::Input, "parameter '{}' is given twice; leave one --param out",
                              pair.substr(0, equals));
        }
        params.set(pair.substr(0, equals), std::move(parsed));
    }
    return params;
}

namespace {

const Option no_wait{"--no-wait", "print the run's id and return; 5 when it waits for an approval",
                     Option::Kind::Flag, false};

} // namespace

int start_run(base::Object request, const Arguments& arguments) {
    for (const auto& [option, member] : {std::pair{"--at", "at"},
                                         {"--expires", "expires"},
                                         {"--override-freeze", "override_freeze"},
                                         {"--override-lock", "override_lock"}}) {
        if (const auto text = arguments.maybe(option)) {
            request.set(member, *text);
        }
    }
    const Server server = Server::from(arguments);
    const std::string run = text_of(server.post("/v1/runs", request), "run");
    if (arguments.flag("--no-wait")) {
        std::cout << (arguments.json ? base::to_json(base::Object{{"run", run}}) : run) << "\n";
        const base::Value explained = server.get("/v1/runs/" + url_part(run) + "/explain");
        return text_of(explained, "needs_person") == "true" ? 5 : 0;
    }
    if (!arguments.json && !arguments.quiet) {
        std::cout << "run " << run << "; Ctrl-C detaches, the run goes on ('tiercel run follow " << run
                  << "')" << std::endl;
    }
    return follow(server, run, arguments);
}

namespace {

int deploy(const Arguments& arguments) {
    base::Object request{{"kind", "deploy"},
                         {"environment", arguments.text("ENV")},
                         {"release", arguments.text("RELEASE")},
                         {"params", parameters(arguments)}};
    if (const auto workflow = arguments.maybe("--workflow")) {
        request.set("workflow", *workflow);
    }
    if (const auto plan = arguments.maybe("--plan")) {
        request.set("plan", *plan);
    }
    return start_run(std::move(request), arguments);
}

int rollback(const Arguments& arguments) {
    base::Object request{{"kind", "rollback"}, {"environment", arguments.text("ENV")}};
    if (const auto application = arguments.maybe("--app")) {
        request.set("application", *application);
    }
    if (const auto release = arguments.maybe("--to")) {
        request.set("release", *release);
    }
    return start_run(std::move(request), arguments);
}

const Option override_lock{"--override-lock", "why it may start although somebody has locked the environment",
                           Option::Kind::Text, false};

} // namespace

std::vector<Option> start_options(std::vector<Option> own) {
    own.push_back(
        {"--at", "do not start before this time, as 2026-11-20T22:00:00Z", Option::Kind::Text, false});
    own.push_back({"--expires", "end it when it has not started by then; an hour after --at when absent",
                   Option::Kind::Text, false});
    own.push_back({"--override-freeze", "why it may start in a freeze", Option::Kind::Text, false});
    own.push_back(override_lock);
    own.push_back(no_wait);
    return Server::options(std::move(own));
}

std::vector<Verb> deploy_verbs() {
    return {
        {"", "deploy", "Bring an environment to a release, and follow the run",
         "tiercel deploy prod shop/2.0 --param soak=1m",
         start_options(
             {{"ENV", "environment", Option::Kind::Positional, true},
              {"RELEASE", "release, as shop/2.0", Option::Kind::Positional, true},
              {"--workflow", "workflow script; rolling when absent", Option::Kind::Text, false},
              {"--param", "parameter of the workflow, NAME=VALUE; may be repeated", Option::Kind::Texts,
               false},
              {"--plan", "hash of a plan: refuse if anything moved since", Option::Kind::Text, false}}),
         deploy},
        {"", "rollback", "Bring an environment back to the last known-good release", "tiercel rollback prod",
         Server::options(
             {{"ENV", "environment", Option::Kind::Positional, true},
              {"--app", "application, when the environment holds several", Option::Kind::Text, false},
              {"--to", "this known-good release instead of the newest older one", Option::Kind::Text, false},
              override_lock,
              no_wait}),
         rollback},
    };
}

} // namespace cli
