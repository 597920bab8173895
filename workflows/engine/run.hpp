// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/clock.hpp"
#include "base/fields.hpp"
#include "base/value.hpp"
#include "workflows/engine/desired.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace workflows::engine {

enum class RunKind { Deploy, Rollback };

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
    Restarting,
    Probing,
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
enum class OrderKind { Prepare, Drain, Apply, Restart, Probe, Undrain, Undo, Settle };
std::string_view word(OrderKind kind) noexcept;

// ---- What happens to a run. Journaled before it takes effect; replaying them all from the start gives the
// same run. ----
struct Started {};
struct ScriptCommand {
    std::int64_t sequence;
    std::string kind;
    base::Value arguments;
};
struct ScriptEnded {
    bool ok;
    std::string error;
};
/// An order's outcome: `ok`, else `code` ("failed", "refused", "inconclusive", "quarantined", "unreachable")
/// and `reason`; `detail` as docs/protocol.md says for the kind.
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
/// "pause", "resume", "cancel", "preempt" (a rollback of this run is waiting).
struct Signalled {
    std::string verb;
    std::string actor;
    std::string reason;
};
using Event = std::variant<Started, ScriptCommand, ScriptEnded, Reported, TimerFired, NodeSeen, Signalled>;
base::Value to_value(const Event& event);
Event event_from_value(const base::Value& value);

// ---- What a run wants done. ----
/// `body` as docs/protocol.md says, but for what only the sender knows: it adds `manifest` (the signed
/// envelope) to prepare and `run` to undo.
struct SendOrder {
    std::int64_t order;
    Target target;
    OrderKind kind;
    base::Value body;
    base::Time deadline;
};
struct Answer {
    std::int64_t sequence;
    bool ok;
    base::Value value;
    std::string error;
}; ///< to the script
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
};
using Effect = std::variant<SendOrder, Answer, SetTimer, Note, TargetChanged, Ended>;

/// A batch as it was cut when its update began.
struct BatchView {
    int level;
    std::string arithmetic; ///< "20% of 3 is 0.6, rounded up to 1"
    std::vector<Target> targets;
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
    std::vector<TargetView> targets() const;
    std::vector<Waiting> waiting() const;
    /// All batches so far, in the order in which they go.
    const std::vector<BatchView>& batches() const noexcept;
    const RunInput& input() const noexcept;

private:
    struct State;
    std::unique_ptr<State> state_;
};

} // namespace workflows::engine
