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
            .model = engine::ScriptModel::of(input)};
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
                                                              {"error", answer.error},
                                                              {"stopped", answer.stopped}}}}) +
           "\n";
}

std::string check_line(const std::string& source, const std::string& name) {
    return base::to_json(base::Object{{"check", base::Object{{"source", source}, {"name", name}}}}) + "\n";
}

std::vector<std::string> findings_of(std::string_view line) {
    try {
        const base::Value document =
            base::parse_json(line, "workflow-vm", {.bytes = max_vm_line_bytes, .depth = 64});
        const base::Fields fields(document, "workflow-vm");
        if (fields.any("findings") == nullptr) {
            throw base::Error(base::Fault::Input, std::string("no findings"));
        }
        std::vector<std::string> findings;
        for (const base::Fields& finding : fields.records("findings")) {
            findings.push_back(fmt::format("{}:{}:{}: {}", finding.text("file"),
                                           finding.whole("line", 0, std::numeric_limits<int>::max()),
                                           finding.whole("column", 0, std::numeric_limits<int>::max()),
                                           finding.text("message")));
        }
        return findings;
    } catch (const base::Error& error) {
        throw base::Error(base::Fault::Corrupt, "program 'workflow-vm' said something that is no check: {}",
                          error.message());
    }
}

engine::Script::Step step_of(std::string_view line) {
    try {
        const base::Value document =
            base::parse_json(line, "workflow-vm", {.bytes = max_vm_line_bytes, .depth = 64});
        const base::Fields fields(document, "workflow-vm");
        if (const auto ended = fields.record("ended")) {
            return engine::ScriptEnded{ended->flag("ok", false), ended->text("error", ""),
                                       ended->flag("misused", false)};
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
