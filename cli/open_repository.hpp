// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cli/command_line.hpp"
#include "repo/repository.hpp"

namespace cli {

/// The repository that -C names (a repository or a project with one), or that of the project here.
repo::Repository open_repository(const Arguments& arguments);

} // namespace cli
