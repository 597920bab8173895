// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/runs/environments.hpp"

#include "base/error.hpp"
#include "base/json.hpp"
#include "base/toml.hpp"

#include <algorithm>
#include <fmt/format.h>

namespace dispatcher::runs {

namespace {

constexpr std::string_view version_columns = "name, version, time, actor, file, text";
constexpr std::string_view known_good_columns =
    "id, environment, application, release, manifest, environment_version, settings, run, time, withdrawn IS "
    "NOT NULL";

EnvironmentVersion version(const base::Statement& row) {
    return {.name = row.text(0),
            .version = row.whole(1),
            .time = base::from_rfc3339(row.text(2)),
            .actor = row.text(3),
            .file = row.text(4),
            .text = row.text(5)};
}

KnownGood known_good_of(const base::Statement& row) {
    return {.id = row.whole(0),
            .environment = row.text(1),
            .application = row.text(2),
            .release = row.text(3),
            .manifest = row.text(4),
            .environment_version = row.whole(5),
            .settings = row.text(6),
            .run = row.text(7),
            .time = base::from_rfc3339(row.text(8)),
            .withdrawn = row.whole(9) != 0};
}

Current current_of(const base::Statement& row, int first) {
    Current current;
    if (!row.is_null(first)) {
        current.release = row.text(first);
    }
    current.run = row.text(first + 1);
    if (!row.is_null(first + 2)) {
        current.known_good = row.whole(first + 2);
    }
    if (!row.is_null(first + 3)) {
        current.mixed = row.text(first + 3);
    }
    return current;
}

std::string listed(const std::vector<std::string>& names) {
    return names.empty() ? "there is none" : fmt::format("there are: {}", fmt::join(names, ", "));
}

/// Objects sorted by name, so that the digest does not depend on how somebody ordered the file.
base::Value sorted(const base::Value& value) {
    base::Value copy = value;
    copy.line = 0;
    if (base::Object* object = copy.object()) {
        for (base::Member& member : object->members) {
            member.value = sorted(member.value);
        }
        std::sort(object->members.begin(), object->members.end(),
                  [](const base::Member& left, const base::Member& right) { return left.name < right.name; });
    } else if (base::Array* array = copy.array()) {
        for (base::Value& item : *array) {
            item = sorted(item);
        }
    }
    return copy;
}

} // namespace

workflows::engine::Environment EnvironmentVersion::read() const {
    return workflows::engine::Environment::from_value(base::parse_toml(text, file), file);
}

bool Environments::apply(const workflows::engine::Environment& environment, const std::string& file,
                         const std::string& text, const std::string& actor, base::Time now) {
    base::Statement newest = database_.prepare(
        "SELECT version, text FROM environments WHERE name = ? ORDER BY version DESC LIMIT 1");
    const bool exists = newest.with(environment.name.str()).step();
    if (exists && newest.text(1) == text) {
        return false;
    }
    const std::int64_t version = exists ? newest.whole(0) + 1 : 1;
    newest.reset();
    database_
        .prepare(
            "INSERT INTO environments (name, version, time, actor, file, text) VALUES (?, ?, ?, ?, ?, ?)")
        .with(environment.name.str(), version, base::to_rfc3339(now), actor, file, text)
        .run();
    return true;
}

std::vector<EnvironmentVersion> Environments::all() const {
    base::Statement rows =
        database_.prepare(fmt::format("SELECT {} FROM environments AS one WHERE version = (SELECT "
                                      "max(version) FROM environments WHERE name = one.name) "
                                      "ORDER BY name",
                                      version_columns));
    std::vector<EnvironmentVersion> versions;
    while (rows.step()) {
        versions.push_back(version(rows));
    }
    return versions;
}

EnvironmentVersion Environments::find(const std::string& name) const {
    base::Statement row = database_.prepare(fmt::format(
        "SELECT {} FROM environments WHERE name = ? ORDER BY version DESC LIMIT 1", version_columns));
    if (row.with(name).step()) {
        return version(row);
    }
    std::vector<std::string> names;
    for (const EnvironmentVersion& each : all()) {
        names.push_back(each.name);
    }
    throw base::Error(base::Fault::NotFound,
                      "environment '{}' does not exist, {}; make it with 'tiercel env apply'", name,
                      listed(names));
}

EnvironmentVersion Environments::find(const std::string& name, std::int64_t wanted) const {
    base::Statement row = database_.prepare(
        fmt::format("SELECT {} FROM environments WHERE name = ? AND version = ?", version_columns));
    if (!row.with(name, wanted).step()) {
        throw base::Error(base::Fault::NotFound, "version {} of environment '{}' does not exist", wanted,
                          name);
    }
    return version(row);
}

base::Digest Environments::settings_digest(const base::Value& document) {
    base::Object kept;
    for (const std::string_view name : settings_members) {
        const base::Value* value = document.object() == nullptr ? nullptr : document.object()->find(name);
        kept.set(std::string(name), value == nullptr ? base::Value() : sorted(*value));
    }
    return base::sha256(base::to_json(kept));
}

std::int64_t Environments::record_known_good(const KnownGood& candidate) {
    base::Statement newest = database_.prepare(
        "SELECT id, manifest, settings FROM known_good WHERE environment = ? AND application = ? "
        "AND withdrawn IS NULL ORDER BY id DESC LIMIT 1");
    if (newest.with(candidate.environment, candidate.application).step() &&
        newest.text(1) == candidate.manifest && newest.text(2) == candidate.settings) {
        return newest.whole(0);
    }
    newest.reset();
    database_
        .prepare("INSERT INTO known_good (environment, application, release, manifest, environment_version, "
                 "settings, run, time) "
                 "VALUES (?, ?, ?, ?, ?, ?, ?, ?)")
        .with(candidate.environment, candidate.application, candidate.release, candidate.manifest,
              candidate.environment_version, candidate.settings, candidate.run,
              base::to_rfc3339(candidate.time))
        .run();
    return database_.last_row_id();
}

std::vector<KnownGood> Environments::known_good(const std::string& environment,
                                                const std::string& application) const {
    base::Statement rows = database_.prepare(
        fmt::format("SELECT {} FROM known_good WHERE environment = ? AND application = ? ORDER BY id DESC",
                    known_good_columns));
    rows.with(environment, application);
    std::vector<KnownGood> records;
    while (rows.step()) {
        records.push_back(known_good_of(rows));
    }
    return records;
}

std::optional<KnownGood> Environments::known_good(std::int64_t id) const {
    base::Statement row =
        database_.prepare(fmt::format("SELECT {} FROM known_good WHERE id = ?", known_good_columns));
    return row.with(id).step() ? std::optional<KnownGood>(known_good_of(row)) : std::nullopt;
}

void Environments::went_back(std::int64_t id, const std::string& environment, const std::string& application,
                             const std::string& run) {
    database_
        .prepare("UPDATE known_good SET withdrawn = ? WHERE id > ? AND environment = ? AND application = ? "
                 "AND withdrawn IS NULL")
        .with(run, id, environment, application)
        .run();
    database_.prepare("UPDATE known_good SET withdrawn = NULL WHERE id = ?").with(id).run();
}

std::optional<Current> Environments::current(const std::string& environment,
                                             const std::string& application) const {
    base::Statement row = database_.prepare(
        "SELECT release, run, known_good, mixed FROM current WHERE environment = ? AND application = ?");
    return row.with(environment, application).step() ? std::optional<Current>(current_of(row, 0))
                                                     : std::nullopt;
}

std::vector<std::pair<std::string, Current>> Environments::current(const std::string& environment) const {
    base::Statement rows = database_.prepare("SELECT application, release, run, known_good, mixed FROM "
                                             "current WHERE environment = ? ORDER BY application");
    rows.with(environment);
    std::vector<std::pair<std::string, Current>> all;
    while (rows.step()) {
        all.emplace_back(rows.text(0), current_of(rows, 1));
    }
    return all;
}

void Environments::set_current(const std::string& environment, const std::string& application,
                               const Current& current) {
    database_
        .prepare("INSERT OR REPLACE INTO current (environment, application, release, run, known_good, mixed) "
                 "VALUES (?, ?, ?, ?, ?, ?)")
        .with(environment, application, current.release, current.run, current.known_good, current.mixed)
        .run();
}

void Environments::saw_release(const base::ReleaseName& release, const base::Digest& manifest,
                               const std::string& envelope, base::Time now) {
    database_
        .prepare("INSERT OR IGNORE INTO releases (name, manifest, envelope, first_seen) VALUES (?, ?, ?, ?)")
        .with(release.str(), manifest.str(), envelope, base::to_rfc3339(now))
        .run();
    base::Statement row = database_.prepare("SELECT manifest, first_seen FROM releases WHERE name = ?");
    if (row.with(release.str()).step() && row.text(0) != manifest.str()) {
        throw base::Error(base::Fault::Denied,
                          "release '{}' has another content than at {} when it was first seen; a release "
                          "never changes, create a new one",
                          release, row.text(1));
    }
}

std::string Environments::envelope(const base::ReleaseName& release) const {
    base::Statement row = database_.prepare("SELECT envelope FROM releases WHERE name = ?");
    if (!row.with(release.str()).step()) {
        throw base::Error(base::Fault::NotFound, "release '{}' was never seen here", release);
    }
    return row.text(0);
}

KnownGood way_back(const Environments& environments, const std::string& environment,
                   const std::string& application, const std::optional<std::string>& release, bool undoing) {
    const auto current = environments.current(environment, application);
    const bool half_way = undoing || (current && current->mixed);
    std::vector<std::string> others;
    for (const KnownGood& candidate : environments.known_good(environment, application)) {
        if (release ? candidate.release == *release
                    : !candidate.withdrawn && (half_way || !current || !current->known_good ||
                                               candidate.id < *current->known_good)) {
            return candidate;
        }
        if (std::find(others.begin(), others.end(), candidate.release) == others.end()) {
            others.push_back(candidate.release);
        }
    }
    const std::string known = others.empty()
                                  ? "nothing is known to be good there"
                                  : fmt::format("known to be good there: {}", fmt::join(others, ", "));
    if (release) {
        throw base::Error(base::Fault::NotFound,
                          "release '{}' is not known to be good in environment '{}', {}; deploy it instead",
                          *release, environment, known);
    }
    throw base::Error(base::Fault::NotFound, "environment '{}' has no known-good release of '{}'{}, {}{}",
                      environment, application,
                      half_way                      ? ""
                      : current && current->release ? fmt::format(" older than '{}'", *current->release)
                                                    : " older than what it runs",
                      known, undoing ? "; 'tiercel run cancel' ends the deployment that is under way" : "");
}

} // namespace dispatcher::runs
