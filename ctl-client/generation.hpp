// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/digest.hpp"
#include "base/name.hpp"
#include "rpm/about.hpp"
#include "rpm/transaction.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace ctl_client {

/// A package of which the stage holds the file.
struct HeldPackage {
    rpm::Installed identity;
    base::Digest file; ///< SHA-256 of the package file: its name in the stage
    std::uint64_t bytes = 0;
    bool operator==(const HeldPackage&) const = default;
};

/// One rendered template.
struct ConfigFile {
    std::string path; ///< below the root, absolute
    std::string bytes;
    std::uint32_t mode = 0644;
    std::string owner;
    std::string group;
    std::vector<std::string> restart; ///< services that this text's change restarts or reloads
    std::vector<std::string> reload;
};

/// Everything that one component is on this node: the packages and the rendered texts of config, services,
/// checks and drain. Immutable once recorded. The document in the journal:
/// `{"release", "desired", "packages": [{"nevra", "header_digest", "file", "bytes"}], "abouts": [About with
/// rendered texts],
///   "actions": [{"path", "restart", "reload"}]}`; the config's bytes lie beside it.
struct Generation {
    std::int64_t id = 0;   ///< 0: not recorded yet
    std::string component; ///< "shop/web"
    std::string release;   ///< "shop/1.0"
    std::string desired;   ///< the order's document, as sent
    base::Digest desired_digest;
    std::vector<HeldPackage> packages;
    std::vector<rpm::About>
        abouts; ///< of the packages that have one; services, health, drain and commands rendered
    std::vector<ConfigFile> config; ///< sorted by path
    bool known_good = false;

    std::string document() const;
    /// Without config. @throws base::Error{Corrupt}
    static Generation from_document(std::string_view text);

    const HeldPackage* find(const std::string& package_name) const noexcept;
    std::vector<std::string> package_names() const;
};

} // namespace ctl_client
