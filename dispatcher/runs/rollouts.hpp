// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "dispatcher/runs/composition.hpp"
#include "dispatcher/runs/run_executor.hpp"

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace dispatcher::runs {

/// All runs. One is active in an environment at a time; others queue, and say behind whom (law 14). A
/// rollback goes to the front, and tells a deployment under way to make room. Thread: the one.
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
    /// "pause", "resume" or "cancel". @throws base::Error{NotFound | Conflict | Input}
    void signal(const std::string& run, const std::string& verb, const std::string& reason,
                const std::string& actor);

    /// What a run waits for; for one that queues: who holds the environment.
    std::vector<workflows::engine::Waiting> waiting(const std::string& run) const;

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
    void start_when_possible(const std::string& environment);
    void start_next(const std::string& environment);
    bool start(const RunRecord& run);
    void begin(const std::string& run);
    void refuse(const RunRecord& run, const std::string& reason);
    void has_ended(const std::string& run);
    std::shared_ptr<RunExecutor> active(const std::string& environment) const;
    void note(const std::string& run, const std::string& message, base::Object fields,
              const std::string& actor);

    World& world_;
    const Composer& composer_;
    RunRecords records_;
    OrderBook orders_;
    Journal journal_;
    std::map<std::string, std::shared_ptr<RunExecutor>> executors_; ///< by run
};

} // namespace dispatcher::runs
