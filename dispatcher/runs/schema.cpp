// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/runs/schema.hpp"

#include "base/error.hpp"

namespace dispatcher::runs {

namespace {

constexpr std::string_view first = R"sql(
CREATE TABLE environments (
    name TEXT NOT NULL, version INTEGER NOT NULL, time TEXT NOT NULL, actor TEXT NOT NULL,
    file TEXT NOT NULL, text TEXT NOT NULL, PRIMARY KEY (name, version)) WITHOUT ROWID;
CREATE TABLE releases (name TEXT PRIMARY KEY, manifest TEXT NOT NULL, envelope TEXT NOT NULL,
    first_seen TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE plans (hash TEXT PRIMARY KEY, time TEXT NOT NULL, actor TEXT NOT NULL, input TEXT NOT NULL);
CREATE TABLE runs (
    id TEXT PRIMARY KEY, kind TEXT NOT NULL, environment TEXT NOT NULL, application TEXT NOT NULL, release TEXT NOT NULL,
    release_given INTEGER NOT NULL, workflow TEXT NOT NULL, params TEXT NOT NULL, plan TEXT, preempts TEXT, actor TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('queued', 'running', 'ended')),
    input TEXT, epoch INTEGER, from_release TEXT, manifest TEXT, environment_version INTEGER, goal INTEGER,
    outcome TEXT, reason TEXT, created TEXT NOT NULL, started TEXT, ended TEXT);
CREATE INDEX runs_open ON runs (environment, id) WHERE state != 'ended';
CREATE TABLE events (
    run TEXT NOT NULL REFERENCES runs (id), number INTEGER NOT NULL, time TEXT NOT NULL, actor TEXT NOT NULL,
    event TEXT NOT NULL, PRIMARY KEY (run, number)) WITHOUT ROWID;
CREATE TABLE orders (
    id TEXT PRIMARY KEY, run TEXT NOT NULL, number INTEGER NOT NULL, node TEXT NOT NULL, component TEXT NOT NULL,
    kind TEXT NOT NULL, text TEXT NOT NULL, digest TEXT NOT NULL, created TEXT NOT NULL, expires TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('pending', 'received', 'reported', 'void')),
    received TEXT, reported TEXT, report TEXT, UNIQUE (run, number));
CREATE INDEX orders_unanswered ON orders (node) WHERE state IN ('pending', 'received');
CREATE TABLE notes (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT, time TEXT NOT NULL, run TEXT, message TEXT NOT NULL, level TEXT NOT NULL,
    actor TEXT NOT NULL, target TEXT, fields TEXT NOT NULL);
CREATE INDEX notes_of_run ON notes (run, sequence);
CREATE TABLE targets (
    run TEXT NOT NULL REFERENCES runs (id), component TEXT NOT NULL, node TEXT NOT NULL, level INTEGER NOT NULL,
    state TEXT NOT NULL, reason TEXT NOT NULL, PRIMARY KEY (run, component, node)) WITHOUT ROWID;
CREATE TABLE known_good (
    id INTEGER PRIMARY KEY AUTOINCREMENT, environment TEXT NOT NULL, application TEXT NOT NULL, release TEXT NOT NULL,
    manifest TEXT NOT NULL, environment_version INTEGER NOT NULL, settings TEXT NOT NULL, run TEXT NOT NULL,
    time TEXT NOT NULL, withdrawn TEXT);
CREATE TABLE current (
    environment TEXT NOT NULL, application TEXT NOT NULL, release TEXT, run TEXT NOT NULL, known_good INTEGER,
    mixed TEXT, PRIMARY KEY (environment, application)) WITHOUT ROWID;
CREATE TABLE nodes (
    name TEXT PRIMARY KEY, state TEXT NOT NULL, serial TEXT NOT NULL, enrolled TEXT NOT NULL, last_seen TEXT,
    hello TEXT, skew_milliseconds INTEGER, duplicates INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;
CREATE TABLE certificates (
    serial TEXT PRIMARY KEY, node TEXT NOT NULL, pem TEXT NOT NULL, request TEXT NOT NULL, token TEXT NOT NULL,
    issued TEXT NOT NULL, revoked TEXT, revoked_because TEXT) WITHOUT ROWID;
CREATE TABLE tokens (
    id TEXT PRIMARY KEY, kind TEXT NOT NULL, name TEXT NOT NULL, scope TEXT NOT NULL, secret TEXT NOT NULL,
    created TEXT NOT NULL, created_by TEXT NOT NULL, expires TEXT, used TEXT, revoked TEXT) WITHOUT ROWID;
CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
)sql";

constexpr std::string_view policies = R"sql(
CREATE TABLE policies (
    environment TEXT NOT NULL, version INTEGER NOT NULL, time TEXT NOT NULL, actor TEXT NOT NULL,
    file TEXT NOT NULL, text TEXT NOT NULL, PRIMARY KEY (environment, version)) WITHOUT ROWID;
CREATE TABLE approvals (
    run TEXT NOT NULL REFERENCES runs (id), actor TEXT NOT NULL, role TEXT NOT NULL, hash TEXT NOT NULL,
    reason TEXT NOT NULL, time TEXT NOT NULL, PRIMARY KEY (run, actor)) WITHOUT ROWID;
CREATE TABLE locks (
    environment TEXT PRIMARY KEY, holder TEXT NOT NULL, reason TEXT NOT NULL, since TEXT NOT NULL,
    until TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE standings (
    environment TEXT NOT NULL, component TEXT NOT NULL, node TEXT NOT NULL, state TEXT NOT NULL, run TEXT NOT NULL,
    PRIMARY KEY (environment, component, node)) WITHOUT ROWID;
-- max() makes SQLite take the other columns from the same row: the target's last run.
INSERT INTO standings (environment, component, node, state, run)
    SELECT environment, component, node, targets.state, run FROM
        (SELECT environment, component, node, targets.state, run, max(epoch) FROM targets JOIN runs ON runs.id = run
         WHERE runs.state = 'ended' AND targets.state IN
            ('updated', 'unchanged', 'rolled_back', 'failed', 'rollback_failed', 'lost', 'quarantined')
         GROUP BY environment, component, node) AS targets;
ALTER TABLE runs ADD COLUMN starts TEXT;
ALTER TABLE runs ADD COLUMN expires TEXT;
ALTER TABLE runs ADD COLUMN override_freeze TEXT;
ALTER TABLE runs ADD COLUMN override_lock TEXT;
ALTER TABLE runs ADD COLUMN retries TEXT;
ALTER TABLE tokens ADD COLUMN role TEXT NOT NULL DEFAULT '';
)sql";

constexpr std::string_view retries = R"sql(
ALTER TABLE runs ADD COLUMN retry_target TEXT;
ALTER TABLE runs ADD COLUMN again TEXT NOT NULL DEFAULT '[]';
CREATE TABLE once_commands (
    run TEXT NOT NULL REFERENCES runs (id), component TEXT NOT NULL, command TEXT NOT NULL, node TEXT NOT NULL,
    exit_code INTEGER NOT NULL, irreversible INTEGER NOT NULL, UNIQUE (run, component, command));
)sql";

