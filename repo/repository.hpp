// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/clock.hpp"
#include "base/database.hpp"
#include "base/files.hpp"
#include "base/name.hpp"
#include "repo/manifest.hpp"
#include "rpm/package.hpp"
#include "rpm/signing_key.hpp"

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace repo {

/// One package of the pool.
struct PoolEntry {
    base::Nevra nevra;
    base::Digest digest;
    std::uint64_t bytes = 0;
    std::string path;                       ///< `pool/ab/<sha256>/<file name>`
    std::optional<rpm::About> about;
};

/// A release repository in a directory; a plain rpm-md repository for dnf and zypper under `channels/<name>/`.
///
///   repository.toml        format = 1, signing key's path
///   state.db               packages, metadata fragments and their compressed buckets, snapshots, channels (SQLite)
///   pool/ab/<sha256>/x.rpm by content, never overwritten
///   snapshots/<id>/        repodata/{repomd.xml,repomd.xml.asc,…}, Packages -> ../../pool; immutable
///   channels/<name>        -> ../snapshots/<id>: promotion is one rename
///   releases/APP/NAME.json SignedManifest
///   keys/                  packages.asc (OpenPGP certificates), release.pub (PEM, one after another)
///
/// A crash at any instant leaves the old or the new state. Writers hold `lock`. Thread: one at a time; any number of readers in other processes.
class Repository {
public:
    /// @throws base::Error{Conflict} when the directory is not empty.
    static Repository create(const std::filesystem::path& directory, const std::filesystem::path& package_key_file,
                             const std::vector<std::string>& release_key_pems, base::Time now);
    /// @throws base::Error{NotFound} `'x' is no repository; make one with 'tiercel repo init x'`.
    static Repository open(const std::filesystem::path& directory);

    /// Checks signature and digests, copies into the pool, publishes `channel` (made when new) with them added; an older or newer package
    /// of the same name stays beside it. All or nothing. @throws base::Error{Conflict} for the same NEVRA with other bytes.
    std::vector<PoolEntry> add(const std::vector<std::filesystem::path>& packages, const base::ChannelName& channel, base::Time now);
    /// Makes `to` hold what `from` holds (all, or only these packages: newest of each name). Returns what moved.
    std::vector<PoolEntry> promote(const base::ChannelName& from, const base::ChannelName& to, const std::vector<std::string>& packages, base::Time now);
    std::vector<std::string> channels() const;
    /// Sorted by name, then newest first. @throws base::Error{NotFound}
    std::vector<PoolEntry> list(const base::ChannelName& channel) const;
    /// The newest of a name in a channel, or nothing.
    std::optional<PoolEntry> newest(const base::ChannelName& channel, const std::string& package_name) const;
    /// What is wrong, as sentences; empty when all is well: pool digests, signatures, metadata, links, releases.
    std::vector<std::string> verify() const;

    /// @throws base::Error{Conflict} when the release exists: a release never changes.
    void store_release(const SignedManifest& release, const base::ReleaseName& name);
    /// @throws base::Error{NotFound} with the releases that exist.
    SignedManifest release(const base::ReleaseName& name) const;
    std::vector<base::ReleaseName> releases() const;

    std::vector<base::PublicKey> release_keys() const;
    rpm::TrustedKeys package_keys() const;
    const std::filesystem::path& directory() const noexcept { return directory_; }
    /// The file of a package by its digest, when the pool has it.
    std::optional<std::filesystem::path> package_file(const base::Digest& digest) const;

private:
    explicit Repository(std::filesystem::path directory, base::Database database);
    std::filesystem::path directory_;
    mutable base::Database database_;
};

} // namespace repo
