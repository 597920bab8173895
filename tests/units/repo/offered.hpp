// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <set>
#include <string>

namespace tests {

/// The file names that `channels/NAME` offers to a package manager; everything it would check on the way is
/// CHECKed: digests of metadata and packages. Empty when there is no such channel.
std::set<std::string> offered(const std::filesystem::path& repository, const std::string& channel);

} // namespace tests
