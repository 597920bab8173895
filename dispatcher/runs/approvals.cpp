// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/runs/approvals.hpp"

namespace dispatcher::runs {

void Approvals::add(const Approval& approval) {
    database_
        .prepare("INSERT OR REPLACE INTO approvals (run, actor, role, hash, reason, time) VALUES (?, ?, ?, "
                 "?, ?, ?)")
        .with(approval.run, approval.actor, approval.role, approval.hash, approval.reason,
              base::to_rfc3339(approval.time))
        .run();
}

std::vector<Approval> Approvals::of(const std::string& run) const {
    base::Statement rows = database_.prepare(
        "SELECT run, actor, role, hash, reason, time FROM approvals WHERE run = ? ORDER BY time, actor");
    rows.with(run);
    std::vector<Approval> approvals;
    while (rows.step()) {
        approvals.push_back({.run = rows.text(0),
                             .actor = rows.text(1),
                             .role = rows.text(2),
                             .hash = rows.text(3),
                             .reason = rows.text(4),
                             .time = base::from_rfc3339(rows.text(5))});
    }
    return approvals;
}

void Approvals::forget(const std::string& run, const std::string& actor) {
    database_.prepare("DELETE FROM approvals WHERE run = ? AND actor = ?").with(run, actor).run();
}

} // namespace dispatcher::runs
