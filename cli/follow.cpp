// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "cli/follow.hpp"

#include "base/error.hpp"
#include "base/json.hpp"
#include "cli/document.hpp"
#include "cli/terminal.hpp"

#include <chrono>
#include <iostream>
#include <sstream>
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

Color color_of_state(const std::string& state) {
    if (state == "updated" || state == "unchanged" || state == "rolled_back") {
        return Color::Green;
    }
    const bool bad = state == "failed" || state == "rollback_failed" || state == "refused" ||
                     state == "lost" || state == "unreachable" || state == "quarantined";
    return bad ? Color::Red : Color::Grey;
}

std::string shown_fields(const base::Value& event, std::string_view left_out) {
    std::string out;
    if (const base::Object* fields = member_of(event, "fields").object()) {
        for (const base::Member& field : fields->members) {
            if (field.name != left_out) {
                out += "  " + paint(Color::Grey, field.name + "=") + printable(text_of(*fields, field.name));
            }
        }
    }
    return out;
}

/// What a program said, below the line that tells of it.
void print_output(const base::Value& event) {
    std::istringstream output(text_of(member_of(event, "fields"), "output"));
    for (std::string line; std::getline(output, line);) {
        std::cout << "              " << paint(Color::Grey, "| ") << printable(line) << "\n";
    }
}

void print_event(const base::Value& event) {
    // The time of day is enough while one watches; `run show --json` has all of it.
    const std::string time = text_of(event, "time");
    const std::string target = text_of(event, "target");
    const std::string message = text_of(event, "message");
    if (message == "command") {
        return; // the script's side of it; what it causes is shown
    }
    std::string line = paint(Color::Grey, time.size() >= 19 ? time.substr(11, 8) : time) + "  ";
    if (message == "target changed") {
        const std::string state = text_of(member_of(event, "fields"), "state");
        line += "    " + target + "  " + paint(color_of_state(state), state) + shown_fields(event, "state");
    } else {
        line += paint(color_of(text_of(event, "level")), message) + (target.empty() ? "" : "  " + target) +
                shown_fields(event, "output");
    }
    std::cout << line << "\n";
    print_output(event);
    std::cout << std::flush;
}

} // namespace

void show_event(const base::Value& event, const Arguments& arguments) {
    if (arguments.json) {
        std::cout << base::to_json(event) << std::endl;
    } else if (!arguments.quiet) {
        print_event(event);
    }
}

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
            if (!text_of(target, "reason").empty() && text_of(target, "state") != "unchanged") {
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
                              show_event(event, arguments);
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
