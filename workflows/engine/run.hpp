// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/clock.hpp"
#include "base/fields.hpp"
#include "base/value.hpp"
#include "workflows/engine/desired.hpp"
#include "workflows/engine/ramp.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace workflows::engine {

/// Operation: stop, start, restart, refresh … on the release that is there.
enum class RunKind { Deploy, Rollback, Operation };
std::string_view word(RunKind kind) noexcept; ///< "deploy", "rollback", "operation"

/// A command that a package of the release brings, by the name that workflows use.
struct PackagedCommand {
    std::string name;
    std::string package;       ///< name
    bool once = false;         ///< on one node of the component, once a run
    bool irreversible = false; ///< after it has succeeded there is no way back
    bool repeatable = false;   ///< may run on another node when its outcome on the first was lost
    base::Duration timeout{};
};

/// How many of a component may be out of service at once, whatever a workflow says: for each value of a
/// label, or (`per` empty) in all. From policies/ENVIRONMENT.toml.
struct Budget {
    base::ComponentName component;
    std::string per; ///< a label of nodes, such as "rack"
    Portion max_unavailable;
};

/// A command that is to run once, and has, or may have: in an earlier run whose targets this one tries again.
struct DoneOnce {
    Target target;
    std::string command;
    std::int64_t exit_code = 0;
    std::string run;           ///< which one
    bool irreversible = false; ///< there is no way back behind it
    bool again = false;        ///< somebody wants it run once more
    bool known = true;         ///< that it has succeeded; else only with `again`
};

/// Everything that a run is bound to; its hash is the plan's hash (law 13).
struct RunInput {
    RunKind kind = RunKind::Deploy;
    base::EnvironmentName environment;
    base::ReleaseName release;
    std::string workflow; ///< name; Rollback uses the native way back and no script
    std::string workflow_source;
    base::Object params; ///< as given; the workflow's types and defaults are applied by the script
    std::vector<std::vector<base::ComponentName>> levels;
    std::vector<Desired> targets;
    std::optional<base::ReleaseName> from; ///< the environment's current release of this application
    std::int64_t epoch = 0;                ///< grows with each run; clients refuse older ones
    std::string actor; ///< who asked for it: an approval by the same person does not count
    std::map<base::ComponentName, std::vector<PackagedCommand>> commands;
    std::map<base::ComponentName, std::string> migrate; ///< command that app.lua names for a component
    std::vector<Budget> budgets;
    std::vector<Target> out; ///< out of service before the run: left so by earlier ones, or in maintenance
    std::vector<DoneOnce> done_once = {}; ///< of a run that tries again what earlier ones left
    /// Targets of its components that it is not about: budgets count them, too. Of their documents only the
    /// labels.
    std::vector<Desired> bystanders = {};

    base::Value to_value() const;
    static RunInput from_value(const base::Value& value);
    base::Digest hash() const;
};

/// Where a target is. Exactly one of the terminal words of law 1 at the end.
enum class TargetState {
    NotStarted,
    Preparing,
    Ready,
    Draining,
    Applying,
    Commanding,
    Restarting,
    Stopping,
    Stopped,
    Standby,
    Starting,
    Probing,
    Proving,
    Undraining,
    Soaking, // on the way
    UndoDraining,
    Undoing,
    UndoProbing,
    UndoUndraining, // on the way back
    Updated,
    Unchanged,
    Failed,
    RolledBack,
    RollbackFailed,
    Skipped,
    Unreachable,
    Refused,
    Quarantined,
    Lost,
    Cancelled, // terminal, with NotStarted
};
std::string_view word(TargetState state) noexcept; ///< "not_started", "rolled_back" …
bool is_terminal_word(TargetState state) noexcept;

enum class Outcome {
    Succeeded,
    SucceededWithLeftOut,
    Stopped,
    RolledBack,
    RollbackFailed,
    Cancelled,
    NeedsPerson,
    Refused
};
std::string_view word(Outcome outcome) noexcept;
/// Exit code of `tiercel deploy` (docs/cli.md): 0, 11, 3, 4, 8, 9, 5, 6.
int exit_code(Outcome outcome) noexcept;

