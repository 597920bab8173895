// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/clock.hpp"
#include "base/database.hpp"
#include "base/digest.hpp"
#include "base/name.hpp"
#include "base/value.hpp"
#include "workflows/engine/desired.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace dispatcher::runs {

/// What was asked for, and how far it came. What the run is bound to (`input`) is fixed when it starts, not
/// while it queues.
struct RunRecord {
    std::string id;   ///< ULID: later runs sort later
    std::string kind; ///< "deploy", "rollback", "operation"
    std::string environment;
    std::string application;
    std::string release;       ///< of a rollback that queues: the goal as it looked when it was asked for
    bool release_given = true; ///< false: a rollback that goes wherever the way back leads when it starts
    std::string workflow;
    base::Value params = base::Object();
    std::optional<std::string> plan;            ///< hash of the plan that it was bound to
    std::optional<std::string> preempts;        ///< the run that this rollback makes give way
    std::optional<std::string> retries;         ///< the run whose unfinished targets this one takes up
    std::optional<std::string> retry_target;    ///< only these of them: a target, or a node
    std::vector<std::string> again;             ///< commands that it runs although they did what they do once
    std::vector<std::string> done;              ///< commands of which somebody says that they did
    std::optional<base::Time> starts;           ///< not before
    std::optional<base::Time> expires;          ///< not after: ends unstarted then
    std::optional<std::string> override_freeze; ///< why it may start in a freeze
    std::optional<std::string> override_lock;   ///< why it may start in a locked environment
    std::string actor;
    std::string state = "queued"; ///< queued, running, ended
    std::optional<std::int64_t> epoch;
    std::optional<std::string> from;
    std::optional<std::string> manifest; ///< digest
    std::optional<std::int64_t> environment_version;
    std::optional<std::int64_t> goal; ///< rollback: the known-good's id
    std::optional<std::string> outcome;
    std::string reason;
    base::Time created;
    std::optional<base::Time> started;
    std::optional<base::Time> ended;

    std::string str() const; ///< "run 01K… (deploy of shop/2.0 by token:alice)"
};

struct TargetRecord {
    std::string component;
    std::string node;
    int level = 0;
    std::string state;
    std::string reason;
};

/// Tables `runs`, `targets` and `plans`. Writes belong into the caller's transaction.
class RunRecords {
public:
    explicit RunRecords(base::Database& database) : database_(database) {}

    void create(const RunRecord& run);
    /// @throws base::Error{NotFound}
    RunRecord find(const std::string& id) const;
    /// Newest first.
    std::vector<RunRecord> newest(int limit) const;
    /// Queued and running, oldest first; of one environment when given.
    std::vector<RunRecord> open(const std::optional<std::string>& environment) const;
    /// The last run that began to change what an application is in an environment, ended or not: operations
    /// do not.
    std::optional<RunRecord> last_change(const std::string& environment,
                                         const std::string& application) const;

    /// The run that is at the root of this one's retries, all that took up what it left, what those left, and
    /// so on; oldest first.
    std::vector<RunRecord> tries_of(const RunRecord& run) const;
    /// What those of them that have ended have not brought to where it should be.
    std::set<workflows::engine::Target> unfinished(const std::vector<RunRecord>& tries) const;

    /// Queued → running, bound to `input`; `run` carries what was decided at the start.
    void start(const RunRecord& run, const base::Value& input);
    void end(const std::string& id, const std::string& outcome, const std::string& reason, base::Time now);
    /// @throws base::Error{Internal} for a run that never started.
    base::Value input(const std::string& id) const;

    void set_target(const std::string& run, const TargetRecord& target);
    /// Only state and reason; the level stays.
    void move_target(const std::string& run, const std::string& component, const std::string& node,
                     const std::string& state, const std::string& reason);
    /// By level, component, node.
    std::vector<TargetRecord> targets(const std::string& run) const;
    std::map<std::string, std::int64_t> counts(const std::string& run) const;

    /// Grows with each run; a client refuses orders of an older one. Starts at 1.
    std::int64_t next_epoch();
    std::int64_t current_epoch() const;
    /// What an order outside of all runs bears: the epoch of the application's run under way, whose orders it
    /// must not make stale; else the current one.
    std::int64_t epoch_beside_runs(const std::string& environment, const std::string& application) const;

    void remember_plan(const std::string& hash, const base::Value& input, const std::string& actor,
                       base::Time now);
    /// The input that was planned, when that plan is still known.
    std::optional<base::Value> plan(const std::string& hash) const;

private:
    base::Database& database_;
};

} // namespace dispatcher::runs
