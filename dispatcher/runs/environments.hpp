// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/clock.hpp"
#include "base/database.hpp"
#include "base/digest.hpp"
#include "base/name.hpp"
#include "base/value.hpp"
#include "workflows/engine/environment.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace dispatcher::runs {

/// What of an environment's document goes with a release, not with the topology.
inline constexpr std::string_view settings_members[] = {"settings", "override"};

/// One version of an environment, as somebody wrote it.
struct EnvironmentVersion {
    std::string name;
    std::int64_t version = 0;
    base::Time time;
    std::string actor;
    std::string file;
    std::string text;

    /// @throws base::Error{Input} `file:line: …`
    workflows::engine::Environment read() const;
};

/// A release with its settings that passed its gates and its soak.
struct KnownGood {
    std::int64_t id = 0; ///< grows: a larger one was recorded later
    std::string environment;
    std::string application;
    std::string release;
    std::string manifest;                 ///< digest
    std::int64_t environment_version = 0; ///< whose settings and overrides count
    std::string settings;                 ///< digest of those
    std::string run;
    base::Time time;
    bool withdrawn = false; ///< somebody went back from it
};

/// What an environment runs of one application.
struct Current {
    std::optional<std::string> release;     ///< nothing: no deployment has succeeded yet
    std::string run;                        ///< that made it so
    std::optional<std::int64_t> known_good; ///< its record, when it passed
    std::optional<std::string> mixed;       ///< that some nodes may have: a run ended half way to or from it
};

/// Tables `environments`, `known_good`, `current` and `releases`. Writes belong into the caller's
/// transaction.
class Environments {
public:
    explicit Environments(base::Database& database) : database_(database) {}

    /// A new version when the text differs from the newest one; false when it does not.
    bool apply(const workflows::engine::Environment& environment, const std::string& file,
               const std::string& text, const std::string& actor, base::Time now);
    /// The newest version of each, by name.
    std::vector<EnvironmentVersion> all() const;
    /// The newest version. @throws base::Error{NotFound} with the names that exist.
    EnvironmentVersion find(const std::string& name) const;
    EnvironmentVersion find(const std::string& name, std::int64_t version) const;

    /// The settings and overrides of a version as one digest: two versions that differ only in nodes are the
    /// same to a known-good.
    static base::Digest settings_digest(const base::Value& document);

    /// Adds it, unless the newest one that still counts is the same release with the same settings. Returns
    /// the id either way.
    std::int64_t record_known_good(const KnownGood& candidate);
    /// Newest first, withdrawn ones included.
    std::vector<KnownGood> known_good(const std::string& environment, const std::string& application) const;
    std::optional<KnownGood> known_good(std::int64_t id) const;
    /// People went back to `id`: it counts (again), and nothing that was recorded after it does.
    void went_back(std::int64_t id, const std::string& environment, const std::string& application,
                   const std::string& run);

    std::optional<Current> current(const std::string& environment, const std::string& application) const;
    /// By application.
    std::vector<std::pair<std::string, Current>> current(const std::string& environment) const;
    void set_current(const std::string& environment, const std::string& application, const Current& current);

    /// Keeps a release's signed manifest. @throws base::Error{Denied} when it had another content before: a
    /// release never changes.
    void saw_release(const base::ReleaseName& release, const base::Digest& manifest,
                     const std::string& envelope, base::Time now);
    /// The signed manifest as it was first seen. @throws base::Error{NotFound}
    std::string envelope(const base::ReleaseName& release) const;

private:
    base::Database& database_;
};

/// Where a rollback goes: to the release named, or to the newest known-good that is older than what the
/// environment runs; when a run left the environment half way (`undoing`: or is about to be pre-empted), to
/// the newest one.
/// @throws base::Error{NotFound} naming what is known to be good.
KnownGood way_back(const Environments& environments, const std::string& environment,
                   const std::string& application, const std::optional<std::string>& release, bool undoing);

} // namespace dispatcher::runs