/// Kinds of orders, in the words of docs/protocol.md.
enum class OrderKind {
    Prepare,
    Drain,
    Apply,
    Restart,
    Probe,
    Undrain,
    Undo,
    Settle,
    Stop,
    Start,
    Command,
    Cancel,
    Measure
};
std::string_view word(OrderKind kind) noexcept;

// ---- What happens to a run. Journaled before it takes effect; replaying them all from the start gives the
// same run. ----
struct Started {};
struct ScriptCommand {
    std::int64_t sequence;
    std::string kind;
    base::Value arguments;
};
/// Not `ok`: it failed, or its process cannot be kept alive, or it says something else when it is replayed.
struct ScriptEnded {
    bool ok;
    std::string error;
    bool misused =
        false; ///< by a call of ctx that cannot be; of interest before a run only, and not journaled
};
/// An order's outcome: `ok`, else `code` ("failed", "refused", "inconclusive", "quarantined", "unreachable",
/// "lost", "cancelled") and `reason`; `detail` as docs/protocol.md says for the kind.
struct Reported {
    std::int64_t order;
    bool ok;
    std::string code;
    std::string reason;
    base::Value detail;
};
struct TimerFired {
    std::int64_t timer;
};
struct NodeSeen {
    base::NodeName node;
    bool online;
};
/// "pause" (`until` in `value`: when whoever says it means to resume), "resume", "cancel", "preempt" (a
/// rollback of this run is waiting); "retry", "skip" (of a target,
/// or of all that failed) and "rollback" while a failure waits for a person, "rollback" also when the script
/// has failed; "approve", "reject" (`role` in
/// `value`); "signal", which a workflow awaits: its name in `reason`, with a `value`.
struct Signalled {
    std::string verb;
    std::string actor;
    std::string reason;
    std::optional<Target> target = std::nullopt;
    base::Value value = nullptr;
};
/// What a Measure effect asked for; not `ok`: it could not be measured, `reason` says why.
struct Measured {
    std::int64_t measurement;
    bool ok;
    std::optional<double> updated;
    std::optional<double> peers;
    std::string reason;
};
/// The run goes on with another text of its workflow, which has given the same commands so far
/// (trial_replay.hpp).
struct Continued {
    std::string workflow; ///< what somebody calls the text
    std::string source;
    std::string actor;
    std::string reason;
};
using Event = std::variant<Started, ScriptCommand, ScriptEnded, Reported, TimerFired, NodeSeen, Signalled,
                           Measured, Continued>;
base::Value to_value(const Event& event);
Event event_from_value(const base::Value& value);

// ---- What a run wants done. ----
/// `body` as docs/protocol.md says, but for what only the sender knows: it adds `manifest` (how the signed
/// envelope is named) to prepare and `run` to undo.
struct SendOrder {
    std::int64_t order;
    Target target;
    OrderKind kind;
    base::Value body;
    base::Time deadline;
};
/// To the script. `stopped`: the run has stopped; the script only runs what it deferred.
struct Answer {
    std::int64_t sequence;
    bool ok;
    base::Value value;
    std::string error;
    bool stopped = false;
    bool early = false; ///< not ok: with what nodes report, its time may have come
};
struct SetTimer {
    std::int64_t timer;
    base::Time at;
    std::string why;
};
/// A line of the run's story: constant `message`, fields, perhaps about a target. Followers see these.
struct Note {
    std::string message;
    base::Object fields;
    std::optional<Target> target;
};
struct TargetChanged {
    Target target;
    TargetState state;
    std::string reason;
};
struct Ended {
    Outcome outcome;
    std::string reason;
    std::vector<Target> out;  ///< that this run leaves out of service
    std::vector<Target> well; ///< that it has seen to be healthy, and leaves in service
    bool mixed = false;       ///< some target has, or may have, what this run brings
};
/// A number that the dispatcher fetches itself, for targets that are new already and for their peers that are
/// not: `spec` is the workflow's {http = {url, path}} or {prometheus = {url, query}}.
struct Measure {
    std::int64_t measurement;
    base::Value spec;
    std::vector<Target> updated;
    std::vector<Target> peers;
    base::Time deadline;
};
/// A command that is to run once, or that is irreversible, has succeeded there; or may have: nobody knows.
struct CommandRan {
    Target target;
    std::string command;
    std::int64_t exit_code;
    bool once;
    bool irreversible;
    bool known;         ///< that it has succeeded
    std::int64_t order; ///< whose report, if it still comes, tells
};
using Effect = std::variant<SendOrder, Answer, SetTimer, Note, TargetChanged, Ended, Measure, CommandRan>;

