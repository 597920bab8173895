// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/value.hpp"
#include "workflows/engine/run.hpp"

#include <memory>
#include <optional>
#include <string>
#include <variant>

namespace workflows::engine {

/// What a script sees of the run: `ctx.levels` (each with `.index`, `.components`), `ctx.environment`,
/// `ctx.release`, `ctx.from`.
struct ScriptModel {
    std::string environment, release, from;
    std::vector<std::vector<base::ComponentName>> levels;
    base::Value to_value() const;
    static ScriptModel from_value(const base::Value& value);
};

/// The commands that scripts give, as ScriptCommand::kind and arguments; all values as in the script,
/// durations as text:
///
///   preflight {quorum?, deadline?}   answer: {ready, left_out}
///   update    {level, …options}      `level` is the index of a level (0-based, as in RunInput::levels);
///   answer: {level, failures} wait      {duration}             a durable timer; answer: nothing
///
/// One workflow script in a Lua 5.4 sandbox: allow-listed globals, text chunks only, sorted `pairs`, an
/// allocator with a ceiling, an instruction budget on every thread that `pcall` cannot swallow. `resume` runs
/// it to its next command. Programs run it inside `workflow-vm`, tests directly.
class Script {
public:
    /// @throws base::Error{Input} `name:line: …`: syntax, not a workflow, unknown or mistyped parameter.
    Script(std::string_view source, const std::string& name, const base::Object& params,
           const ScriptModel& model);
    ~Script();
    using Step = std::variant<ScriptCommand, ScriptEnded>;
    /// First call without an answer; then with the answer to the last command.
    Step resume(const std::optional<Answer>& answer);

    /// Parameters with their defaults and units, for `--help` and plans.
    struct Parameter {
        std::string name;
        std::string type;
        base::Value absent;
    };
    const std::vector<Parameter>& parameters() const;
    const std::string& summary() const;

private:
    struct State;
    std::unique_ptr<State> state_;
};

} // namespace workflows::engine
