// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// `tiercel env`: environments, their policies and locks.
#include "base/files.hpp"
#include "base/json.hpp"
#include "base/toml.hpp"
#include "cli/document.hpp"
#include "cli/nouns.hpp"
#include "cli/server.hpp"
#include "cli/terminal.hpp"

#include <iostream>

namespace cli {

namespace {

/// A file says by its keys what it is: a policy has an environment's name, and nothing of what makes an
/// environment.
bool is_policy(const base::Value& document) {
    for (const char* key : {"channel", "nodes", "settings", "override", "external", "naming"}) {
        if (document.object()->find(key) != nullptr) {
            return false;
        }
    }
    return true;
}

int apply(const Arguments& arguments) {
    const Server server = Server::from(arguments);
    base::Array applied;
    for (const std::string& file : arguments.texts("FILE")) {
        const std::string text = base::SystemFiles().read(file, 4u << 20);
        const bool policy = is_policy(base::parse_toml(text, file));
        applied.push_back(server.post(policy ? "/v1/policies" : "/v1/environments",
                                      base::Object{{"file", file}, {"text", text}}));
        if (!arguments.json && !arguments.quiet) {
            const base::Value& one = applied.back();
            std::cout << (policy ? "policy of environment " + text_of(one, "policy")
                                 : "environment " + text_of(one, "environment"))
                      << ": "
                      << (text_of(one, "changed") == "true" ? "version " + text_of(one, "version")
                                                            : "unchanged, version " + text_of(one, "version"))
                      << "\n";
        }
    }
    if (arguments.json) {
        std::cout << base::to_json(base::Object{{"applied", std::move(applied)}}) << "\n";
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
    if (const base::Value& lock = member_of(answer, "lock"); !lock.is_null()) {
        std::cout << paint(Color::Yellow, "locked") << " by " << text_of(lock, "holder") << " since "
                  << text_of(lock, "since") << " until " << text_of(lock, "until") << ": "
                  << printable(text_of(lock, "reason")) << "\n";
    }
    for (const base::Value& current : list_of(answer, "current")) {
        const std::string release = text_of(current, "release");
        std::cout << "current: " << (release.empty() ? "nothing" : release) << " (run "
                  << text_of(current, "run") << ")";
        if (const std::string mixed = text_of(current, "mixed"); !mixed.empty()) {
            std::cout << paint(Color::Yellow, "; some nodes may have " + mixed);
        }
        std::cout << "\n";
    }
    for (const base::Value& good : list_of(answer, "known_good")) {
        std::cout << "known-good: " << text_of(good, "release") << "\n";
    }
    std::cout << "\n" << printable(text_of(answer, "text"));
    if (const base::Value& policy = member_of(answer, "policy"); !policy.is_null()) {
        std::cout << "\npolicy, version " << text_of(policy, "version") << "\n\n"
                  << printable(text_of(policy, "text"));
    }
    return 0;
}

std::string lock_path(const Arguments& arguments) {
    return "/v1/environments/" + url_part(arguments.text("ENV")) + "/lock";
}

int lock(const Arguments& arguments) {
    base::Object request{{"reason", arguments.text("--reason")}};
    if (const auto lease = arguments.maybe("--for")) {
        request.set("for", *lease);
    }
    const base::Value answer = Server::from(arguments).post(lock_path(arguments), request);
    if (arguments.json) {
        std::cout << base::to_json(answer) << "\n";
    } else if (!arguments.quiet) {
        std::cout << "environment " << arguments.text("ENV") << " is locked until "
                  << text_of(answer, "until") << ", or 'tiercel env unlock " << arguments.text("ENV")
                  << "'\n";
    }
    return 0;
}

int unlock(const Arguments& arguments) {
    Server::from(arguments).remove(lock_path(arguments));
    if (!arguments.quiet && !arguments.json) {
        std::cout << "environment " << arguments.text("ENV") << " is unlocked\n";
    }
    return 0;
}

} // namespace

std::vector<Verb> env_verbs() {
    return {
        {"env", "apply", "Give the dispatcher files of environments and of their policies",
         "tiercel env apply environments/prod.toml policies/prod.toml",
         Server::options({{"FILE", "TOML files", Option::Kind::Positionals, true}}), apply},
        {"env", "lock", "Let nothing start in an environment for a while",
         "tiercel env lock prod --reason 'disk replaced'",
         Server::options({{"ENV", "environment", Option::Kind::Positional, true},
                          {"--reason", "what others are told", Option::Kind::Text, true},
                          {"--for", "how long at most; 24h when absent", Option::Kind::Text, false}}),
         lock},
        {"env", "unlock", "End one's own lock", "tiercel env unlock prod",
         Server::options({{"ENV", "environment", Option::Kind::Positional, true}}), unlock},
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