/// A batch as it was cut when its update began.
struct BatchView {
    int level;
    std::string arithmetic; ///< "20% of 3 is 0.6, rounded up to 1"
    std::vector<Target> targets;
    std::string zone; ///< the value of the label that the update goes by, or empty
};

/// What a run did, or a plan would do, beside its batches: in the order in which the script asked for it.
struct ActView {
    std::string kind; ///< "stop", "start", "restart", "command", "outage", "approve", "wait", "await"
    std::string what; ///< "level 1", "shop-migrate on one node of shop/app", the outage's reason
    std::size_t after_batches = 0; ///< so many batches stand before it
};

struct TargetView {
    Target target;
    int level;
    TargetState state;
    std::string reason;
    base::Value prepared; ///< what the node said in preflight: differences and restarts
};

/// What a run waits for, for `run explain` (law 10).
struct Waiting {
    std::string what;
    std::optional<base::Time> until;
    bool person = false; ///< somebody has to say something
};

/// What a run's script has said so far, and what it was told.
struct Said {
    struct Command {
        ScriptCommand command;
        std::optional<Answer> answer;
    };
    std::vector<Command> commands; ///< by their sequence, from 1
    /// Absent while another text may still go on from here.
    std::optional<ScriptEnded> ended;
};

/// One run: levels, ramp, batches, failure budget, drain → apply → restart → probe → undrain, soak, gate,
/// rollback. A pure state machine: no clock, no socket, no thread, no chance. Transitions in one table
/// (transitions.hpp). Deterministic in its events and their times.
class Run {
public:
    explicit Run(RunInput input);
    ~Run();
    Run(Run&&) noexcept;

    /// Effects in order. An event that no longer matters (late report, spent timer) gives none, or a Note.
    std::vector<Effect> handle(const Event& event, base::Time now);

    /// Whether what a person says would count now; `handle` only tells it when it would not.
    /// @throws base::Error{Conflict} when it would change nothing: the run waits for no approval or for no
    /// decision, not for one about this target, is not paused, or is stopping already; {Denied} when this
    /// approval does not count.
    void check(const Signalled& signal) const;

    /// For a script that is replayed after a restart: the answer that was given to this command (or nothing
    /// yet), without an event.
    /// @throws base::Error{Conflict} when the command differs from the journaled one of that sequence: the
    /// run stops for a person.
    struct Replayed {
        bool known;
        std::optional<Answer> answer;
    };
    Replayed replayed(const ScriptCommand& command) const;

    bool ended() const noexcept;
    std::optional<Outcome> outcome() const noexcept;
    bool wants_script() const noexcept; ///< false for rollbacks and once the way back has begun
    /// Another text of the workflow could take over (Continued): the script has a say, or has failed and a
    /// person is waited for.
    bool takes_another_text() const noexcept;
    const Said& said() const noexcept;
    std::vector<TargetView> targets() const;
    std::vector<Waiting> waiting() const;
    /// All batches so far, in the order in which they go.
    const std::vector<BatchView>& batches() const noexcept;
    const std::vector<ActView>& acts() const noexcept;
    const RunInput& input() const noexcept;

private:
    struct State;
    std::unique_ptr<State> state_;
};

} // namespace workflows::engine
