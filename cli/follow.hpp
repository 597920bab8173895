// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cli/command_line.hpp"
#include "cli/server.hpp"

#include <string>

namespace cli {

/// Shows a run's story as it happens, resumes after a lost connection (the events have one global sequence),
/// and returns the run's exit code once it has ended. Ctrl-C ends the following, never the run. @throws
/// base::Error{Unavailable} when the dispatcher stays away for two minutes.
int follow(const Server& server, const std::string& run, const Arguments& arguments);

/// One event of a run's story: a line for people, or the event itself with --json.
void show_event(const base::Value& event, const Arguments& arguments);

/// The end of a run for people: outcome, counts that add up, what was left out. Returns the exit code in the
/// document.
int show_end(const base::Value& run, const Arguments& arguments);

} // namespace cli
