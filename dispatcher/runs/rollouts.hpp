// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "dispatcher/runs/admission.hpp"
#include "dispatcher/runs/composition.hpp"
#include "dispatcher/runs/footprint.hpp"
#include "dispatcher/runs/once_commands.hpp"
#include "dispatcher/runs/policies.hpp"
#include "dispatcher/runs/run_executor.hpp"

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace dispatcher::runs {

/// What somebody says to a run.
struct Signal {
    std::string verb;
    std::string reason;
    std::optional<std::string> plan;   ///< of "approve": the hash that is approved, when it was looked at
    std::optional<std::string> target; ///< "shop/web on web-1", or a node: all of the run's targets there
    base::Value value;                 ///< of "signal"
    std::string actor;
    std::string role;                    ///< of the token
    std::vector<std::string> again = {}; ///< of "retry" of a run that has ended: see RunRequest
    std::vector<std::string> done = {};  ///< the same
};

/// All runs. In an environment, runs that meet (footprint.hpp) are under way one after the other; who queues
/// says behind whom (law 14) and for what (admission.hpp). Rollbacks stand before all others, and the older
/// before the younger: who only waits for others to end is not overtaken by those that it meets; who waits
/// for people or the calendar is in nobody's way. A rollback also tells a run of its application to make
/// room. Thread: the one.
class Rollouts {
public:
    Rollouts(World& world, const Composer& composer);

    /// After a start of the dispatcher: everything goes on by itself.
    void resume();

    /// Checks the request against the world and queues it; it starts at once when nothing is in its way.
    /// Returns the run's id.
    /// @throws base::Error{Input | NotFound | Denied} for a wrong request, base::Error{Conflict} naming what
    /// moved since its plan.
    std::string request(RunRequest request, const std::string& actor);
    /// To a run that queues: approve, reject, cancel. To one under way: pause, resume, cancel, retry, skip,
    /// rollback, approve, reject, signal. To one that has ended: retry, which requests a new run of the
    /// targets that are left, or of those of them that it names; its id is the answer.
    /// @throws base::Error{NotFound | Conflict | Input | Denied}
    std::optional<std::string> signal(const std::string& run, const Signal& signal);

    /// What the script of a run under way has said so far. As large as the script is long, whatever the
    /// fleet.
    struct Course {
        ScriptStart start;
        base::ReleaseName release;
        workflows::engine::Said said;
    };
    /// @throws base::Error{NotFound}, base::Error{Conflict} for a run that no other text can take over: it
    /// has ended, has not started, has no script or its script has no say any more.
    Course course(const std::string& run) const;
    /// The run goes on with this text, which check_continuation has tried on its course; false when the
    /// script has said or heard something since. @throws base::Error as `course`.
    bool continue_with(const std::string& run, const Course& course,
                       const workflows::engine::Continued& text);

    /// What a run waits for, and until when; for one that queues: who holds the environment, and all that
    /// its admission asks for. And what it has left behind so far: targets that failed, refused, were lost
    /// or away.
    struct Waits {
        std::vector<workflows::engine::Waiting> waits;
        bool needs_person = false; ///< one of them is for somebody's word
        std::vector<TargetRecord> left = {};
    };
    Waits waiting(const std::string& run) const;

    /// Something that runs wait for has changed: a policy, a lock, settings.
    void look_again(const std::string& environment);

    // ---- from the nodes ----
    /// The order is in the node's journal.
    void received(const base::NodeName& node, const std::string& order);
    /// Durable on return: the report may be acknowledged then. @throws base::Error{Denied} for another node's
    /// order.
    void reported(const base::NodeName& node, const protocol::Report& report);
    void node_seen(const base::NodeName& node, bool online);

    /// Called after the commit of a report about an order that no run sent (a plan did).
    std::function<void(const std::string& plan)> other_reported = [](const std::string&) {
    };

private:
    void check_plan(const RunRequest& request, const Composition& composition) const;
    void refuse_second_rollback(const RunRequest& request, const std::string& application) const;
    void refuse_locked_rollback(const RunRequest& request) const;
    void check_times(RunRequest& request) const;
    void tell_request(const RunRecord& run, const Composition& composition);
    RunRequest request_of(const RunRecord& run) const;
    void pass_on(RunExecutor& executor, const RunRecord& run, const Signal& signal);
    void give_up(const RunRecord& run, const Signal& signal);
    std::string retry(const RunRecord& run, const Signal& signal);
    void approve(const RunRecord& run, const Signal& signal);
    std::vector<workflows::engine::Target> targets_of(const RunRecord& run, const std::string& text) const;

    void start_when_possible(const std::string& environment);
    void start_next(const std::string& environment);
    /// The run that another one waits for, and where they meet.
    struct Behind {
        RunRecord run;
        std::string where;
        std::string
        str() const; ///< "run 01K… (deploy of shop/2.0 by token:alice), which works on node 'web-1', too"
    };
    void in_order(const std::string& environment,
                  const std::function<bool(const RunRecord&, const std::optional<Behind>&)>& look) const;
    std::optional<Behind> behind(const RunRecord& run) const;
    Footprint footprint_under_way(const RunRecord& run) const;
    std::optional<Composition> composed(const RunRecord& run);
    Admission admission_of(const RunRecord& run, const workflows::engine::RunInput* input) const;
    void drop_void_approvals(const RunRecord& run, const workflows::engine::RunInput& today);
    std::optional<base::Time> keep_to_freeze(RunExecutor& executor);
    std::optional<workflows::engine::Policy::Frozen> freeze_of(const RunExecutor& executor) const;
    void wake(const std::string& environment, std::optional<base::Time> at);
    bool start(const RunRecord& run, Composition composition);
    void begin(const std::string& run);
    void end_unstarted(const RunRecord& run, workflows::engine::Outcome outcome, const std::string& reason,
                       const std::string& actor);
    void has_ended(const std::string& run);
    std::shared_ptr<RunExecutor> active(const std::string& environment, const std::string& application) const;
    std::vector<std::shared_ptr<RunExecutor>> under_way() const;
    void note(const std::string& run, const std::string& message, base::Object fields,
              const std::string& actor);

    World& world_;
    const Composer& composer_;
    RunRecords records_;
    OrderBook orders_;
    Journal journal_;
    Policies policies_;
    Approvals approvals_;
    Locks locks_;
    std::map<std::string, std::shared_ptr<RunExecutor>> executors_; ///< by run
    std::map<std::string, base::Time> wakes_;                       ///< by environment: when it looks again
};

} // namespace dispatcher::runs
