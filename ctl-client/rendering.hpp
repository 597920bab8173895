// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/process.hpp"
#include "ctl-client/generation.hpp"
#include "ctl-client/packages.hpp"

#include <filesystem>
#include <vector>

namespace ctl_client {

/// The package's own description with every template text in it rendered: services, health, drain and
/// commands. Settings are dropped, `templates` stay as they are. @throws base::Error{Input} naming the
/// package and the member.
rpm::About rendered(const rpm::About& about, const base::Object& variables);

/// The config files that a package's templates give. @throws base::Error{Input}
std::vector<ConfigFile> rendered_config(const PackageContent& package, const base::Object& variables);

/// Runs a package's `validate` commands on the rendered candidates, which lie below `directory` (emptied
/// before and after).
/// @throws base::Error{Input} with the command and what it said, when one does not exit with 0 or cannot be
/// run.
void validate(const PackageContent& package, const std::vector<ConfigFile>& config,
              const base::Object& variables, const std::filesystem::path& directory,
              base::Processes& processes);

} // namespace ctl_client
