// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "workflows/engine/analysis.hpp"
#include "workflows/engine/capacity.hpp"
#include "workflows/engine/guard.hpp"
#include "workflows/engine/options.hpp"
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
    bool looked_at =
        false; ///< it has not, but was out of service before: somebody has to see that it is well
    bool brought_up = false; ///< and was not well, and its services were started
    bool installed =
        true;             ///< the component was there before: it is in service and counts for max_unavailable
    bool drained = false; ///< a drain was sent, and no undrain has been confirmed since
    bool down = false;    ///< a stop was sent, and no start or restart has been confirmed since
    bool touched = false; ///< an apply was sent, and was not refused
    bool applied = false; ///< an apply was confirmed, and not undone since
    bool proven = true;   ///< healthy as far as we know: no apply since the last probe that passed

    std::optional<std::int64_t> order;    ///< the one that is out
    std::int64_t command = 0;             ///< the order of its last packaged command
    bool seen_well = false;               ///< a probe of this run has passed
    bool inconclusive = false;            ///< its probe could not judge; waits for a person
    bool batched = false;                 ///< was part of an update of this run
    bool in_act = false;                  ///< is part of the act under way
    bool under_way = false;               ///< started in the act under way, and holds up its batch
    bool in_window = false;               ///< sliding: and has not passed its gate
    std::size_t batch = 0;                ///< of the act under way: which
    bool held = false;                    ///< well, and waits out of service for the others of its batch
    bool standby = false;                 ///< leaves service, or has left it, for a batch that has taken over
    bool halted = false;                  ///< was stopped between two steps
    std::optional<std::string> cut_short; ///< or in the middle of one: as its node tells
    bool migrates = false;                ///< runs its component's migration in this update
    bool excused = false;                 ///< skipped by a person, not by circumstances
    bool asked_again = false;             ///< was away at preflight, and was prepared once more when it came
    TargetState home = TargetState::NotStarted; ///< what it is again after a command
    std::optional<TargetState> verdict; ///< what it ends as when the undrain that law 5 asks for is over
    enum class Back { No, Pending, Running, Done } back = Back::No;

    /// Stands before the reason of what went wrong with it.
    std::string_view circumstance() const noexcept { return asked_again ? "came late: " : ""; }
    /// Out of service by our doing (law 4).
    bool out() const noexcept { return installed && (drained || down || !proven); }
};

/// What the script's current command does with the targets of a level: batch after batch, window, soak, gate.
struct Act {
    ActOptions options;
    std::vector<CutBatch> batches;
    std::vector<std::size_t> views; ///< of each batch: its place in Run::batches, for updates
    std::size_t at = 0;
    enum class Stage { Rolling, Soaking, Gating } stage = Stage::Rolling;
    struct Lane {
        std::deque<std::size_t> queue; ///< of the current batch: not yet started
        std::size_t total = 0;
        std::size_t passed = 0;    ///< sliding: through its gate
        std::size_t in_flight = 0; ///< started, not yet through
        std::optional<std::size_t>
            migrating; ///< nobody else of the component starts before its command is over
    };
    std::map<base::ComponentName, Lane> lanes;
    std::size_t held = 0;              ///< targets that wait for the others of their batch
    std::size_t unsettled = 0;         ///< of the current batch: not yet in service again, nor at an end
    std::optional<std::string> asking; ///< a person has to say: retry, skip or roll back; why
    bool taken_over = false;           ///< its batch serves, and those on standby were told to leave service
    std::set<std::size_t> leaving;     ///< could not, and are to be told once more
    bool soaked = false;               ///< its time is over
    std::vector<Watch> watches;        ///< that judge the batch while it soaks
    std::deque<std::size_t> due;       ///< watches that are due while nodes measure for another one
    bool judged_bad = false;           ///< and one of them failed it
};

/// One number that is being fetched.
struct Measurement {
    std::size_t watch;
    std::map<std::size_t, bool> peers; ///< target → is a peer
    std::vector<double> of_updated;
    std::vector<double> of_peers;
    std::size_t open; ///< nodes that have not answered
    std::string reason;
};

