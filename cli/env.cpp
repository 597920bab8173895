// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// `tiercel env`: environments.
#include "base/files.hpp"
#include "base/json.hpp"
#include "cli/document.hpp"
#include "cli/nouns.hpp"
#include "cli/server.hpp"
#include "cli/terminal.hpp"

#include <iostream>

namespace cli {

namespace {

int apply(const Arguments& arguments) {
    const Server server = Server::from(arguments);
    base::Array applied;
    for (const std::string& file : arguments.texts("FILE")) {
        applied.push_back(
            server.post("/v1/environments",
                        base::Object{{"file", file}, {"text", base::SystemFiles().read(file, 4u << 20)}}));
        if (!arguments.json && !arguments.quiet) {
            const base::Value& one = applied.back();
            std::cout << "environment " << text_of(one, "environment") << ": "
                      << (text_of(one, "changed") == "true" ? "version " + text_of(one, "version")
                                                            : "unchanged, version " + text_of(one, "version"))
                      << "\n";
        }
    }
    if (arguments.json) {
        std::cout << base::to_json(base::Object{{"environments", std::move(applied)}}) << "\n";
    }
    return 0;
}

int explain(const Server& server, const std::string& environment, const Arguments& arguments) {
    const std::string key = arguments.text("--explain");
    std::string path = "/v1/environments/" + url_part(environment) + "/settings?key=" + url_part(key);
    if (const auto release = arguments.maybe("--release")) {
        path += "&release=" + url_part(*release);
    }
    const base::Value answer = server.get(path);
    if (arguments.json) {
        std::cout << base::to_json(answer) << "\n";
        return 0;
    }
    std::vector<std::vector<std::string>> rows{{"COMPONENT", "NODE", "SETTING", "VALUE", "FROM"}};
    for (const base::Value& setting : list_of(answer, "settings")) {
        rows.push_back({text_of(setting, "component"), text_of(setting, "node"), text_of(setting, "name"),
                        text_of(setting, "value"), text_of(setting, "from")});
    }
    std::cout << table(rows);
    return 0;
}

int show(const Arguments& arguments) {
    const Server server = Server::from(arguments);
    const auto environment = arguments.maybe("ENV");
    if (!environment) {
        const base::Value answer = server.get("/v1/environments");
        if (arguments.json) {
            std::cout << base::to_json(answer) << "\n";
            return 0;
        }
        std::vector<std::vector<std::string>> rows{{"ENVIRONMENT", "VERSION"}};
        for (const base::Value& each : list_of(answer, "environments")) {
            rows.push_back({text_of(each, "name"), text_of(each, "version")});
        }
        std::cout << table(rows);
        return 0;
    }
    if (arguments.maybe("--explain")) {
        return explain(server, *environment, arguments);
    }
    const base::Value answer = server.get("/v1/environments/" + url_part(*environment));
    if (arguments.json) {
        std::cout << base::to_json(answer) << "\n";
        return 0;
    }
    std::cout << "environment " << *environment << ", version " << text_of(answer, "version") << "\n";
    for (const base::Value& current : list_of(answer, "current")) {
        std::cout << "current: " << text_of(current, "release") << " (run " << text_of(current, "run")
                  << ")\n";
    }
    for (const base::Value& good : list_of(answer, "known_good")) {
        std::cout << "known-good: " << text_of(good, "release") << "\n";
    }
    std::cout << "\n" << printable(text_of(answer, "text"));
    return 0;
}

} // namespace

std::vector<Verb> env_verbs() {
    return {
        {"env", "apply", "Give the dispatcher environment files", "tiercel env apply environments/prod.toml",
         Server::options({{"FILE", "TOML files", Option::Kind::Positionals, true}}), apply},
        {"env", "show", "Environments; or one, with its current and known-good releases",
         "tiercel env show prod --explain port",
         Server::options(
             {{"ENV", "environment", Option::Kind::Positional, false},
              {"--explain", "where each value of this setting comes from", Option::Kind::Text, false},
              {"--release", "of this release; the current one when absent", Option::Kind::Text, false}}),
         show},
    };
}

} // namespace cli
