// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/database.hpp"
#include "workflows/engine/desired.hpp"
#include "workflows/engine/run.hpp"

#include <string>
#include <vector>

namespace dispatcher::runs {

/// Table `standings`: how the last run that did something to a target left it. Writes belong into the
/// caller's transaction.
class Standings {
public:
    explicit Standings(base::Database& database) : database_(database) {}

    /// Takes over where the run's targets stand (table `targets`). What was not touched (not_started,
    /// skipped, unreachable …) stands as it stood, but for those that the run left out of service. Who was
    /// out of service before stays so until a run has seen it healthy.
    void take(const std::string& environment, const std::string& run, const workflows::engine::Ended& ended);
    /// Targets that an earlier run left out of service or unknown: stopped, drained or not proven healthy;
    /// failed, rollback_failed, lost, quarantined.
    std::vector<workflows::engine::Target> out(const std::string& environment) const;

    /// Where a target stands, by whose doing.
    struct Standing {
        std::string environment;
        workflows::engine::Target target;
        std::string state;
        std::string run;
        std::string reason; ///< as that run said it
    };
    /// The same targets of all environments.
    std::vector<Standing> left_behind() const;

private:
    base::Database& database_;
};

} // namespace dispatcher::runs
