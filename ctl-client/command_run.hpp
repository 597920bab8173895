// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "ctl-client/generation.hpp"
#include "ctl-client/programs.hpp"

#include <optional>
#include <string>

namespace ctl_client {

inline constexpr std::size_t most_output_bytes = 16u << 10; ///< of a command, in a report

/// The packaged command of this name, rendered, among those of the component on this node: nothing else is
/// ever run by name.
/// @throws base::Error{Denied} with the nearest name.
const rpm::PackagedCommand& packaged_command(const std::optional<Generation>& there,
                                             const std::string& component, const std::string& name);

/// Runs it to its end; nothing when it was started and nobody knows how it ended.
/// @throws base::Error{NotFound} when its program cannot be executed, base::Error{Unavailable} when the order
/// under way was cancelled.
std::optional<base::Outcome> run_command(const rpm::PackagedCommand& command, Programs& programs);

/// Why its outcome is no success, or nothing: "command 'x' ended with 3: last line of its output".
std::string objection(const rpm::PackagedCommand& command, const base::Outcome& outcome);

} // namespace ctl_client
