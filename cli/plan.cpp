// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// `tiercel plan`: what a deployment would do.
#include "base/json.hpp"
#include "cli/document.hpp"
#include "cli/nouns.hpp"
#include "cli/parameters.hpp"
#include "cli/server.hpp"
#include "cli/terminal.hpp"

#include <algorithm>
#include <cctype>
#include <fmt/format.h>
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

bool changes(const base::Value& group) {
    const bool* changed = member_of(group, "changed").flag();
    return changed != nullptr && *changed;
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
    for (const char* act : {"restart", "reload", "start", "stop"}) {
        for (const base::Value& service : list_of(group, act)) {
            const std::string why =
                service.text() == nullptr ? "" : text_of(member_of(group, "restart_why"), *service.text());
            std::cout << "    " << act << " " << printable(names({service}))
                      << (why.empty() ? "" : paint(Color::Grey, ": " + printable(why))) << "\n";
        }
    }
    if (!changes(group)) {
        std::cout << "    nothing changes\n";
    }
}

/// What the run waits for before it starts, and what binds it: from the environment's policy, locks and
/// state.
void show_conditions(const base::Value& plan) {
    std::vector<std::string> lines;
    if (const base::Value& approval = member_of(plan, "approval"); !approval.is_null()) {
        const std::string role = text_of(approval, "role");
        lines.push_back("needs approval by " + text_of(approval, "count") +
                        (role.empty() ? "" : " with role '" + role + "'") + ", within " +
                        text_of(approval, "expires"));
    }
    for (const char* hold : {"freeze", "lock"}) {
        if (const base::Value& held = member_of(plan, hold); !held.is_null()) {
            lines.push_back("waits until " + text_of(held, "until") + ": " + text_of(held, "why"));
        }
    }
    for (const base::Value& act : list_of(plan, "acts")) {
        if (text_of(act, "kind") == "outage") {
            lines.push_back("declares an outage: " + text_of(act, "what"));
        }
    }
    for (const base::Value& budget : list_of(plan, "budgets")) {
        const std::string per = text_of(budget, "per");
        lines.push_back("at most " + text_of(budget, "max_unavailable") + " of " +
                        text_of(budget, "component") + (per.empty() ? "" : " in each " + per) +
                        " out of service");
    }
    if (const base::Array& out = list_of(plan, "out"); !out.empty()) {
        lines.push_back("out of service already: " + names(out));
    }
    if (!lines.empty()) {
        std::cout << paint(Color::Bold, "conditions") << "\n";
    }
    for (const std::string& line : lines) {
        std::cout << "  " << printable(line) << "\n";
    }
}

/// As a shell reads it back.
std::string shell_word(const std::string& text) {
    const bool plain = std::ranges::all_of(text, [](char c) {
        return std::isalnum(static_cast<unsigned char>(c)) != 0 ||
               std::string_view("_.,:=%/@+-").find(c) != std::string_view::npos;
    });
    if (plain && !text.empty()) {
        return text;
    }
    std::string word = "'";
    for (const char c : text) {
        word += c == '\'' ? std::string("'\\''") : std::string(1, c);
    }
    return word + "'";
}

/// Batches, and what the workflow asks for between them.
void show_order(const base::Value& plan) {
    const base::Array& batches = list_of(plan, "batches");
    const base::Array& acts = list_of(plan, "acts");
    std::size_t act = 0;
    for (std::size_t number = 0; number <= batches.size(); ++number) {
        for (; act < acts.size() && text_of(acts[act], "after_batches") == std::to_string(number); ++act) {
            std::cout << "     " << text_of(acts[act], "kind") << ": "
                      << printable(text_of(acts[act], "what")) << "\n";
        }
        if (number < batches.size()) {
            const std::string zone = text_of(batches[number], "zone");
            std::cout << "  " << number + 1 << ". level " << text_of(batches[number], "level")
                      << (zone.empty() ? "" : ", zone " + printable(zone)) << ": "
                      << printable(names(list_of(batches[number], "targets"))) << "  "
                      << paint(Color::Grey, text_of(batches[number], "arithmetic")) << "\n";
        }
    }
}

/// A plan is of its workflow and parameters: the deployment must name the same.
std::string options_again(const Arguments& arguments) {
    std::vector<std::pair<const char*, std::string>> given;
    if (const auto workflow = arguments.maybe("--workflow")) {
        given.emplace_back("--workflow", *workflow);
    }
    for (const std::string& param : arguments.texts("--param")) {
        given.emplace_back("--param", param);
    }
    std::string words;
    for (const auto& [option, value] : given) {
        words += fmt::format(" {} {}", option, shell_word(value));
    }
    return words;
}

int plan(const Arguments& arguments) {
    base::Object request{{"environment", arguments.text("ENV")},
                         {"release", arguments.text("RELEASE")},
                         {"params", parameters(arguments)}};
    if (const auto workflow = arguments.maybe("--workflow")) {
        request.set("workflow", *workflow);
    }
    const base::Value plan = Server::from(arguments).post("/v1/plans", request);
    const int code = arguments.flag("--detailed-exitcode") && !list_of(plan, "batches").empty() ? 10 : 0;
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
    show_order(plan);
    show_conditions(plan);
    if (const base::Array& away = list_of(plan, "unreachable"); !away.empty()) {
        std::cout << paint(Color::Yellow,
                           "no answer (not connected, or busy), so their differences are unknown: " +
                               names(away))
                  << "\n";
    }
    for (const base::Value& refused : list_of(plan, "refused")) {
        std::cout << paint(Color::Red,
                           "not ready: " + names({refused}) + ": " + printable(text_of(refused, "reason")))
                  << "\n";
    }
    std::cout << "plan " << text_of(plan, "hash") << "\n";
    if (!arguments.quiet) {
        std::cout << "run it with: tiercel deploy " << arguments.text("ENV") << " "
                  << arguments.text("RELEASE") << options_again(arguments) << " --plan "
                  << text_of(plan, "hash") << "\n";
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
