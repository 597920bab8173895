// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "cli/follow.hpp"

#include "base/error.hpp"
#include "base/json.hpp"
#include "cli/document.hpp"
#include "cli/terminal.hpp"

#include <chrono>
#include <iostream>
#include <thread>

namespace cli {

namespace {

constexpr auto patience = std::chrono::minutes(2);

Color color_of(const std::string& level) {
    if (level == "error") {
        return Color::Red;
    }
    return level == "warning" ? Color::Yellow : Color::Bold;
}

void show_event(const base::Value& event) {
    // The time of day is enough while one watches; `run show --json` has all of it.
    const std::string time = text_of(event, "time");
    std::string line = paint(Color::Grey, time.size() >= 19 ? time.substr(11, 8) : time) + "  ";
    const std::string target = text_of(event, "target");
    if (!target.empty()) {
        line += paint(Color::Blue, target) + "  ";
    }
    line += paint(color_of(text_of(event, "level")), text_of(event, "message"));
    if (const base::Object* fields = member_of(event, "fields").object()) {
        for (const base::Member& field : fields->members) {
            line += "  " + paint(Color::Grey, field.name + "=") + printable(text_of(*fields, field.name));
        }
    }
    std::cout << line << std::endl;
}

} // namespace

int show_end(const base::Value& run, const Arguments& arguments) {
    const std::string exit_text = text_of(run, "exit_code");
    const int code = exit_text.empty() ? 1 : std::stoi(exit_text);
    if (arguments.json) {
        return code;
    }
    std::string counts;
    if (const base::Object* states = member_of(run, "counts").object()) {
        for (const base::Member& state : states->members) {
            if (text_of(*states, state.name) != "0") {
                counts += (counts.empty() ? "" : ", ") + text_of(*states, state.name) + " " + state.name;
            }
        }
    }
    const bool good = code == 0 || code == 11;
    std::cout << paint(good ? Color::Green : Color::Red, text_of(run, "outcome")) << ": "
              << text_of(run, "kind") << " of " << text_of(run, "release") << " to "
              << text_of(run, "environment") << ": " << counts << "\n";
    if (!good) {
        std::cout << "  " << printable(text_of(run, "reason")) << "\n";
        for (const base::Value& target : list_of(run, "targets")) {
            if (!text_of(target, "reason").empty()) {
                std::cout << "  "
                          << printable(text_of(target, "component") + " on " + text_of(target, "node") +
                                       ": " + text_of(target, "state") + ": " + text_of(target, "reason"))
                          << "\n";
            }
        }
        std::cout << "  see 'tiercel run show " << text_of(run, "id") << "'\n";
    }
    return code;
}

int follow(const Server& server, const std::string& run, const Arguments& arguments) {
    std::string after = "0";
    auto last_contact = std::chrono::steady_clock::now();
    bool said_lost = false;
    for (;;) {
        try {
            server.stream("/v1/runs/" + url_part(run) + "/events?after=" + after,
                          [&](const base::Value& event) {
                              after = text_of(event, "sequence");
                              last_contact = std::chrono::steady_clock::now();
                              said_lost = false;
                              if (arguments.json) {
                                  std::cout << base::to_json(event) << std::endl;
                              } else if (!arguments.quiet) {
                                  show_event(event);
                              }
                              return true;
                          });
            const base::Value document = server.get("/v1/runs/" + url_part(run));
            last_contact = std::chrono::steady_clock::now();
            if (!text_of(document, "outcome").empty()) {
                return show_end(document, arguments);
            }
        } catch (const base::Error& error) {
            if (error.fault() != base::Fault::Unavailable ||
                std::chrono::steady_clock::now() - last_contact > patience) {
                throw;
            }
            if (!said_lost && !arguments.quiet && !arguments.json) {
                std::cout
                    << paint(Color::Yellow,
                             "the dispatcher cannot be reached; the run goes on by itself, trying again …")
                    << std::endl;
            }
            said_lost = true;
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(500));
    }
}

} // namespace cli
