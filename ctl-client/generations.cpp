// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "ctl-client/generations.hpp"

#include "base/error.hpp"
#include "base/json.hpp"

#include <algorithm>

namespace ctl_client {
namespace {

HeldPackage held_row(const base::Statement& row) {
    return {{base::Nevra::parse(row.text(1)), row.text(2)},
            base::Digest::parse(row.text(0)),
            static_cast<std::uint64_t>(row.whole(3))};
}

} // namespace

std::int64_t Generations::record_candidate(const Generation& generation, const std::string& run) {
    base::Transaction transaction(database_);
    database_.prepare("DELETE FROM generations WHERE component = ? AND applied = 0")
        .with(generation.component)
        .run();
    database_
        .prepare(
            "INSERT INTO generations (component, desired_digest, release, document, run) VALUES (?, ?, ?, "
            "?, ?)")
        .with(generation.component, generation.desired_digest.str(), generation.release,
              generation.document(), run)
        .run();
    const std::int64_t id = database_.last_row_id();
    base::Statement insert = database_.prepare(
        "INSERT INTO config_files (generation, path, bytes, mode, owner, grp) VALUES (?, ?, ?, ?, ?, ?)");
    for (const ConfigFile& file : generation.config) {
        insert.reset();
        insert.bind(1, id)
            .bind(2, file.path)
            .bind_blob(3, file.bytes)
            .bind(4, std::int64_t{file.mode})
            .bind(5, file.owner)
            .bind(6, file.group);
        insert.run();
    }
    transaction.commit();
    return id;
}

Generation Generations::load(std::int64_t id) const {
    base::Statement row = database_.prepare("SELECT document, known_good FROM generations WHERE id = ?");
    row.with(id);
    if (!row.step()) {
        throw base::Error(base::Fault::NotFound, "generation {} is not held on this node any more", id);
    }
    Generation generation = Generation::from_document(row.text(0));
    generation.id = id;
    generation.known_good = row.whole(1) != 0;
    base::Statement files = database_.prepare(
        "SELECT bytes, mode, owner, grp FROM config_files WHERE generation = ? AND path = ?");
    for (ConfigFile& file : generation.config) {
        files.with(id, file.path);
        if (!files.step()) {
            throw base::Error(base::Fault::Corrupt, "generation {} has lost its file '{}'", id, file.path);
        }
        file.bytes = files.text(0);
        file.mode = static_cast<std::uint32_t>(files.whole(1));
        file.owner = files.text(2);
        file.group = files.text(3);
    }
    return generation;
}

std::optional<std::int64_t> Generations::current_id(const std::string& component) const {
    base::Statement row =
        database_.prepare("SELECT current FROM components WHERE name = ? AND current IS NOT NULL");
    row.with(component);
    return row.step() ? std::optional(row.whole(0)) : std::nullopt;
}

std::optional<Generation> Generations::current(const std::string& component) const {
    const auto id = current_id(component);
    return id ? std::optional(load(*id)) : std::nullopt;
}

std::optional<Generation> Generations::candidate(const std::string& component,
                                                 const base::Digest& desired) const {
    base::Statement row = database_.prepare(
        "SELECT id FROM generations WHERE component = ? AND applied = 0 AND desired_digest = ?");
    row.with(component, desired.str());
    return row.step() ? std::optional(load(row.whole(0))) : std::nullopt;
}

std::optional<Generation> Generations::candidate_of_run(const std::string& component,
                                                        const std::string& run) const {
    base::Statement row =
        database_.prepare("SELECT id FROM generations WHERE component = ? AND applied = 0 AND run = ?");
    row.with(component, run);
    return row.step() ? std::optional(load(row.whole(0))) : std::nullopt;
}

void Generations::make_current(const std::string& component, std::optional<std::int64_t> id) {
    database_
        .prepare("INSERT INTO components (name, current) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET "
                 "current = excluded.current")
        .with(component, id)
        .run();
    if (id) {
        database_.prepare("UPDATE generations SET applied = 1 WHERE id = ?").with(*id).run();
    }
}

void Generations::adopt(const Generation& candidate) {
    base::Transaction transaction(database_);
    make_current(candidate.component, candidate.id);
    transaction.commit();
}

std::vector<std::string> Generations::components() const {
    std::vector<std::string> names;
    base::Statement row =
        database_.prepare("SELECT name FROM components WHERE current IS NOT NULL ORDER BY name");
    while (row.step()) {
        names.push_back(row.text(0));
    }
    return names;
}

std::optional<std::string> Generations::other_with_config(const std::string& component,
                                                          const std::string& path,
                                                          const std::string& run) const {
    base::Statement row = database_.prepare(
        "SELECT one.component FROM config_files JOIN generations AS one ON one.id = config_files.generation "
        "LEFT JOIN components ON components.current = one.id "
        "WHERE path = ?1 AND one.component <> ?2 AND CASE substr(one.component, 1, instr(one.component, "
        "'/')) "
        "WHEN substr(?2, 1, instr(?2, '/')) THEN one.applied = 0 AND one.run = ?3 "
        "ELSE components.name IS NOT NULL END ORDER BY one.component");
    row.with(path, component, run);
    return row.step() ? std::optional(row.text(0)) : std::nullopt;
}

void Generations::settle(const std::string& component, bool known_good) {
    {
        base::Transaction transaction(database_);
        if (known_good) {
            database_
                .prepare("UPDATE generations SET known_good = 1 WHERE id = (SELECT current FROM components "
                         "WHERE name = ?)")
                .with(component)
                .run();
        }
        forget(component);
        transaction.commit();
    }
    remove_unneeded_packages();
    remove_manifests();
}

void Generations::forget(const std::string& component) {
    // Kept: the current one, the newest two that were applied, the newest known-good, and what a host
    // transaction that can be undone needs.
    database_
        .prepare(
            R"(DELETE FROM transactions WHERE component = ?1 AND state IN ('done', 'undone') AND sequence NOT IN (
                        SELECT sequence FROM transactions WHERE component = ?1 ORDER BY sequence DESC LIMIT 2))")
        .with(component)
        .run();
    database_
        .prepare(R"(DELETE FROM generations WHERE component = ?1
                    AND id NOT IN (SELECT current FROM components WHERE current IS NOT NULL)
                    AND id NOT IN (SELECT id FROM generations WHERE component = ?1 AND applied = 1 ORDER BY id DESC LIMIT 2)
                    AND id NOT IN (SELECT id FROM generations WHERE component = ?1 AND known_good = 1 ORDER BY id DESC LIMIT 1)
                    AND id NOT IN (SELECT from_generation FROM transactions WHERE from_generation IS NOT NULL)
                    AND id NOT IN (SELECT to_generation FROM transactions WHERE to_generation IS NOT NULL))")
        .with(component)
        .run();
}

