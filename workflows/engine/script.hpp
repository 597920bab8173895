// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/value.hpp"
#include "workflows/engine/limits.hpp"
#include "workflows/engine/run.hpp"

#include <memory>
#include <optional>
#include <string>
#include <variant>

namespace workflows::engine {

/// What a script sees of the run: the members of `ctx` (context_fields in methods.hpp).
struct ScriptModel {
    std::string environment, release, from;
    std::vector<std::vector<base::ComponentName>> levels;
    std::string kind = "deploy"; ///< or "operation"
    struct Component {
        base::ComponentName name;
        std::size_t level = 0;
        std::size_t targets = 0;
        std::vector<std::string> commands;
        std::string migrate; ///< a command's name; empty: none
    };
    std::vector<Component> components{};

    static ScriptModel of(const RunInput& input);
    base::Value to_value() const;
    static ScriptModel from_value(const base::Value& value);
};

/// One workflow script in a Lua 5.4 sandbox: allow-listed globals, text chunks only, sorted `pairs`, an
/// allocator with a ceiling, an instruction budget on every thread that `pcall` cannot swallow. `resume` runs
/// it to its next command (methods.hpp: kind and arguments; durations as text, a level as its index). What
/// is wrong with a call goes back to the script as an error at its line, and is no command. Programs run it
/// inside `workflow-vm`, tests directly.
///
/// Functions that the script deferred are called when it has ended, the last one first, each on a thread and
/// with a budget of its own, with "succeeded", "failed" (the script raised an error) or "stopped". An error
/// ends the script at once when nothing is deferred; else it is a command of its own (`is_failure`), and what
/// is deferred is called when that is answered: the run may wait for a person, and go on with another text.
/// An answer with `stopped` ends at once what it is given to, whatever that catches. What a deferred function
/// raises prevents no other one and stands in ScriptEnded::error.
class Script {
public:
    /// @throws base::Error{Input} `name:line: …`: syntax, not a workflow, unknown or mistyped parameter.
    Script(std::string_view source, const std::string& name, const base::Object& params,
           const ScriptModel& model, Limits limits = {});
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

/// Whether the command says that the script failed: kind "fail", and the `error`.
bool is_failure(const ScriptCommand& command) noexcept;
/// How the script ended of itself, if this step is its end: a failure is one.
std::optional<ScriptEnded> end_in(const Script::Step& step);

/// The words that a workflow's file has beside the sandbox's: `workflow`, and one for each type of parameter.
const std::vector<std::string>& workflow_words();

} // namespace workflows::engine
