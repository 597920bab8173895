// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "repo/catalog.hpp"

#include "base/error.hpp"
#include "base/json.hpp"
#include "repo/pool.hpp"

namespace repo {

namespace {

constexpr std::string_view first_schema = R"(
CREATE TABLE package (
    id INTEGER PRIMARY KEY,
    digest TEXT NOT NULL UNIQUE,
    nevra TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    about TEXT,
    place BLOB NOT NULL,
    arrived TEXT NOT NULL);
CREATE INDEX package_of_name ON package (name);
CREATE INDEX package_of_arrival ON package (arrived);
CREATE TABLE element (
    package INTEGER PRIMARY KEY REFERENCES package (id) ON DELETE CASCADE,
    primary_xml BLOB NOT NULL,
    filelists_xml BLOB NOT NULL,
    other_xml BLOB NOT NULL);
CREATE TABLE bucket (id INTEGER PRIMARY KEY AUTOINCREMENT);
CREATE TABLE bucket_member (
    bucket INTEGER NOT NULL REFERENCES bucket (id) ON DELETE CASCADE,
    package INTEGER NOT NULL REFERENCES package (id),
    PRIMARY KEY (bucket, package)) WITHOUT ROWID;
CREATE INDEX bucket_of_package ON bucket_member (package);
CREATE TABLE frame (
    bucket INTEGER NOT NULL REFERENCES bucket (id) ON DELETE CASCADE,
    kind INTEGER NOT NULL,
    gzip BLOB NOT NULL,
    PRIMARY KEY (bucket, kind));
CREATE TABLE snapshot (
    id TEXT PRIMARY KEY,
    made TEXT NOT NULL,
    packages INTEGER NOT NULL,
    repomd TEXT NOT NULL);
CREATE TABLE snapshot_bucket (
    snapshot TEXT NOT NULL REFERENCES snapshot (id) ON DELETE CASCADE,
    low BLOB NOT NULL,
    bucket INTEGER NOT NULL REFERENCES bucket (id),
    PRIMARY KEY (snapshot, low)) WITHOUT ROWID;
CREATE INDEX snapshot_of_bucket ON snapshot_bucket (bucket);
CREATE TABLE arriving (digest TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE pending (snapshot TEXT PRIMARY KEY) WITHOUT ROWID;
)";

constexpr std::string_view columns = "p.digest, p.nevra, p.bytes, p.about";

std::string binary(const base::Digest& digest) {
    return {reinterpret_cast<const char*>(digest.bytes.data()), digest.bytes.size()};
}

std::string place_of(const PoolEntry& entry) {
    return binary(base::sha256(entry.nevra.name)).substr(0, 8) + binary(entry.digest);
}

PoolEntry entry_from(const base::Statement& row) {
    PoolEntry entry;
    entry.digest = base::Digest::parse(row.text(0));
    entry.nevra = base::Nevra::parse(row.text(1));
    entry.bytes = static_cast<std::uint64_t>(row.whole(2));
    entry.path = pool_path(entry.digest, entry.nevra);
    if (!row.is_null(3)) {
        const std::string name = "state.db, package '" + entry.nevra.str() + "'";
        entry.about = rpm::About::from_value(base::parse_json(row.text(3), name), name);
    }
    return entry;
}

std::vector<PoolEntry> entries(base::Statement& rows) {
    std::vector<PoolEntry> list;
    while (rows.step()) {
        list.push_back(entry_from(rows));
    }
    return list;
}

std::vector<std::string> texts(base::Statement rows) {
    std::vector<std::string> list;
    while (rows.step()) {
        list.push_back(rows.text(0));
    }
    return list;
}

} // namespace

Catalog::Catalog(const std::filesystem::path& file) : database_(file, {first_schema}) {}

std::optional<PoolEntry> Catalog::package(const base::Digest& digest) {
    auto row = database_.prepare(fmt::format("SELECT {} FROM package p WHERE p.digest = ?", columns));
    row.with(digest.hex());
    return row.step() ? std::optional(entry_from(row)) : std::nullopt;
}

std::optional<base::Digest> Catalog::digest_of(const base::Nevra& nevra) {
    auto row = database_.prepare("SELECT digest FROM package WHERE nevra = ?");
    row.with(nevra.str());
    return row.step() ? std::optional(base::Digest::parse(row.text(0))) : std::nullopt;
}

std::vector<PoolEntry> Catalog::packages() {
    auto rows = database_.prepare(fmt::format("SELECT {} FROM package p ORDER BY p.nevra", columns));
    return entries(rows);
}

std::vector<PoolEntry> Catalog::packages_of(const std::string& snapshot,
                                            const std::optional<std::string>& name) {
    if (name) {
        // From the name's few packages to their buckets: a snapshot has tens of thousands of packages.
        auto rows = database_.prepare(fmt::format(
            "SELECT {} FROM package p WHERE p.name = ? AND EXISTS (SELECT 1 FROM bucket_member m "
            "JOIN snapshot_bucket s ON s.bucket = m.bucket WHERE m.package = p.id AND s.snapshot = ?)",
            columns));
        rows.with(*name, snapshot);
        return entries(rows);
    }
    auto rows = database_.prepare(
        fmt::format("SELECT {} FROM snapshot_bucket s JOIN bucket_member m ON m.bucket = s.bucket "
                    "JOIN package p ON p.id = m.package WHERE s.snapshot = ?",
                    columns));
    rows.with(snapshot);
    return entries(rows);
}

std::int64_t Catalog::id_of(const base::Digest& digest) {
    auto row = database_.prepare("SELECT id FROM package WHERE digest = ?");
    row.with(digest.hex());
    if (!row.step()) {
        throw base::Error(base::Fault::Internal, "package {} is not in the catalog", digest.str());
    }
    return row.whole(0);
}

void Catalog::insert(const PoolEntry& entry, const Texts& elements, const std::string& arrived_in) {
    auto package = database_.prepare("INSERT INTO package (digest, nevra, name, bytes, about, place, "
                                     "arrived) VALUES (?, ?, ?, ?, ?, ?, ?)");
    package.bind(1, entry.digest.hex())
        .bind(2, entry.nevra.str())
        .bind(3, entry.nevra.name)
        .bind(4, static_cast<std::int64_t>(entry.bytes));
    if (entry.about) {
        package.bind(5, base::to_json(entry.about->to_value()));
    }
    package.bind_blob(6, place_of(entry)).bind(7, arrived_in);
    package.run();
    auto element = database_.prepare(
        "INSERT INTO element (package, primary_xml, filelists_xml, other_xml) VALUES (?, ?, ?, ?)");
    element.bind(1, database_.last_row_id());
    for (std::size_t kind = 0; kind < kinds; ++kind) {
        element.bind_blob(static_cast<int>(kind) + 2, elements.at(kind));
    }
    element.run();
}

std::optional<base::Digest> Catalog::repomd_of(const std::string& snapshot) {
    auto row = database_.prepare("SELECT repomd FROM snapshot WHERE id = ?");
    row.with(snapshot);
    return row.step() ? std::optional(base::Digest::parse(row.text(0))) : std::nullopt;
}

std::vector<std::string> Catalog::snapshots() {
    return texts(database_.prepare("SELECT id FROM snapshot ORDER BY id"));
}

std::uint64_t Catalog::size_of(const std::string& snapshot) {
    auto row = database_.prepare("SELECT packages FROM snapshot WHERE id = ?");
    row.with(snapshot);
    return row.step() ? static_cast<std::uint64_t>(row.whole(0)) : 0;
}

void Catalog::insert_snapshot(const std::string& id, const Layout& layout, std::uint64_t packages,
                              const base::Digest& repomd, base::Time made) {
    database_.prepare("INSERT INTO snapshot (id, made, packages, repomd) VALUES (?, ?, ?, ?)")
        .with(id, base::to_rfc3339(made), packages, repomd.hex())
        .run();
    auto row = database_.prepare("INSERT INTO snapshot_bucket (snapshot, low, bucket) VALUES (?, ?, ?)");
    for (const auto& [low, bucket] : layout) {
        row.reset();
        row.bind(1, id).bind_blob(2, low).bind(3, bucket);
        row.run();
    }
}

void Catalog::forget_snapshot(const std::string& id) {
    database_.prepare("DELETE FROM snapshot WHERE id = ?").with(id).run();
    database_.execute(
        "DELETE FROM bucket WHERE NOT EXISTS (SELECT 1 FROM snapshot_bucket s WHERE s.bucket = bucket.id)");
    database_.prepare("DELETE FROM package WHERE arrived = ?").with(id).run();
}

std::vector<std::string> Catalog::arriving() {
    return texts(database_.prepare("SELECT digest FROM arriving ORDER BY digest"));
}

std::vector<std::string> Catalog::pending() {
    return texts(database_.prepare("SELECT snapshot FROM pending ORDER BY snapshot"));
}

} // namespace repo
