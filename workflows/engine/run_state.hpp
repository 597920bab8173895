// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "workflows/engine/ramp.hpp"
#include "workflows/engine/run.hpp"

#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace workflows::engine {

/// One target on its way.
struct Progress {
    const Desired* desired = nullptr;
    std::size_t level = 0;
    TargetState state = TargetState::NotStarted;
    std::string reason;
    base::Value prepared;

    bool changed = true; ///< the node has something to do
    bool installed =
        true;             ///< the component was there before: it is in service and counts for max_unavailable
    bool drained = false; ///< a drain was sent, and no undrain has been confirmed since
    bool touched = false; ///< an apply was sent, and was not refused
    bool proven = true;   ///< healthy as far as we know: no apply since the last probe that passed

    std::optional<std::int64_t> order;  ///< the one that is out
    bool inconclusive = false;          ///< its probe could not judge; waits for a person
    bool batched = false;               ///< was part of a batch of this run
    bool halted = false;                ///< was stopped between two steps
    std::optional<TargetState> verdict; ///< what it ends as when the undrain that law 5 asks for is over
    enum class Back { No, Pending, Running, Done } back = Back::No;

    /// Out of service by our doing (law 4).
    bool out() const noexcept { return installed && (drained || (touched && !proven)); }
};

/// What `ctx:update` was asked for.
struct UpdateOptions {
    enum class OnFailure { RollbackAll, RollbackBatch, Stop };
    std::size_t level = 0;
    std::vector<Portion> ramp = {Portion::all()};
    base::Duration soak{};
    std::int64_t max_failures = 0;
    Portion max_unavailable{true, 25'000};
    OnFailure on_failure = OnFailure::RollbackAll;
    std::map<OrderKind, base::Duration> deadlines;
};

struct Update {
    UpdateOptions options;
    std::vector<std::size_t> batches; ///< of State::batches
    std::size_t at = 0;
    enum class Stage { Rolling, Soaking, Gating } stage = Stage::Rolling;
    std::int64_t failures = 0;
    std::map<base::ComponentName, std::deque<std::size_t>> queues; ///< of the current batch: not yet started
};

/// Why no further target starts, and what becomes of those under way.
struct Stop {
    enum class How {
        Finish,        ///< those under way go on to their end
        RollbackAll,   ///< each finishes its step, then all that were touched go back
        RollbackBatch, ///< the same for the current batch
        Cancel,        ///< those between two steps go back; the others stay as they are
        Preempt,       ///< those between two steps are undrained: a rollback follows
    } how;
    Outcome outcome;
    std::string reason;
    bool halts() const noexcept { return how != How::Finish; }
};

struct OpenOrder {
    std::size_t target;
    OrderKind kind;
    std::int64_t timer;
    base::Time deadline;
    bool seen; ///< its node was online at some time since it was sent
};

struct OpenTimer {
    enum class Kind { Deadline, Soak, ScriptWait } kind;
    std::int64_t order; ///< Deadline
    base::Time at;
    std::string why;
};

/// How many of a component are out of service, and how many may be (law 4).
struct Availability {
    std::size_t installed = 0;
    std::size_t out = 0;
    Portion max_unavailable{true, 25'000};
    std::size_t limit() const noexcept { return max_unavailable.limit(installed); }
};

/// All that a run knows. Its functions stand in the file of their noun: run.cpp (events in, questions),
/// commands.cpp (the script's), preflight.cpp, update.cpp (batches, window, soak, gate), steps.cpp (orders
/// and their reports), stopping.cpp (stop conditions, signals), way_back.cpp, ending.cpp.
struct Run::State {
    enum class Phase { Idle, Preflight, Updating, ScriptWaiting, Stopping, GoingBack, Settling, Over };

    explicit State(RunInput what);

    RunInput input;
    base::Time now{};
    std::vector<Effect> effects;
    Phase phase = Phase::Idle;
    std::vector<Progress> targets;
    std::map<base::ComponentName, Availability> availability;
    std::map<base::NodeName, bool> online;
    std::map<std::int64_t, OpenOrder> orders;
    std::map<std::int64_t, OpenTimer> timers;
    std::int64_t next_order = 1;
    std::int64_t next_timer = 1;
    std::optional<std::string> paused; ///< why
    std::optional<Update> update;
    std::vector<BatchView> batches;
    std::vector<std::vector<std::size_t>> batch_members; ///< of each of `batches`
    std::optional<Stop> stopped;
    std::size_t back_level = 0;
    bool prepared = false; ///< preflight is over and passed
    Portion quorum = Portion::all();
    std::map<OrderKind, base::Duration> deadlines;
    std::optional<Outcome> outcome;
    std::string outcome_reason;

    struct Command {
        ScriptCommand command;
        std::optional<Answer> answer;
    };
    std::vector<Command> commands;
    bool script_over = false;

    // run.cpp
    void advance();
    void note(std::string message, base::Object fields = {}, const Progress* target = nullptr);
    void set_state(Progress& target, TargetState state, std::string reason = {});
    /// Changes the three flags that law 4 counts by, and the count with them.
    void set_service(Progress& target, bool drained, bool touched, bool proven);
    std::int64_t set_timer(OpenTimer::Kind kind, base::Time at, std::string why, std::int64_t order = 0);
    const Target& name(const Progress& target) const noexcept { return target.desired->target; }
    bool is_rollback() const noexcept { return input.kind == RunKind::Rollback; }

    // commands.cpp
    void on(const ScriptCommand& command);
    void on(const ScriptEnded& ended);
    void answer(base::Value value);
    void refuse_command(std::string error);

    // preflight.cpp
    void on(const Started&);
    void begin_preflight(Portion quorum, base::Duration deadline);
    void prepare_answered(Progress& target, const Reported& report);
    void prepare_lost(Progress& target, bool seen);
    void advance_preflight();

    // update.cpp
    void begin_update(UpdateOptions options);
    void begin_next_rollback_level();
    void begin_batch();
    void begin_gate();
    void advance_update();
    void fill_window();
    bool batch_settled() const;
    void resolve_full_window();

    // steps.cpp
    void send(Progress& target, OrderKind kind);
    base::Value body(const Progress& target, OrderKind kind) const;
    void start(Progress& target);
    void on(const Reported& report);
    void on(const TimerFired& fired);
    void on(const NodeSeen& seen);
    void step_done(Progress& target, OrderKind kind, const base::Value& detail);
    void step_failed(Progress& target, OrderKind kind, TargetState state, const std::string& reason);
    void end_as_judged(Progress& target);
    void hold_for_person(Progress& target, const std::string& reason);

    // stopping.cpp
    void on(const Signalled& signal);
    void stop(Stop::How how, Outcome outcome, std::string reason);
    bool goes_back(const Progress& target) const;
    void advance_stopping();
    void cancel(const std::string& by);
    void resume();

    // way_back.cpp
    void begin_way_back();
    void advance_way_back();
    void start_back(Progress& target);
    void back_step_done(Progress& target, OrderKind kind, const base::Value& detail);
    void back_step_failed(Progress& target, OrderKind kind, const std::string& reason, bool answered);
    void give_up_back(Progress& target, const std::string& reason);
    void end_back(Progress& target);

    // ending.cpp
    void end_by_script();
    void end_of_rollback();
    void end_by_stop();
    void settle(Outcome outcome, std::string reason, bool known_good);
    void advance_settling();
    void end(Outcome outcome, std::string reason);
    bool known_good = false;
};

} // namespace workflows::engine
