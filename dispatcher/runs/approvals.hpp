// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/clock.hpp"
#include "base/database.hpp"

#include <string>
#include <vector>

namespace dispatcher::runs {

/// What somebody said about a run that has not started: that it may start with exactly these inputs.
struct Approval {
    std::string run;
    std::string actor;
    std::string role; ///< of the token with which it was said
    std::string hash; ///< of the inputs that were approved: RunInput::hash (law 13)
    std::string reason;
    base::Time time;
};

/// Table `approvals`. Writes belong into the caller's transaction.
class Approvals {
public:
    explicit Approvals(base::Database& database) : database_(database) {}

    /// Replaces what the same person said before.
    void add(const Approval& approval);
    /// In the order in which they came.
    std::vector<Approval> of(const std::string& run) const;
    void forget(const std::string& run, const std::string& actor);

private:
    base::Database& database_;
};

} // namespace dispatcher::runs