/// A packaged command on the targets of a component.
struct CommandAct {
    CommandOptions options;
    std::deque<std::size_t> queue;
    std::vector<std::size_t> members;
    std::vector<std::size_t> failed; ///< a person decides about them
    std::size_t running = 0;
    std::int64_t ran = 0;
    std::int64_t changed = 0;
    std::string node; ///< once: where it succeeded
    std::int64_t exit_code = 0;
    std::optional<std::string> asking;
};

/// What ctx:probe asks: nothing is changed, nobody is stopped.
struct Survey {
    std::int64_t level = 0;
    std::size_t open = 0;
    std::int64_t passed = 0;
    std::int64_t failed = 0;
    std::int64_t inconclusive = 0;
};

/// What people have to agree to.
struct Approval {
    std::string what;
    std::int64_t count = 1;
    std::string role;
    bool outage = false;
    std::set<std::string> by;
    base::Time expires;
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
    bool seen;              ///< its node was online at some time since it was sent
    bool cancelled = false; ///< its node was told to end it
};

struct OpenTimer {
    enum class Kind {
        Deadline,
        Soak,
        TargetSoak,
        Settle,
        ScriptWait,
        Approval,
        Await,
        Patience,
        MeasureDue,
        MeasureDeadline,
        Absent
    } kind;
    std::int64_t subject; ///< Deadline: the order; TargetSoak, Settle: the target's place; MeasureDue: the
                          ///< watch; MeasureDeadline: the measurement
    base::Time at;
    std::string why;
};

/// All that a run knows. Its functions stand in the file of their noun: run.cpp (events in, questions),
/// commands.cpp (the script's), preflight.cpp, update.cpp (acts on levels: batches, window, soak, gate),
/// standby.cpp (who makes way for a batch), judging.cpp (measurements), packaged_command.cpp, steps.cpp
/// (orders and their reports), signals.cpp (what people say), approval.cpp, stopping.cpp (stop conditions),
/// way_back.cpp, ending.cpp.
struct Run::State {
    enum class Phase {
        Idle,
        Preflight,
        Acting,
        Commanding,
        Surveying,
        ScriptWaiting, ///< for a timer, an approval, a signal
        Stopping,
        GoingBack,
        Cleaning,  ///< the script runs what it deferred
        Returning, ///< who is on standby serves again
        CatchingUp,
        Settling,
        Over
    };

    explicit State(RunInput what);

    RunInput input;
    base::Time now{};
    std::vector<Effect> effects;
    Phase phase = Phase::Idle;
    std::vector<Progress> targets;
    Capacity capacity;
    bool counted = false; ///< capacity knows what is installed
    std::map<base::NodeName, bool> online;
    std::map<std::int64_t, OpenOrder> orders;
    std::map<std::int64_t, OpenTimer> timers;
    std::int64_t next_order = 1;
    std::int64_t next_timer = 1;
    std::int64_t next_measurement = 1;
    std::map<std::int64_t, Measurement> measurements;
    std::map<std::int64_t, std::int64_t> target_measurements; ///< order → measurement
    std::size_t preparing = 0;
    std::size_t busy = 0;                   ///< targets with an order out
    std::size_t undecided = 0;              ///< targets whose probe could not judge
    std::size_t soaking = 0;                ///< targets in this state
    std::size_t proving = 0;                ///< targets in this state
    std::optional<std::string> paused;      ///< why
    std::optional<base::Time> paused_until; ///< by whoever has said how long that may take
    std::string asked_of_people;            ///< what Patience waits for
    bool has_patience = false;              ///< there may be a timer of that kind
    std::optional<std::string>
        broken; ///< why the script cannot go on; nobody starts before a person has spoken
    std::optional<Act> act;
    std::optional<ActOptions> last_update; ///< late joiners go the same way
    std::optional<CommandAct> command_act;
    std::optional<Survey> survey;
    std::optional<Approval> approval;
    std::string awaited;
    std::deque<Signalled> signals; ///< that no script has awaited yet
    std::set<base::ComponentName> migrated;
    std::string point_of_no_return; ///< which irreversible command has succeeded where, or may have
    std::vector<BatchView> batches;
    std::vector<ActView> acts;
    std::optional<Stop> stopped;
    bool gives_way = false; ///< a rollback waits for its end, and nobody for nodes that are away
    std::size_t back_level = 0;
    bool prepared = false; ///< preflight is over and passed
    bool acted = false;    ///< some node was told to do something
    Portion quorum = Portion::all();
    std::map<OrderKind, base::Duration> deadlines;
    std::optional<Outcome> outcome;
    std::string outcome_reason;

