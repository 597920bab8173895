// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/runs/once_commands.hpp"

namespace dispatcher::runs {

void OnceCommands::succeeded(const std::string& run, const workflows::engine::RanOnce& ran) {
    database_
        .prepare(
            "INSERT OR REPLACE INTO once_commands (run, component, command, node, exit_code, irreversible) "
            "VALUES (?, ?, ?, ?, ?, ?)")
        .with(run, ran.target.component.str(), ran.command, ran.target.node.str(), ran.exit_code,
              ran.irreversible)
        .run();
}

std::vector<workflows::engine::DoneOnce> OnceCommands::of(const std::string& run) const {
    base::Statement rows = database_.prepare("SELECT component, node, command, exit_code, irreversible FROM "
                                             "once_commands WHERE run = ? ORDER BY rowid");
    rows.with(run);
    std::vector<workflows::engine::DoneOnce> done;
    while (rows.step()) {
        done.push_back({.target = {base::ComponentName(rows.text(0)), base::NodeName(rows.text(1))},
                        .command = rows.text(2),
                        .exit_code = rows.whole(3),
                        .run = run,
                        .irreversible = rows.whole(4) != 0});
    }
    return done;
}

} // namespace dispatcher::runs
