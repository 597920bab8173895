// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/value.hpp"
#include "cli/command_line.hpp"

#include <vector>

namespace cli {

/// A verb's own options and what every start of a deployment or operation takes: when, and in spite of what.
std::vector<Option> start_options(std::vector<Option> own);

/// Posts a run and follows it; with --no-wait prints its id. Returns the exit code of docs/cli.md.
int start_run(base::Object request, const Arguments& arguments);

} // namespace cli
