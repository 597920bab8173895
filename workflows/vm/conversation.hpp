// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "workflows/engine/script.hpp"

#include <memory>
#include <string>
#include <string_view>

namespace workflows::vm {

/// What `workflow-vm` and its parent say to each other: one JSON record a line in each direction.
///
///     {"describe": {"source", "name"}}
///         → {"description": {"summary", "parameters": [{"name", "type", "default"}]}}
///     {"check": {"source", "name"}} → {"findings": [{"file", "line", "column", "message"}]}
///     {"start": {"source", "name", "params", "model"}} → {"command": {"sequence", "kind", "arguments"}}
///     {"answer": {"sequence", "ok", "value", "error", "stopped"}} → {"command": …} or {"ended": {"ok",
///     "error"}}
///
/// `model` as ScriptModel::to_value. What is wrong with a source, its params or a message: {"refused":
/// {"fault", "message"}}. One start in a life.
class Conversation {
public:
    explicit Conversation(engine::Limits limits = {}) : limits_(limits) {}

    /// The answer to one line, without the newline. Throws nothing of ours.
    std::string handle(std::string_view line);

private:
    base::Value answer_to(const base::Value& message);
    base::Value next(const std::optional<engine::Answer>& answer);

    engine::Limits limits_;
    std::unique_ptr<engine::Script> script_;
};

} // namespace workflows::vm
