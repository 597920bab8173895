// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "dispatcher/runs/approvals.hpp"
#include "dispatcher/runs/locks.hpp"
#include "dispatcher/runs/run_records.hpp"
#include "workflows/engine/policy.hpp"

#include <optional>
#include <set>
#include <string>
#include <vector>

namespace dispatcher::runs {

/// Whether a run that queues may start, apart from others being in its way.
///
/// A deployment waits for its time to start, for the end of a lock and of a freeze (unless overridden) and
/// for approvals; an operation for all of these but approvals; a rollback for nothing, because the way back
/// is never closed (of a lock it is told when it is asked for).
struct Admission {
    std::vector<workflows::engine::Waiting> waits; ///< none: it may start
    bool needs_person = false;                     ///< one of them is for approvals
    struct End {
        workflows::engine::Outcome outcome;
        std::string reason;
    };
    std::optional<End> ends;              ///< its time is over; it never starts
    std::optional<base::Time> look_again; ///< when the answer changes without anybody's doing
};

/// `approvals` are those that count: by others than the author, of the inputs as they are today.
Admission admission(const RunRecord& run, const std::set<base::ComponentName>& components,
                    const workflows::engine::Policy& policy, const std::optional<Lock>& lock,
                    const std::vector<Approval>& approvals, base::Time now);

/// When a run that still lacks approvals is refused.
base::Time approval_deadline(const RunRecord& run, const workflows::engine::Policy::Approval& wanted);

} // namespace dispatcher::runs
