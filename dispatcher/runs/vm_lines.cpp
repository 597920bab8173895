// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/runs/vm_lines.hpp"

#include "base/error.hpp"
#include "base/fields.hpp"
#include "base/json.hpp"
#include "base/process.hpp"

#include <limits>

namespace dispatcher::runs {

namespace engine = workflows::engine;

ScriptStart script_start(const engine::RunInput& input) {
    return {.source = input.workflow_source,
            .name = input.workflow,
            .params = input.params,
            .model = {.environment = input.environment.str(),
                      .release = input.release.str(),
                      .from = input.from ? input.from->str() : "",
                      .levels = input.levels}};
}

std::string start_line(const ScriptStart& start) {
    return base::to_json(base::Object{{"start", base::Object{{"source", start.source},
                                                             {"name", start.name},
                                                             {"params", start.params},
                                                             {"model", start.model.to_value()}}}}) +
           "\n";
}

std::string answer_line(const engine::Answer& answer) {
    return base::to_json(base::Object{{"answer", base::Object{{"sequence", answer.sequence},
                                                              {"ok", answer.ok},
                                                              {"value", answer.value},
                                                              {"error", answer.error}}}}) +
           "\n";
}

engine::Script::Step step_of(std::string_view line) {
    try {
        const base::Value document =
            base::parse_json(line, "workflow-vm", {.bytes = max_vm_line_bytes, .depth = 64});
        const base::Fields fields(document, "workflow-vm");
        if (const auto ended = fields.record("ended")) {
            return engine::ScriptEnded{ended->flag("ok", false), ended->text("error", "")};
        }
        // What is wrong with the source or its parameters is an end, too.
        if (const auto refused = fields.record("refused")) {
            return engine::ScriptEnded{false, refused->text("message")};
        }
        const auto command = fields.record("command");
        if (!command) {
            throw base::Error(base::Fault::Input, std::string("neither a command nor an end"));
        }
        const base::Value* arguments = command->any("arguments");
        return engine::ScriptCommand{command->whole("sequence", 1, std::numeric_limits<std::int64_t>::max()),
                                     command->text("kind"),
                                     arguments == nullptr ? base::Value() : *arguments};
    } catch (const base::Error& error) {
        throw base::Error(base::Fault::Corrupt,
                          "program 'workflow-vm' said something that is no step of a script: {}",
                          error.message());
    }
}

std::filesystem::path vm_program() {
    return base::libexec_directory() / "workflow-vm";
}

} // namespace dispatcher::runs
