// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/database.hpp"
#include "repo/buckets.hpp"
#include "repo/metadata.hpp"
#include "repo/pool.hpp"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace repo {

/// `state.db`: what is in the pool, and what each snapshot holds. Which snapshot a channel shows is not here:
/// the link in `channels/` is the only truth about that, so it changes in one step.
///
///   package    one row for each package of the pool. `place` orders them in the metadata: 8 bytes of SHA-256
///              of the name, then the 32 of the package; all builds of a name side by side compress well.
///              `arrived` is the snapshot that brought it
///   element    its XML for each document
///   bucket, bucket_member, frame, snapshot_bucket: see buckets.hpp
///   snapshot   id (ULID), number of packages, digest of its repomd.xml
///   arriving   digests of files that are being put into the pool: without a row in `package` they are what a
///              crash left
///   pending    snapshots that were written: when no channel shows one, a crash came before its publication
///
/// A newer version of the schema than this program knows is refused (base::Database).
class Catalog {
public:
    explicit Catalog(const std::filesystem::path& file);
    base::Database& database() noexcept { return database_; }

    std::optional<PoolEntry> package(const base::Digest& digest);
    /// The digest of the package that has this identity.
    std::optional<base::Digest> digest_of(const base::Nevra& nevra);
    std::vector<PoolEntry> packages();
    /// Of one snapshot, unordered; with a name only those of that name.
    std::vector<PoolEntry> packages_of(const std::string& snapshot,
                                       const std::optional<std::string>& name = {});
    /// @throws base::Error{Internal} when the package is not in the catalog.
    std::int64_t id_of(const base::Digest& digest);
    void insert(const PoolEntry& entry, const Texts& elements, const std::string& arrived_in);

    /// Nothing when there is no such snapshot.
    std::optional<base::Digest> repomd_of(const std::string& snapshot);
    std::vector<std::string> snapshots();
    /// How many packages a snapshot holds; 0 when there is none.
    std::uint64_t size_of(const std::string& snapshot);
    void insert_snapshot(const std::string& id, const Layout& layout, std::uint64_t packages,
                         const base::Digest& repomd, base::Time made);
    /// Forgets a snapshot, the buckets that no other one has, and the packages that it brought.
    void forget_snapshot(const std::string& id);

    std::vector<std::string> arriving();
    std::vector<std::string> pending();

private:
    base::Database database_;
};

} // namespace repo
