// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/database.hpp"
#include "ctl-client/generation.hpp"
#include "ctl-client/state.hpp"

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace ctl_client {

/// What the node holds for each component. A component has one current generation, at most one candidate
/// (prepared, not applied), and what is kept for the way back: the one before, and the newest known-good.
/// Writes are durable on return. Thread: the database's.
class Generations {
public:
    Generations(base::Database& database, const StateDirectory& state) : database_(database), state_(state) {}

    /// Records a candidate that this run prepared, in place of an earlier one of the same component; returns
    /// its id.
    std::int64_t record_candidate(const Generation& generation, const std::string& run);
    /// With config. @throws base::Error{NotFound}
    Generation load(std::int64_t id) const;
    std::optional<Generation> current(const std::string& component) const;
    std::optional<std::int64_t> current_id(const std::string& component) const;
    /// The candidate that was prepared for exactly this desired document.
    std::optional<Generation> candidate(const std::string& component, const base::Digest& desired) const;
    /// The candidate that this run prepared.
    std::optional<Generation> candidate_of_run(const std::string& component, const std::string& run) const;
    /// Call inside a transaction of the caller. Nothing: the component is not on this node any more.
    void make_current(const std::string& component, std::optional<std::int64_t> id);
    /// A recorded candidate that differs in nothing from what is there becomes current.
    void adopt(const Generation& candidate);
    std::vector<std::string> components() const;
    /// Another component that brings the config file, too: one of another application as it is, one of the
    /// same application as this run has prepared it.
    std::optional<std::string> other_with_config(const std::string& component, const std::string& path,
                                                 const std::string& run) const;

    /// Marks the current generation, forgets what is not kept and removes package files that nothing kept
    /// needs, and signed manifests: what comes next fetches its own.
    void settle(const std::string& component, bool known_good);

    void hold(const HeldPackage& package);
    /// The held file of exactly this package.
    std::optional<HeldPackage> held(const rpm::Installed& package) const;
    /// The held package of this file digest.
    std::optional<HeldPackage> held(const base::Digest& file) const;

    void quarantine(const std::string& component, const std::string& reason);
    std::optional<std::string> quarantined(const std::string& component) const;
    void release_quarantine(const std::string& component);

private:
    void forget(const std::string& component);
    void remove_unneeded_packages();
    void remove_manifests();

    base::Database& database_;
    const StateDirectory& state_;
};

} // namespace ctl_client
