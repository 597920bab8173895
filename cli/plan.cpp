// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// `tiercel plan`: what a deployment would do.
#include "base/json.hpp"
#include "cli/document.hpp"
#include "cli/nouns.hpp"
#include "cli/parameters.hpp"
#include "cli/server.hpp"
#include "cli/terminal.hpp"

#include <iostream>
#include <sstream>

namespace cli {

namespace {

std::string names(const base::Array& list) {
    std::string out;
    for (const base::Value& each : list) {
        const std::string name = each.text() != nullptr
                                     ? *each.text()
                                     : text_of(each, "component") + " on " + text_of(each, "node");
        out += (out.empty() ? "" : ", ") + name;
    }
    return out;
}

void show_diff(const std::string& diff) {
    std::istringstream lines(diff);
    for (std::string line; std::getline(lines, line);) {
        const bool heading = line.starts_with("+++") || line.starts_with("---") || line.starts_with("@@");
        const Color color = heading                 ? Color::Grey
                            : line.starts_with('+') ? Color::Green
                            : line.starts_with('-') ? Color::Red
                                                    : Color::Grey;
        std::cout << "      " << paint(color, line) << "\n";
    }
}

void show_group(const base::Value& group) {
    std::cout << "  " << paint(Color::Blue, names(list_of(group, "targets"))) << "\n";
    for (const base::Value& package : list_of(group, "packages")) {
        const std::string from = text_of(package, "from");
        const std::string to = text_of(package, "to");
        std::cout << "    "
                  << (from.empty() ? "+ "
                      : to.empty() ? "- "
                                   : "~ ")
                  << printable(text_of(package, "name")) << "  "
                  << printable(from.empty() ? to
                               : to.empty() ? from
                                            : from + " -> " + to)
                  << "\n";
    }
    for (const base::Value& file : list_of(group, "config")) {
        std::cout << "    config " << printable(text_of(file, "path")) << "\n";
        show_diff(text_of(file, "diff"));
    }
    for (const char* act : {"restart", "reload"}) {
        if (const base::Array& services = list_of(group, act); !services.empty()) {
            std::cout << "    " << act << " " << printable(names(services)) << "\n";
        }
    }
    if (list_of(group, "packages").empty() && list_of(group, "config").empty()) {
        std::cout << "    nothing changes\n";
    }
}

bool something_to_do(const base::Value& plan) {
    for (const base::Value& group : list_of(plan, "groups")) {
        if (!list_of(group, "packages").empty() || !list_of(group, "config").empty() ||
            !list_of(group, "restart").empty() || !list_of(group, "reload").empty()) {
            return true;
        }
    }
    return false;
}

int plan(const Arguments& arguments) {
    base::Object request{{"environment", arguments.text("ENV")},
                         {"release", arguments.text("RELEASE")},
                         {"params", parameters(arguments)}};
    if (const auto workflow = arguments.maybe("--workflow")) {
        request.set("workflow", *workflow);
    }
    const base::Value plan = Server::from(arguments).post("/v1/plans", request);
    const int code = arguments.flag("--detailed-exitcode") && something_to_do(plan) ? 10 : 0;
    if (arguments.json) {
        std::cout << base::to_json(plan) << "\n";
        return code;
    }
    const std::string from = text_of(plan, "from");
    std::cout << paint(Color::Bold, (from.empty() ? "nothing" : from) + " -> " + text_of(plan, "release"))
              << "\n";
    for (const base::Value& group : list_of(plan, "groups")) {
        show_group(group);
    }
    std::cout << paint(Color::Bold, "order") << "\n";
    std::size_t number = 0;
    for (const base::Value& batch : list_of(plan, "batches")) {
        std::cout << "  " << ++number << ". level " << text_of(batch, "level") << ": "
                  << printable(names(list_of(batch, "targets"))) << "  "
                  << paint(Color::Grey, text_of(batch, "arithmetic")) << "\n";
    }
    if (const base::Array& away = list_of(plan, "unreachable"); !away.empty()) {
        std::cout << paint(Color::Yellow, "not connected, so their differences are unknown: " + names(away))
                  << "\n";
    }
    std::cout << "plan " << text_of(plan, "hash") << "\n";
    if (!arguments.quiet) {
        std::cout << "run it with: tiercel deploy " << arguments.text("ENV") << " "
                  << arguments.text("RELEASE") << " --plan " << text_of(plan, "hash") << "\n";
    }
    return code;
}

} // namespace

std::vector<Verb> plan_verbs() {
    return {
        {"", "plan", "What a deployment would do: batches, differences, restarts",
         "tiercel plan prod shop/2.0",
         Server::options({{"ENV", "environment", Option::Kind::Positional, true},
                          {"RELEASE", "release, as shop/2.0", Option::Kind::Positional, true},
                          {"--workflow", "workflow script; rolling when absent", Option::Kind::Text, false},
                          {"--param", "parameter of the workflow, NAME=VALUE; may be repeated",
                           Option::Kind::Texts, false},
                          {"--detailed-exitcode", "exit with 10 when there is something to do",
                           Option::Kind::Flag, false}}),
         plan}};
}

} // namespace cli
