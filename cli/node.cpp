// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// `tiercel node`: machines with a ctl-client.
#include "base/json.hpp"
#include "cli/document.hpp"
#include "cli/nouns.hpp"
#include "cli/server.hpp"
#include "cli/terminal.hpp"

#include <fmt/format.h>
#include <iostream>

namespace cli {

namespace {

std::string components_of(const base::Value& node) {
    std::string out;
    if (const base::Object* components = member_of(node, "components").object()) {
        for (const base::Member& component : components->members) {
            out += (out.empty() ? "" : ", ") + component.name + " " + text_of(component.value, "release");
        }
    }
    return out;
}

/// "shop/web failed in 01J…": what an earlier run left so.
std::string left_of(const base::Value& node) {
    std::string out;
    for (const base::Value& left : list_of(node, "left")) {
        out += fmt::format("{}{} {} in {}", out.empty() ? "" : ", ", text_of(left, "component"),
                           text_of(left, "state"), text_of(left, "run"));
    }
    return out;
}

int list(const Arguments& arguments) {
    const base::Value answer = Server::from(arguments).get("/v1/nodes");
    if (arguments.json) {
        std::cout << base::to_json(answer) << "\n";
        return 0;
    }
    std::vector<std::vector<std::string>> rows{
        {"NODE", "STATE", "ONLINE", "LAST SEEN", "COMPONENTS", "LEFT"}};
    for (const base::Value& node : list_of(answer, "nodes")) {
        rows.push_back({text_of(node, "name"), text_of(node, "state"),
                        text_of(node, "online") == "true" ? "yes" : "no", text_of(node, "last_seen"),
                        components_of(node), left_of(node)});
    }
    std::cout << table(rows);
    return 0;
}

int show(const Arguments& arguments) {
    const base::Value node = Server::from(arguments).get("/v1/nodes/" + url_part(arguments.text("NODE")));
    std::cout << (arguments.json ? base::to_json(node) + "\n" : base::to_pretty_json(node));
    return 0;
}

} // namespace

std::vector<Verb> node_verbs() {
    return {
        {"node", "list", "Nodes, whether they are connected, and what runs on them", "tiercel node list",
         Server::options(), list},
        {"node", "show", "All that is known of one node", "tiercel node show web-1",
         Server::options({{"NODE", "its name", Option::Kind::Positional, true}}), show},
    };
}

} // namespace cli
