// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "ctl-client/command_run.hpp"

#include "base/error.hpp"
#include "ctl-client/last_line.hpp"

namespace ctl_client {

const rpm::PackagedCommand& packaged_command(const std::optional<Generation>& there,
                                             const std::string& component, const std::string& name) {
    if (!there) {
        throw base::Error(base::Fault::Denied,
                          "component '{}' is not installed here, so it has no command '{}'", component, name);
    }
    std::vector<std::string> known;
    for (const rpm::About& about : there->abouts) {
        for (const rpm::PackagedCommand& command : about.commands) {
            if (command.name == name) {
                return command;
            }
            known.push_back(command.name);
        }
    }
    throw base::Error(
        base::Fault::Denied,
        "no package of component '{}' on this node, which is at release '{}', has a command '{}'{}",
        component, there->release, name, base::hint(name, known));
}

std::optional<base::Outcome> run_command(const rpm::PackagedCommand& packaged, Programs& programs) {
    base::Command command;
    command.argv = packaged.run;
    command.directory = "/";
    command.timeout = packaged.timeout;
    command.output_limit_bytes = most_output_bytes;
    return programs.keep(command, "command '" + packaged.name + "'");
}

std::string objection(const rpm::PackagedCommand& command, const base::Outcome& outcome) {
    if (outcome.timed_out) {
        return fmt::format("command '{}' did not end within {}{}", command.name,
                           base::to_text(command.timeout), last_line_after(": ", outcome.output));
    }
    return command.is_ok(outcome.exit_code)
               ? std::string()
               : fmt::format("command '{}' ended with {}{}", command.name, outcome.exit_code,
                             last_line_after(": ", outcome.output));
}

} // namespace ctl_client
