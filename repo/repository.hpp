// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/clock.hpp"
#include "base/files.hpp"
#include "base/name.hpp"
#include "repo/arrival.hpp"
#include "repo/manifest.hpp"
#include "repo/pool.hpp"
#include "rpm/package.hpp"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace repo {

class Catalog;

/// A release repository in a directory; a plain rpm-md repository for dnf and zypper under
/// `channels/<name>/`.
///
///   repository.toml        format = 1, key = the package-signing key's path
///   state.db               packages, their metadata, what snapshots hold (catalog.hpp)
///   pool/ab/<sha256>/x.rpm by content, never overwritten
///   snapshots/<id>/        repodata/{repomd.xml,repomd.xml.asc,…}, Packages -> ../../pool; immutable
///   channels/<name>        -> ../snapshots/<id>: promotion is one rename
///   releases/APP/NAME.json SignedManifest, written once
///   keys/                  packages.asc (OpenPGP certificates), release.pub (PEM); several of each
///   lock                   held by the writer, and says who that is
///
/// A crash at any instant leaves the old or the new state: packages, then metadata, then the catalog, all on
/// disk, and last the channel's link. What a crash left behind is removed by the next writer. A writer waits
/// for another one, 30 s at most. Thread: one at a time; any number of readers in other processes.
class Repository {
public:
    /// All or nothing. `package_key_file` is written down relative to the repository when it lies below the
    /// directory that holds it (a project can be moved as a whole). @throws base::Error{Conflict} when the
    /// directory is not empty.
    static Repository create(const std::filesystem::path& directory,
                             const std::filesystem::path& package_key_file,
                             const std::vector<std::string>& release_key_pems, base::Time now);
    /// @throws base::Error{NotFound} `'x' is no repository; make one with 'tiercel repo init x'`.
    static Repository open(const std::filesystem::path& directory);
    /// With another file system under it; `files` must outlive the repository.
    static Repository open(const std::filesystem::path& directory, base::Files& files);
    ~Repository();
    Repository(Repository&&) noexcept;

    /// Checks signature and digests, copies into the pool, publishes `channel` (made when new) with them
    /// added; an older or newer package of the same name stays beside it. All or nothing. Returns what the
    /// channel now holds of them, in the order given, each once.
    /// `inspect` sees each, verified, before anything is published, and refuses by throwing.
    /// @throws base::Error{Conflict} for the same NEVRA with other bytes.
    std::vector<PoolEntry> add(const std::vector<std::filesystem::path>& packages,
                               const base::ChannelName& channel, base::Time now,
                               const std::function<void(const PoolEntry&)>& inspect = {});
    /// Makes `to` (made when new) hold what `from` holds: without names exactly that, with names the newest
    /// of each beside what `to` has. Returns what `to` did not have before. @throws base::Error{NotFound}
    std::vector<PoolEntry> promote(const base::ChannelName& from, const base::ChannelName& to,
                                   const std::vector<std::string>& packages, base::Time now);
    /// Sorted.
    std::vector<std::string> channels() const;
    /// Sorted by name, then newest first. @throws base::Error{NotFound}
    std::vector<PoolEntry> list(const base::ChannelName& channel) const;
    /// The newest of a name in a channel, or nothing.
    std::optional<PoolEntry> newest(const base::ChannelName& channel, const std::string& package_name) const;
    /// What is wrong, as sentences; empty when all is well: pool digests, signatures, metadata, links,
    /// releases.
    std::vector<std::string> verify() const;

    /// @throws base::Error{Conflict} when the release exists with other content: a release never changes.
    /// Error{Denied} when no release key of this repository signed it, Error{NotFound} when one of its
    /// packages is not in the pool.
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
    Repository(std::filesystem::path directory, base::Files& files);
    std::string snapshot_of(const base::ChannelName& channel) const;
    void refuse_other_content(const std::vector<Arrival>& arrivals) const;
    /// Puts packages that the catalog has, but whose file was lost or damaged, back into the pool.
    void heal(const std::vector<Arrival>& arrivals);
    void publish(const base::ChannelName& channel, const std::vector<Arrival>& arrivals,
                 const std::vector<PoolEntry>& added, base::Time now);

    std::filesystem::path directory_;
    base::Files* files_;
    std::unique_ptr<Catalog> catalog_;
};

} // namespace repo
