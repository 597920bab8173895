// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// Small real packages, for tests that need some in a hurry.
#pragma once

#include "rpm/package.hpp"
#include "rpm/signing_key.hpp"

#include <filesystem>
#include <map>
#include <string>

namespace tests {

/// Path → content.
using Content = std::map<std::string, std::string>;

/// A noarch package with these files; `key` null leaves it unsigned. The same arguments give the same bytes.
std::filesystem::path make_package(const std::filesystem::path& directory, const std::string& name,
                                   const std::string& version, const rpm::SigningKey* key,
                                   const Content& content = {});
/// With an About document of kind app in it.
std::filesystem::path make_app(const std::filesystem::path& directory, const std::string& name,
                               const std::string& version, const rpm::SigningKey& key);

} // namespace tests
