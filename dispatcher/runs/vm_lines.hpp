// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// What is said to and by `workflow-vm`, one JSON object a line: `{"start": {source, name, params, model}}`
// and `{"answer": {sequence, ok, value, error, stopped}}` to it, `{"command": {sequence, kind, arguments}}`
// and
// `{"ended": {ok, error}}` from it; `{"check": {source, name}}` to it, `{"findings": […]}` from it.
#pragma once

#include "dispatcher/runs/seams.hpp"

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace dispatcher::runs {

/// Longer lines are not read: a script has no use for them.
inline constexpr std::size_t max_vm_line_bytes = std::size_t{4} << 20;

/// How a run's script is started.
ScriptStart script_start(const workflows::engine::RunInput& input);
std::string start_line(const ScriptStart& start);
std::string answer_line(const workflows::engine::Answer& answer);
std::string check_line(const std::string& source, const std::string& name);
/// `rolling:12:9: ctx has no 'updat'; did you mean 'update'?`, each. @throws base::Error{Corrupt} for
/// anything but findings.
std::vector<std::string> findings_of(std::string_view line);
/// @throws base::Error{Corrupt} for anything but a step.
workflows::engine::Script::Step step_of(std::string_view line);

/// `workflow-vm` among the helpers of the running program.
std::filesystem::path vm_program();

} // namespace dispatcher::runs
