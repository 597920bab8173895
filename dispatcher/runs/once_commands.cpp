// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/runs/once_commands.hpp"

#include <fmt/format.h>

namespace dispatcher::runs {

void OnceCommands::ran(const std::string& run, const workflows::engine::CommandRan& ran) {
    // That it may have succeeded once more takes nothing from that it has. Of two attempts of which nobody
    // knows, the report of one tells nothing about the other: number 0 is no order's.
    database_
        .prepare("INSERT INTO once_commands (run, component, command, node, exit_code, irreversible, once, "
                 "known, number) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (run, component, command) DO "
                 "UPDATE SET node = excluded.node, exit_code = excluded.exit_code, once = excluded.once, "
                 "known = excluded.known, number = iif(number = excluded.number, number, 0) WHERE "
                 "excluded.known OR "
                 "NOT known")
        .with(run, ran.target.component.str(), ran.command, ran.target.node.str(), ran.exit_code,
              ran.irreversible, ran.once, ran.known, ran.order)
        .run();
}

void OnceCommands::heard(const std::string& run, std::int64_t number, const protocol::Report& report) {
    if (report.ok) {
        const base::Value* exit =
            report.detail.object() == nullptr ? nullptr : report.detail.object()->find("exit_code");
        database_
            .prepare("UPDATE once_commands SET known = 1, exit_code = ? WHERE run = ? AND number = ? AND NOT "
                     "known")
            .with(exit == nullptr || exit->whole() == nullptr ? 0 : *exit->whole(), run, number)
            .run();
    } else if (report.code != "lost") {
        database_.prepare("DELETE FROM once_commands WHERE run = ? AND number = ? AND NOT known")
            .with(run, number)
            .run();
    }
}

std::vector<workflows::engine::DoneOnce> OnceCommands::of(const std::string& run) const {
    base::Statement rows =
        database_.prepare("SELECT component, node, command, exit_code, irreversible, known FROM "
                          "once_commands WHERE run = ? AND once ORDER BY rowid");
    rows.with(run);
    std::vector<workflows::engine::DoneOnce> done;
    while (rows.step()) {
        done.push_back({.target = {base::ComponentName(rows.text(0)), base::NodeName(rows.text(1))},
                        .command = rows.text(2),
                        .exit_code = rows.whole(3),
                        .run = run,
                        .irreversible = rows.whole(4) != 0,
                        .known = rows.whole(5) != 0});
    }
    return done;
}

std::optional<OnceCommands::Crossed> OnceCommands::crossed(const std::string& environment,
                                                           const std::string& application,
                                                           const std::string& release) const {
    base::Statement row = database_.prepare(
        "SELECT command, component, node, run, release, known FROM once_commands JOIN runs ON runs.id = run "
        "WHERE irreversible AND environment = ?1 AND application = ?2 AND release != ?3 AND epoch > "
        "(SELECT max(epoch) FROM runs WHERE environment = ?1 AND application = ?2 AND release = ?3 AND "
        "kind != 'operation' AND outcome IN ('succeeded', 'succeeded_with_left_out')) "
        "ORDER BY once_commands.rowid LIMIT 1");
    if (!row.with(environment, application, release).step()) {
        return std::nullopt;
    }
    return Crossed{fmt::format("command '{}' of {} on {}, in run {} ({})", row.text(0), row.text(1),
                               row.text(2), row.text(3), row.text(4)),
                   row.whole(5) != 0};
}

} // namespace dispatcher::runs