constexpr std::string_view unknown_outcomes = R"sql(
ALTER TABLE runs ADD COLUMN done TEXT NOT NULL DEFAULT '[]';
ALTER TABLE once_commands ADD COLUMN once INTEGER NOT NULL DEFAULT 1;
ALTER TABLE once_commands ADD COLUMN known INTEGER NOT NULL DEFAULT 1;
ALTER TABLE once_commands ADD COLUMN number INTEGER NOT NULL DEFAULT 0;
-- Until now only the story knew of those that are irreversible and not to run once. A target is 'shop/db on db-1'.
INSERT OR IGNORE INTO once_commands (run, component, command, node, exit_code, irreversible, once)
    SELECT run, substr(target, 1, instr(target, ' ') - 1), json_extract(fields, '$.command'),
        substr(target, instr(target, ' ') + 4), 0, 1, 0 FROM notes WHERE message = 'no way back from here';
ALTER TABLE standings ADD COLUMN out INTEGER NOT NULL DEFAULT 0;
UPDATE standings SET out = 1 WHERE state IN ('failed', 'rollback_failed', 'lost', 'quarantined');
)sql";

// The engine's own: rollbacks pass by nodes that are away, who failed on the way does not come late, a step
// that a cancel has ended did not fail, and who needed nothing is where it should be after an outage, too.
constexpr std::string_view absence = "SELECT 1;";

// The engine's own: a rollback starts what was left stopped and asks no producer, and whoever gives way to it
// waits for no node that is away, whatever it was doing; a cancel ends commands also of a run that stops.
constexpr std::string_view giving_way = "SELECT 1;";

} // namespace

const std::vector<std::string_view>& schema() {
    static const std::vector<std::string_view> steps = {first,   policies,  retries, unknown_outcomes,
                                                        absence, giving_way};
    return steps;
}

void require_no_run_under_way(base::Database& old) {
    base::Statement row = old.prepare("SELECT id FROM runs WHERE state = 'running' ORDER BY epoch LIMIT 1");
    if (row.step()) {
        throw base::Error(
            base::Fault::Input,
            "the state is of the version before, and run '{}' is under way in it, which would go on by "
            "other rules than it began with; start the version before again, let the run end or "
            "cancel it, and upgrade then",
            row.text(0));
    }
}

} // namespace dispatcher::runs
