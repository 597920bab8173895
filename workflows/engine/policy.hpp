// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/fields.hpp"
#include "base/name.hpp"
#include "base/value.hpp"
#include "workflows/engine/calendar.hpp"
#include "workflows/engine/run.hpp"

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace workflows::engine {

/// policies/NAME.toml: what an environment asks of deployments before and while they run. A file of its own,
/// so that who edits settings cannot waive an approval.
struct Policy {
    base::EnvironmentName environment;

    /// Deployments start after so many people, none of them the author, have approved them.
    struct Approval {
        std::int64_t count = 1;
        std::string role;                                ///< that their tokens must have; empty: any
        base::Duration expires = std::chrono::hours(24); ///< after which a deployment without them is refused
    };
    std::optional<Approval> approval;

    /// No run but a rollback starts in this span.
    struct Freeze {
        CalendarSpan span;
        std::set<base::ComponentName> components; ///< only runs that touch one of them; empty: all
        bool pauses = false;                      ///< one under way starts no further target until it is over
        std::string reason;
        std::string from, to;    ///< as written
        std::string str() const; ///< "freeze 'year end' from 2026-12-24 to 2027-01-02 (Europe/Berlin)"
    };
    std::vector<Freeze> freezes;
    std::vector<Budget> budgets;

    /// @throws base::Error{Input} `file:line: …`: unknown key with the nearest, wrong type, a time zone or
    /// time that does not exist.
    static Policy from_value(const base::Value& document, const std::string& file);

    struct Frozen {
        base::Time since;
        base::Time until; ///< the end of the last of the freezes that follow each other without a gap
        std::string why;
    };
    /// Whether a run that touches these components is frozen: kept from starting or, with `under_way`, from
    /// starting further targets.
    std::optional<Frozen> frozen(const std::set<base::ComponentName>& components, base::Time now,
                                 bool under_way = false) const;
    /// When the answer of `frozen` may change next without anybody's doing.
    std::optional<base::Time> next_change(base::Time now) const;
};

/// Components and labels that a policy's text speaks of must be in its environment: what binds nobody is a
/// slip of the pen. @throws base::Error{Input} `file:line: no node of environment 'prod' has component
/// 'shop/wbe'; …`
void check_names(const base::Value& policy, const std::string& file, const Environment& environment);

} // namespace workflows::engine
