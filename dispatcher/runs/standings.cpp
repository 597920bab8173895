// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/runs/standings.hpp"

namespace dispatcher::runs {

void Standings::take(const std::string& environment, const std::string& run) {
    database_
        .prepare("INSERT OR REPLACE INTO standings (environment, component, node, state, run) "
                 "SELECT ?, component, node, state, run FROM targets WHERE run = ? AND state IN ('updated', "
                 "'unchanged', 'rolled_back', 'failed', 'rollback_failed', 'lost', 'quarantined')")
        .with(environment, run)
        .run();
}

std::vector<workflows::engine::Target> Standings::out(const std::string& environment) const {
    base::Statement rows = database_.prepare("SELECT component, node FROM standings WHERE environment = ? "
                                             "AND state IN ('failed', 'rollback_failed', "
                                             "'lost', 'quarantined') ORDER BY component, node");
    rows.with(environment);
    std::vector<workflows::engine::Target> out;
    while (rows.step()) {
        out.push_back({base::ComponentName(rows.text(0)), base::NodeName(rows.text(1))});
    }
    return out;
}

std::vector<Standings::Standing> Standings::left_behind() const {
    base::Statement rows = database_.prepare(
        "SELECT environment, component, node, standings.state, run, targets.reason FROM standings "
        "JOIN targets USING (run, component, node) WHERE standings.state IN ('failed', 'rollback_failed', "
        "'lost', 'quarantined') ORDER BY environment, component, node");
    std::vector<Standing> left;
    while (rows.step()) {
        left.push_back({rows.text(0),
                        {base::ComponentName(rows.text(1)), base::NodeName(rows.text(2))},
                        rows.text(3),
                        rows.text(4),
                        rows.text(5)});
    }
    return left;
}

} // namespace dispatcher::runs
