// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/runs/locks.hpp"

#include "base/error.hpp"

namespace dispatcher::runs {

std::string Lock::str() const {
    return fmt::format("environment '{}' is locked by {} since {}: {}", environment, holder,
                       base::to_rfc3339(since), reason);
}

void Locks::take(const Lock& lock) {
    if (lock.reason.empty()) {
        throw base::Error(
            base::Fault::Input,
            std::string("a lock needs a reason, which others are shown; give it with --reason"));
    }
    Lock taken = lock;
    if (const auto held = find(lock.environment, lock.since)) {
        if (held->holder != lock.holder) {
            throw base::Error(base::Fault::Conflict, "{}; it ends {}, or with 'tiercel env unlock {}'",
                              held->str(), base::to_rfc3339(held->until), lock.environment);
        }
        taken.since = held->since;
    }
    database_
        .prepare(
            "INSERT OR REPLACE INTO locks (environment, holder, reason, since, until) VALUES (?, ?, ?, ?, ?)")
        .with(taken.environment, taken.holder, taken.reason, base::to_rfc3339(taken.since),
              base::to_rfc3339(taken.until))
        .run();
}

std::optional<Lock> Locks::find(const std::string& environment, base::Time now) const {
    base::Statement row = database_.prepare(
        "SELECT environment, holder, reason, since, until FROM locks WHERE environment = ? AND until > ?");
    if (!row.with(environment, base::to_rfc3339(now)).step()) {
        return std::nullopt;
    }
    return Lock{.environment = row.text(0),
                .holder = row.text(1),
                .reason = row.text(2),
                .since = base::from_rfc3339(row.text(3)),
                .until = base::from_rfc3339(row.text(4))};
}

void Locks::release(const std::string& environment) {
    database_.prepare("DELETE FROM locks WHERE environment = ?").with(environment).run();
}

} // namespace dispatcher::runs
