// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// `workflow-vm`: one script in a process without privileges. It speaks JSON lines with the dispatcher and
// ends when its standard input does.
//
//   → {"start": {"source", "name", "params", "model"}}        ← {"command": {"sequence", "kind",
//   "arguments"}} or {"ended": {"ok", "error"}} → {"answer": {"sequence", "ok", "value", "error"}}        ←
//   the next command or the end → {"describe": {"source", "name"}}                        ← {"description":
//   {"summary", "parameters": [{"name", "type", "default"}]}} ← {"refused": {"fault", "message"}} the script
//   or a parameter is bad input
#include "base/error.hpp"
#include "base/fields.hpp"
#include "base/json.hpp"
#include "workflows/engine/script.hpp"

#include <csignal>
#include <iostream>
#include <memory>
#include <string>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

namespace {

using workflows::engine::Answer;
using workflows::engine::Script;
using workflows::engine::ScriptCommand;
using workflows::engine::ScriptEnded;
using workflows::engine::ScriptModel;

void limit(__rlimit_resource resource, rlim_t value) {
    const rlimit bound{value, value};
    if (setrlimit(resource, &bound) != 0) {
        throw base::Error(base::Fault::Internal, "workflow-vm cannot limit itself: {}",
                          base::system_reason(errno));
    }
}

/// Nothing but the two pipes and a bounded piece of memory: whatever a script finds in Lua, it finds it here.
void give_up_privileges() {
    for (int descriptor = 3; descriptor < 256; ++descriptor) {
        close(descriptor);
    }
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    limit(RLIMIT_CORE, 0);
    limit(RLIMIT_NOFILE, 3);
    limit(RLIMIT_FSIZE, 0);
    limit(RLIMIT_NPROC, 0);
#if !defined(__SANITIZE_ADDRESS__)
    limit(RLIMIT_AS, rlim_t{512} << 20);
#endif
}

void say(base::Object message) {
    std::cout << base::to_json(std::move(message)) << std::endl;
}

void say(const Script::Step& step) {
    if (const auto* command = std::get_if<ScriptCommand>(&step)) {
        say(base::Object{{"command", base::Object{{"sequence", command->sequence},
                                                  {"kind", command->kind},
                                                  {"arguments", command->arguments}}}});
    } else {
        const auto& ended = std::get<ScriptEnded>(step);
        say(base::Object{{"ended", base::Object{{"ok", ended.ok}, {"error", ended.error}}}});
    }
}

base::Object params_of(const base::Fields& start) {
    const base::Value* params = start.any("params");
    return params != nullptr && params->object() != nullptr ? *params->object() : base::Object{};
}

void describe(const base::Fields& asked) {
    const Script script(asked.text("source"), asked.text("name"), {}, {});
    base::Array parameters;
    for (const Script::Parameter& parameter : script.parameters()) {
        parameters.push_back(
            base::Object{{"name", parameter.name}, {"type", parameter.type}, {"default", parameter.absent}});
    }
    say(base::Object{
        {"description", base::Object{{"summary", script.summary()}, {"parameters", std::move(parameters)}}}});
}

void serve() {
    std::unique_ptr<Script> script;
    for (std::string line; std::getline(std::cin, line);) {
        try {
            const base::Value message = base::parse_json(line, "message to workflow-vm");
            const base::Fields fields(message, "message to workflow-vm");
            if (const auto start = fields.record("start")) {
                script =
                    std::make_unique<Script>(start->text("source"), start->text("name"), params_of(*start),
                                             ScriptModel::from_value(*start->any("model")));
                say(script->resume(std::nullopt));
            } else if (const auto answer = fields.record("answer"); answer && script) {
                const base::Value* value = answer->any("value");
                say(script->resume(
                    Answer{answer->whole("sequence", 0, std::numeric_limits<std::int64_t>::max()),
                           answer->flag("ok", false), value != nullptr ? *value : base::Value(),
                           answer->text("error", "")}));
            } else if (const auto asked = fields.record("describe")) {
                describe(*asked);
            } else {
                throw base::Error(base::Fault::Input,
                                  std::string("workflow-vm takes start, answer (after start) or describe"));
            }
        } catch (const base::Error& error) {
            say(base::Object{
                {"refused", base::Object{{"fault", word(error.fault())}, {"message", error.message()}}}});
        }
    }
}

} // namespace

int main() {
    try {
        give_up_privileges();
        serve();
        return 0;
    } catch (const std::exception& error) {
        std::cerr << "workflow-vm: " << error.what() << "\n";
        return 1;
    }
}
