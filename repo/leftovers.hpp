// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/files.hpp"
#include "repo/catalog.hpp"

#include <filesystem>

namespace repo {

/// Removes what a writer that was killed left behind: staged packages, packages of the pool that nothing
/// refers to, snapshots that no channel ever showed. For the holder of the writer's lock. Killed itself, it
/// is simply begun again.
void remove_leftovers(const std::filesystem::path& repository, Catalog& catalog, base::Files& files);

} // namespace repo