    Said said;
    bool script_over = false;
    std::int64_t deferred = 0;
    bool told_to_clean = false;
    bool catching_up = false; ///< an act is one of those that came late
    std::size_t levels_caught_up = 0;

    // run.cpp
    void advance();
    void note(std::string message, base::Object fields = {}, const Progress* target = nullptr);
    void set_state(Progress& target, TargetState state, std::string reason = {});
    /// Changes the flags that law 4 counts by, and the count with them.
    template <class Change> void change_service(Progress& target, Change change) {
        change(target);
        capacity.set_out(place(target), target.out());
    }
    std::int64_t set_timer(OpenTimer::Kind kind, base::Time at, std::string why, std::int64_t subject = 0);
    const Target& name(const Progress& target) const noexcept { return target.desired->target; }
    std::size_t place(const Progress& target) const noexcept {
        return static_cast<std::size_t>(&target - targets.data());
    }
    bool is_rollback() const noexcept { return input.kind == RunKind::Rollback; }
    bool is_operation() const noexcept { return input.kind == RunKind::Operation; }

    // commands.cpp
    void on(const ScriptCommand& command);
    void on(const ScriptEnded& ended);
    void carry_out(const ScriptCommand& command);
    void script_failed(const std::string& error);
    std::string wish_for_mending() const;
    bool holds() const;
    void answer(base::Value value);
    void refuse_command(std::string error, bool early);
    void tell_to_clean();
    void tell_uncalled(const std::string& error);
    void begin_wait(const base::Value& arguments);
    void begin_await(const base::Value& arguments);
    void signal_came(const Signalled& signal);
    void give_number();
    void give_uuid();

    // preflight.cpp
    void on(const Started&);
    void begin_preflight(Portion quorum, base::Duration deadline);
    void prepare_answered(Progress& target, const Reported& report);
    void prepare_lost(Progress& target, bool seen);
    void advance_preflight();
    void count_installed();
    base::Object preflight_answer() const;

    // update.cpp
    void begin_act(ActOptions options);
    void check_order_of_levels(const ActOptions& options) const;
    std::vector<Candidate> candidates(const ActOptions& options);
    void begin_next_rollback_level();
    void begin_batch();
    void begin_gate();
    void advance_act();
    bool advance_batch();
    void finish_act();
    void fill_window();
    Capacity::Room room_for(const Progress& target, const Act::Lane& lane) const;
    void resolve_full_window();
    void check_hold(const ActOptions& options, const std::vector<CutBatch>& batches) const;
    void refuse_crowd(const ActOptions& options, const std::map<base::ComponentName, std::size_t>& crowd,
                      std::string_view how, std::string_view advice) const;
    void hold(Progress& target);
    void release_held();
    void follow_act(Progress& target);
    void give_up_act(const std::string& reason);
    void failed_in_act(Progress& target);
    void retry(const std::optional<Target>& which);
    void skip(const std::optional<Target>& which, const std::string& by);
    void excuse(Progress& target, const std::string& by);
    bool waits_for_decision(const Progress& target) const;
    bool is_queued(const Progress& target) const;
    bool holds_up_migration(const Progress& target) const;
    std::string asked() const;
    const Progress* not_yet_decidable(const std::optional<Target>& which = std::nullopt) const;
    std::string objection_to_decision(const Signalled& decision) const;
    void ask_about_the_rest();

    // standby.cpp
    bool is_to_stand_by(const Progress& target, const ActOptions& options) const;
    void take_over();
    void leave_service(Progress& target);
    bool end_standby();
    void advance_returning();

    // judging.cpp
    bool can_be_measured(const Progress& target, const Metric& metric) const;
    void check_analysis(const ActOptions& options) const;
    void begin_judging();
    void await_measurement(std::size_t which);
    void measure(std::size_t which);
    void target_measured(std::int64_t order, const Progress& target, const Reported& report);
    void end_measurement(std::int64_t id, const Reading& reading);
    void judge_again(bool failed_too);
    bool judged() const;

