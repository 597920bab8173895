// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "dispatcher/runs/composition.hpp"
#include "dispatcher/runs/locks.hpp"
#include "dispatcher/runs/run_executor.hpp"
#include "workflows/engine/plan.hpp"

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace dispatcher::runs {

/// Asks the nodes what a run would change, without being one: prepare orders with `plan: true`, under an id
/// of its own. Thread: the one.
class Planner {
public:
    Planner(World& world, const Composer& composer);

    /// What the nodes said, and about whom nothing is known.
    struct Answers {
        Composition composition;
        std::map<workflows::engine::Target, base::Value>
            prepared;                                       ///< `detail` of the report, null without one
        std::vector<workflows::engine::Target> unreachable; ///< not connected, or silent until the end
        std::vector<std::pair<workflows::engine::Target, std::string>> refused; ///< with the node's reason
        std::vector<workflows::engine::Target> out;                             ///< out of service already
        std::optional<Lock> lock;                                               ///< that a run would wait for
    };
    /// Calls `done` once: when all connected targets have answered, or after a minute.
    /// @throws base::Error as Composer::compose.
    void ask(const RunRequest& request, const std::string& actor, std::function<void(Answers)> done);
    /// A report about one of a plan's orders is stored.
    void reported(const std::string& plan);

private:
    struct Question;
    void finish(const std::string& plan);

    World& world_;
    const Composer& composer_;
    OrderBook orders_;
    RunRecords records_;
    std::map<std::string, std::shared_ptr<Question>> open_;
};

/// The answer of POST /v1/plans. Runs the script: not on the thread of the reactor. @throws base::Error as
/// check_workflows.
base::Value plan_document(const Planner::Answers& answers, base::Time now);

} // namespace dispatcher::runs
