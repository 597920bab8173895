// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/value.hpp"
#include "cli/command_line.hpp"

namespace cli {

/// --param NAME=VALUE, each once. @throws base::Error{Input}
base::Object parameters(const Arguments& arguments);

} // namespace cli
