// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/runs/run_records.hpp"

#include "base/error.hpp"
#include "base/fields.hpp"
#include "base/json.hpp"
#include "workflows/engine/run.hpp"

#include <fmt/format.h>

namespace dispatcher::runs {

namespace {

constexpr std::string_view columns =
    "id, kind, environment, application, release, workflow, params, plan, "
    "preempts, actor, state, epoch, from_release, manifest, "
    "environment_version, goal, outcome, reason, created, started, ended, release_given, retries, starts, "
    "expires, override_freeze, override_lock, retry_target, again, done";

/// Plans are compared with until a run is started from them; nobody reads older ones.
constexpr int kept_plans = 200;

std::optional<std::string> maybe_text(const base::Statement& row, int column) {
    return row.is_null(column) ? std::nullopt : std::optional<std::string>(row.text(column));
}

std::optional<std::int64_t> maybe_whole(const base::Statement& row, int column) {
    return row.is_null(column) ? std::nullopt : std::optional<std::int64_t>(row.whole(column));
}

std::optional<base::Time> maybe_time(const base::Statement& row, int column) {
    return row.is_null(column) ? std::nullopt
                               : std::optional<base::Time>(base::from_rfc3339(row.text(column)));
}

std::vector<std::string> texts(const std::string& list) {
    std::vector<std::string> found;
    const base::Value document = base::parse_json(list, "commands");
    for (const base::Value& text : *document.array()) {
        found.push_back(*text.text());
    }
    return found;
}

RunRecord record(const base::Statement& row) {
    RunRecord run;
    run.id = row.text(0);
    run.kind = row.text(1);
    run.environment = row.text(2);
    run.application = row.text(3);
    run.release = row.text(4);
    run.workflow = row.text(5);
    run.params = base::parse_json(row.text(6), "params");
    run.plan = maybe_text(row, 7);
    run.preempts = maybe_text(row, 8);
    run.actor = row.text(9);
    run.state = row.text(10);
    run.epoch = maybe_whole(row, 11);
    run.from = maybe_text(row, 12);
    run.manifest = maybe_text(row, 13);
    run.environment_version = maybe_whole(row, 14);
    run.goal = maybe_whole(row, 15);
    run.outcome = maybe_text(row, 16);
    run.reason = row.is_null(17) ? "" : row.text(17);
    run.created = base::from_rfc3339(row.text(18));
    run.started = maybe_time(row, 19);
    run.ended = maybe_time(row, 20);
    run.release_given = row.whole(21) != 0;
    run.retries = maybe_text(row, 22);
    run.starts = maybe_time(row, 23);
    run.expires = maybe_time(row, 24);
    run.override_freeze = maybe_text(row, 25);
    run.override_lock = maybe_text(row, 26);
    run.retry_target = maybe_text(row, 27);
    run.again = texts(row.text(28));
    run.done = texts(row.text(29));
    return run;
}

std::vector<RunRecord> all(base::Statement& rows) {
    std::vector<RunRecord> runs;
    while (rows.step()) {
        runs.push_back(record(rows));
    }
    return runs;
}

} // namespace

std::string RunRecord::str() const {
    return fmt::format("run {} ({} of {} by {})", id, kind, release, actor);
}

void RunRecords::create(const RunRecord& run) {
    const auto text = [](const std::optional<base::Time>& time) {
        return time ? std::optional(base::to_rfc3339(*time)) : std::nullopt;
    };
    database_
        .prepare("INSERT INTO runs (id, kind, environment, application, release, workflow, params, plan, "
                 "preempts, actor, state, created, release_given, retries, starts, expires, override_freeze, "
                 "override_lock, retry_target, again, done) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'queued', "
                 "?, ?, ?, "
                 "?, ?, ?, ?, ?, ?, ?)")
        .with(run.id, run.kind, run.environment, run.application, run.release, run.workflow,
              base::to_json(run.params), run.plan, run.preempts, run.actor, base::to_rfc3339(run.created),
              run.release_given, run.retries, text(run.starts), text(run.expires), run.override_freeze,
              run.override_lock, run.retry_target, base::to_json(base::Value(run.again)),
              base::to_json(base::Value(run.done)))
        .run();
}

RunRecord RunRecords::find(const std::string& id) const {
    base::Statement row = database_.prepare(fmt::format("SELECT {} FROM runs WHERE id = ?", columns));
    if (!row.with(id).step()) {
        throw base::Error(base::Fault::NotFound, "run '{}' does not exist; see 'tiercel run list'", id);
    }
    return record(row);
}

std::vector<RunRecord> RunRecords::newest(int limit) const {
    base::Statement rows =
        database_.prepare(fmt::format("SELECT {} FROM runs ORDER BY rowid DESC LIMIT ?", columns));
    return all(rows.with(limit));
}

std::vector<RunRecord> RunRecords::open(const std::optional<std::string>& environment) const {
    base::Statement rows =
        database_.prepare(fmt::format("SELECT {} FROM runs WHERE state != 'ended' AND environment = "
                                      "coalesce(?, environment) ORDER BY rowid",
                                      columns));
    return all(rows.with(environment));
}

std::optional<RunRecord> RunRecords::last_change(const std::string& environment,
                                                 const std::string& application) const {
    base::Statement row =
        database_.prepare(fmt::format("SELECT {} FROM runs WHERE environment = ? AND application = ? AND "
                                      "kind != 'operation' AND epoch IS NOT NULL ORDER BY epoch DESC LIMIT 1",
                                      columns));
    return row.with(environment, application).step() ? std::optional<RunRecord>(record(row)) : std::nullopt;
}

std::vector<RunRecord> RunRecords::tries_of(const RunRecord& run) const {
    std::string root = run.id;
    for (std::optional<std::string> before = run.retries; before; before = find(*before).retries) {
        root = *before;
    }
    base::Statement rows =
        database_.prepare(fmt::format("WITH RECURSIVE tries (of) AS (SELECT ? UNION SELECT id FROM runs JOIN "
                                      "tries ON retries = of) SELECT {} "
                                      "FROM runs WHERE id IN tries ORDER BY rowid",
                                      columns));
    return all(rows.with(root));
}

std::set<workflows::engine::Target> RunRecords::unfinished(const std::vector<RunRecord>& tries) const {
    std::set<workflows::engine::Target> unfinished;
    for (const RunRecord& run : tries) {
        for (const TargetRecord& record :
             run.state == "ended" ? targets(run.id) : std::vector<TargetRecord>{}) {
            const workflows::engine::Target target{base::ComponentName(record.component),
                                                   base::NodeName(record.node)};
            const bool finished = record.state == "updated" || record.state == "unchanged";
            finished ? (void)unfinished.erase(target) : (void)unfinished.insert(target);
        }
    }
    return unfinished;
}

void RunRecords::start(const RunRecord& run, const base::Value& input) {
    database_
        .prepare("UPDATE runs SET state = 'running', release = ?, input = ?, epoch = ?, from_release = ?, "
                 "manifest = ?, "
                 "environment_version = ?, goal = ?, started = ? WHERE id = ?")
        .with(run.release, base::to_json(input), run.epoch, run.from, run.manifest, run.environment_version,
              run.goal, base::to_rfc3339(run.started.value_or(run.created)), run.id)
        .run();
}

void RunRecords::end(const std::string& id, const std::string& outcome, const std::string& reason,
                     base::Time now) {
    database_.prepare("UPDATE runs SET state = 'ended', outcome = ?, reason = ?, ended = ? WHERE id = ?")
        .with(outcome, reason, base::to_rfc3339(now), id)
        .run();
}

base::Value RunRecords::input(const std::string& id) const {
    base::Statement row = database_.prepare("SELECT input FROM runs WHERE id = ?");
    if (!row.with(id).step() || row.is_null(0)) {
        throw base::Error(base::Fault::Internal, "run '{}' has no input: it never started", id);
    }
    return base::parse_json(row.text(0), "input of run " + id,
                            {.bytes = std::size_t{256} << 20, .depth = 64});
}

void RunRecords::set_target(const std::string& run, const TargetRecord& target) {
    database_
        .prepare("INSERT OR REPLACE INTO targets (run, component, node, level, state, reason) VALUES (?, ?, "
                 "?, ?, ?, ?)")
        .with(run, target.component, target.node, target.level, target.state, target.reason)
        .run();
}

void RunRecords::move_target(const std::string& run, const std::string& component, const std::string& node,
                             const std::string& state, const std::string& reason) {
    database_.prepare("UPDATE targets SET state = ?, reason = ? WHERE run = ? AND component = ? AND node = ?")
        .with(state, reason, run, component, node)
        .run();
}

std::vector<TargetRecord> RunRecords::targets(const std::string& run) const {
    base::Statement rows = database_.prepare("SELECT component, node, level, state, reason FROM targets "
                                             "WHERE run = ? ORDER BY level, component, node");
    rows.with(run);
    std::vector<TargetRecord> targets;
    while (rows.step()) {
        targets.push_back(
            {rows.text(0), rows.text(1), static_cast<int>(rows.whole(2)), rows.text(3), rows.text(4)});
    }
    return targets;
}

std::map<std::string, std::int64_t> RunRecords::counts(const std::string& run) const {
    base::Statement rows =
        database_.prepare("SELECT state, count(*) FROM targets WHERE run = ? GROUP BY state");
    rows.with(run);
    std::map<std::string, std::int64_t> counts;
    while (rows.step()) {
        counts[rows.text(0)] = rows.whole(1);
    }
    return counts;
}

std::int64_t RunRecords::next_epoch() {
    database_
        .prepare(
            "INSERT INTO counters VALUES ('epoch', 1) ON CONFLICT (name) DO UPDATE SET value = value + 1")
        .run();
    return current_epoch();
}

std::int64_t RunRecords::current_epoch() const {
    base::Statement row = database_.prepare("SELECT value FROM counters WHERE name = 'epoch'");
    return row.step() ? row.whole(0) : 0;
}

std::int64_t RunRecords::epoch_beside_runs(const std::string& environment,
                                           const std::string& application) const {
    base::Statement row = database_.prepare(
        "SELECT epoch FROM runs WHERE environment = ? AND application = ? AND state = 'running'");
    return row.with(environment, application).step() ? row.whole(0) : current_epoch();
}

void RunRecords::remember_plan(const std::string& hash, const base::Value& input, const std::string& actor,
                               base::Time now) {
    database_.prepare("INSERT OR REPLACE INTO plans (hash, time, actor, input) VALUES (?, ?, ?, ?)")
        .with(hash, base::to_rfc3339(now), actor, base::to_json(input))
        .run();
    database_
        .prepare("DELETE FROM plans WHERE rowid NOT IN (SELECT rowid FROM plans ORDER BY time DESC, rowid "
                 "DESC LIMIT ?)")
        .with(kept_plans)
        .run();
}

std::optional<base::Value> RunRecords::plan(const std::string& hash) const {
    base::Statement row = database_.prepare("SELECT input FROM plans WHERE hash = ?");
    if (!row.with(hash).step()) {
        return std::nullopt;
    }
    return base::parse_json(row.text(0), "plan " + hash, {.bytes = std::size_t{256} << 20, .depth = 64});
}

} // namespace dispatcher::runs
