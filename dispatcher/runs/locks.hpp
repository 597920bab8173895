// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/clock.hpp"
#include "base/database.hpp"

#include <optional>
#include <string>

namespace dispatcher::runs {

/// Nobody starts anything in an environment while somebody holds it: an incident, work by hand. A lease, so
/// that a forgotten one does not last.
struct Lock {
    std::string environment;
    std::string holder;
    std::string reason;
    base::Time since;
    base::Time until;

    /// "environment 'prod' is locked by token:alice since 2026-11-20T12:00:00.000Z: disk replaced"
    std::string str() const;
};

/// Table `locks`. Writes belong into the caller's transaction.
class Locks {
public:
    explicit Locks(base::Database& database) : database_(database) {}

    /// Takes it, or prolongs one's own. @throws base::Error{Input} without a reason, base::Error{Conflict}
    /// when somebody else holds it.
    void take(const Lock& lock);
    /// The lease that holds at `now`.
    std::optional<Lock> find(const std::string& environment, base::Time now) const;
    void release(const std::string& environment);

private:
    base::Database& database_;
};

} // namespace dispatcher::runs