void Generations::remove_unneeded_packages() {
    std::set<std::string> needed;
    base::Statement generations = database_.prepare("SELECT document FROM generations");
    while (generations.step()) {
        for (const HeldPackage& package : Generation::from_document(generations.text(0)).packages) {
            needed.insert(package.file.str());
        }
    }
    base::Statement transactions = database_.prepare("SELECT packages FROM transactions");
    while (transactions.step()) {
        const base::Value document = base::parse_json(transactions.text(0), "transaction");
        const base::Fields fields(document, "transaction");
        for (const char* side : {"before", "after"}) {
            for (const base::Fields& package : fields.records(side)) {
                needed.insert(package.text("file"));
            }
        }
    }
    std::vector<std::string> unneeded;
    base::Statement held = database_.prepare("SELECT file FROM held_packages");
    while (held.step()) {
        if (!needed.contains(held.text(0))) {
            unneeded.push_back(held.text(0));
        }
    }
    for (const std::string& file : unneeded) {
        // The row goes first: a file without a row is only unused, a row without its file would be a promise
        // that cannot be kept.
        database_.prepare("DELETE FROM held_packages WHERE file = ?").with(file).run();
        std::error_code ignored;
        std::filesystem::remove(state_.stage(base::Digest::parse(file)), ignored);
    }
}

void Generations::remove_manifests() {
    std::error_code ignored;
    for (const auto& entry : std::filesystem::directory_iterator(state_.manifests(), ignored)) {
        std::filesystem::remove(entry.path(), ignored);
    }
}

void Generations::hold(const HeldPackage& package) {
    database_
        .prepare(
            "INSERT OR REPLACE INTO held_packages (file, nevra, header_digest, bytes) VALUES (?, ?, ?, ?)")
        .with(package.file.str(), package.identity.nevra.str(), package.identity.header_digest, package.bytes)
        .run();
}

std::optional<HeldPackage> Generations::held(const rpm::Installed& package) const {
    base::Statement row = database_.prepare(
        "SELECT file, nevra, header_digest, bytes FROM held_packages WHERE nevra = ? AND header_digest = ?");
    row.with(package.nevra.str(), package.header_digest);
    return row.step() ? std::optional(held_row(row)) : std::nullopt;
}

std::optional<HeldPackage> Generations::held(const base::Digest& file) const {
    base::Statement row =
        database_.prepare("SELECT file, nevra, header_digest, bytes FROM held_packages WHERE file = ?");
    row.with(file.str());
    return row.step() ? std::optional(held_row(row)) : std::nullopt;
}

void Generations::quarantine(const std::string& component, const std::string& reason) {
    database_
        .prepare("INSERT INTO components (name, quarantined) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET "
                 "quarantined = excluded.quarantined")
        .with(component, reason)
        .run();
}

std::optional<std::string> Generations::quarantined(const std::string& component) const {
    base::Statement row =
        database_.prepare("SELECT quarantined FROM components WHERE name = ? AND quarantined IS NOT NULL");
    row.with(component);
    return row.step() ? std::optional(row.text(0)) : std::nullopt;
}

void Generations::release_quarantine(const std::string& component) {
    database_.prepare("UPDATE components SET quarantined = NULL WHERE name = ?").with(component).run();
}

} // namespace ctl_client