    // packaged_command.cpp
    void begin_command(CommandOptions options);
    const DoneOnce* done_once(const base::Value& arguments) const;
    void answer_from_before(const DoneOnce& done);
    void advance_command();
    void start_command(Progress& target);
    void command_answered(Progress& target, bool ok, const std::string& code, const std::string& reason,
                          const base::Value& detail);
    void command_failed(Progress& target, TargetState state, const std::string& reason,
                        const base::Value& detail);
    void command_succeeded(const Progress& target, const std::string& command, const base::Value& detail);
    const PackagedCommand* packaged_command(const Progress& target, const std::string& command) const;
    bool runs_once(const Progress& target) const;
    void tell_command_failed(const Progress& target, const std::string& command, TargetState state,
                             const std::string& reason, const base::Value& detail);
    std::string migration_sentence(const Progress& target) const;
    void begin_survey(const base::Value& arguments);
    void surveyed(Progress& target, const Reported& report);
    void advance_survey();

    // steps.cpp
    std::int64_t send(Progress& target, OrderKind kind, std::optional<base::Value> what = std::nullopt);
    void send_cancel(std::int64_t order, const OpenOrder& open);
    base::Value body(const Progress& target, OrderKind kind) const;
    void start(Progress& target);
    void take(Progress& target, OrderKind kind);
    void bring(Progress& target);
    bool is_to_be_brought_up(const Progress& target) const;
    void on(const Reported& report);
    void on(const TimerFired& fired);
    void on(const NodeSeen& seen);
    void on(const Measured& measured);
    void deadline_passed(std::int64_t id);
    void unanswered(std::int64_t id, const std::string& reason);
    void step_done(Progress& target, OrderKind kind, const base::Value& detail);
    void found_well(Progress& target);
    void next_step(Progress& target, OrderKind kind);
    void come_back(Progress& target);
    void serves_again(Progress& target);
    void step_failed(Progress& target, OrderKind kind, TargetState state, const std::string& reason);
    void migration_failed(Progress& target, OrderKind kind, TargetState state);
    void undrain_after_failure(Progress& target);
    void settle_again(Progress& target);
    void end_as_judged(Progress& target);
    void hold_for_person(Progress& target, const std::string& reason);

    // signals.cpp
    void on(const Signalled& signal);
    void on(const Continued& continued);
    void cancel(const std::string& by);
    bool has_command_to_end() const;
    void give_up_waiting(const std::string& by);
    bool give_up_undecided(const std::string& why);
    void keep_patience();
    void lose_patience(base::Time at);
    void resume();
    void decide(const Signalled& signal, const std::string& by);
    std::string objection_to(const std::string& verb) const;

    // approval.cpp
    void begin_approval(const base::Value& arguments, bool outage);
    std::string objection_to(const Signalled& approving) const;
    void approve(const Signalled& signal);
    void end_approval(bool approved, const std::string& reason);

    // stopping.cpp
    void stop(Stop::How how, Outcome outcome, std::string reason);
    void stop_as(OnFailure what, std::string reason);
    bool keep_what_was_done(Stop& what) const;
    void pass_point_of_no_return(const Progress& target, const std::string& command, std::string_view how);
    bool goes_back(const Progress& target) const;
    void advance_stopping();

    // absence.cpp
    bool is_away(const Progress& target) const;
    void await_absent();
    bool is_waited_for_in_vain(const OpenOrder& order) const;
    void leave_absent();
    bool awaits_absent = false;
    void give_way(const std::string& by);
    void let_go();
    bool is_let_go(const Progress& target) const;

    // way_back.cpp
    void begin_way_back();
    void advance_way_back();
    void start_back(Progress& target);
    void send_back(Progress& target);
    void back_step_done(Progress& target, OrderKind kind, const base::Value& detail);
    void back_step_failed(Progress& target, OrderKind kind, const std::string& reason, bool answered);
    void give_up_back(Progress& target, const std::string& reason);
    void end_back(Progress& target);

    // ending.cpp
    void end_by_script();
    bool catch_up();
    void advance_catching_up();
    void end_of_rollback();
    void end_by_stop();
    void conclude(Outcome outcome, std::string reason);
    void settle(Outcome outcome, std::string reason, bool known_good);
    void advance_settling();
    void end(Outcome outcome, std::string reason);
    bool has_of_this_run(const Progress& target) const;
    bool known_good = false;
};

} // namespace workflows::engine
