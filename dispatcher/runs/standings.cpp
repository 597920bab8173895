// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/runs/standings.hpp"

namespace dispatcher::runs {

void Standings::take(const std::string& environment, const std::string& run,
                     const workflows::engine::Ended& ended) {
    database_
        .prepare(
            "INSERT INTO standings (environment, component, node, state, run, out) "
            "SELECT ?1, component, node, targets.state, run, targets.state IN ('failed', "
            "'rollback_failed', 'lost', 'quarantined') FROM targets WHERE run = ?2 AND targets.state IN "
            "('updated', 'unchanged', 'rolled_back', 'failed', 'rollback_failed', 'lost', 'quarantined') "
            "ON CONFLICT DO UPDATE SET state = excluded.state, run = excluded.run, out = max(out, "
            "excluded.out)")
        .with(environment, run)
        .run();
    for (const workflows::engine::Target& target : ended.well) {
        database_
            .prepare("UPDATE standings SET out = 0 WHERE environment = ? AND component = ? AND node = ? AND "
                     "run = ? AND state IN ('updated', 'unchanged', 'rolled_back')")
            .with(environment, target.component.str(), target.node.str(), run)
            .run();
    }
    for (const workflows::engine::Target& target : ended.out) {
        database_
            .prepare("INSERT INTO standings (environment, component, node, state, run, out) "
                     "SELECT ?1, component, node, targets.state, run, 1 FROM targets WHERE run = ?2 AND "
                     "component = ?3 AND node = ?4 ON CONFLICT DO UPDATE SET state = excluded.state, run = "
                     "excluded.run, out = 1")
            .with(environment, run, target.component.str(), target.node.str())
            .run();
    }
}

std::vector<workflows::engine::Target> Standings::out(const std::string& environment) const {
    base::Statement rows = database_.prepare(
        "SELECT component, node FROM standings WHERE environment = ? AND out ORDER BY component, node");
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
