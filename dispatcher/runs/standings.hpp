// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/database.hpp"
#include "workflows/engine/desired.hpp"

#include <string>
#include <vector>

namespace dispatcher::runs {

/// Table `standings`: how the last run that did something to a target left it. Writes belong into the
/// caller's transaction.
class Standings {
public:
    explicit Standings(base::Database& database) : database_(database) {}

    /// Takes over where the run's targets stand (table `targets`). What was not touched (not_started,
    /// skipped, unreachable …) stands as it stood.
    void take(const std::string& environment, const std::string& run);
    /// Targets that an earlier run left out of service or unknown: failed, rollback_failed, lost,
    /// quarantined.
    std::vector<workflows::engine::Target> out(const std::string& environment) const;

private:
    base::Database& database_;
};

} // namespace dispatcher::runs
