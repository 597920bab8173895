// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// A repository in a temporary directory with keys of its own.
#pragma once

#include "base/files.hpp"
#include "base/key.hpp"
#include "repo/repository.hpp"
#include "rpm/signing_key.hpp"
#include "tests/units/repo/packages.hpp"

#include <filesystem>
#include <string>
#include <vector>

namespace tests {

inline const base::Time noon = base::from_rfc3339("2026-11-20T12:00:00.000Z");

struct Shop {
    Shop();
    repo::Repository open() const { return repo::Repository::open(place); }
    /// Builds an app and adds it.
    void add(const std::string& name, const std::string& version, const std::string& channel) const;
    std::filesystem::path app(const std::string& name, const std::string& version) const;
    /// An unsigned manifest of what these packages of a channel are now.
    repo::Manifest manifest(const std::string& release, const std::string& channel,
                            const std::vector<std::string>& packages) const;

    base::TemporaryDirectory directory;
    std::filesystem::path place;    ///< of the repository
    std::filesystem::path packages; ///< where packages are built
    rpm::SigningKey package_key;
    base::PrivateKey release_key;
};

/// NEVRAs, in order.
std::vector<std::string> names(const std::vector<repo::PoolEntry>& entries);

} // namespace tests
