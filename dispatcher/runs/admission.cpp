// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/runs/admission.hpp"

#include <algorithm>
#include <fmt/format.h>

namespace dispatcher::runs {

namespace engine = workflows::engine;

namespace {

std::string listed(const std::vector<Approval>& approvals) {
    std::vector<std::string> actors;
    for (const Approval& approval : approvals) {
        actors.push_back(approval.actor);
    }
    return actors.empty() ? "nobody" : fmt::format("{}", fmt::join(actors, ", "));
}

std::string people(const engine::Policy::Approval& wanted, std::size_t count) {
    return fmt::format("{} {}{}", count, count == 1 ? "person" : "people",
                       wanted.role.empty() ? "" : fmt::format(" with role '{}'", wanted.role));
}

} // namespace

base::Time approval_deadline(const RunRecord& run, const engine::Policy::Approval& wanted) {
    return std::max(run.created, run.starts.value_or(run.created)) + wanted.expires;
}

Admission admission(const RunRecord& run, const std::set<base::ComponentName>& components,
                    const engine::Policy& policy, const std::optional<Lock>& lock,
                    const std::vector<Approval>& approvals, base::Time now) {
    Admission answer;
    if (run.kind == "rollback") {
        return answer;
    }
    const auto wait = [&](std::string what, base::Time until) {
        answer.waits.push_back({std::move(what), until});
    };
    if (run.starts && now < *run.starts) {
        wait("its time to start", *run.starts);
    }
    if (lock && !run.override_lock) {
        wait(fmt::format("the end of a lock: {}", lock->str()), lock->until);
    }
    if (!run.override_freeze) {
        if (const auto frozen = policy.frozen(components, now)) {
            wait(fmt::format("the end of {}", frozen->why), frozen->until);
        }
    }
    if (run.kind == "deploy" && policy.approval) {
        const auto counts = [&](const Approval& approval) {
            return policy.approval->role.empty() || approval.role == policy.approval->role;
        };
        std::vector<Approval> counted;
        std::copy_if(approvals.begin(), approvals.end(), std::back_inserter(counted), counts);
        const auto wanted = static_cast<std::size_t>(policy.approval->count);
        const base::Time deadline = approval_deadline(run, *policy.approval);
        if (counted.size() < wanted && now >= deadline) {
            answer.ends = Admission::End{engine::Outcome::Refused,
                                         fmt::format("it was not approved by {} until {}; {} approved it",
                                                     people(*policy.approval, wanted),
                                                     base::to_rfc3339(deadline), listed(counted))};
        } else if (counted.size() < wanted) {
            answer.needs_person = true;
            wait(fmt::format(
                     "approval by {} more, not by {}; {} approved it so far: 'tiercel run approve {}'",
                     people(*policy.approval, wanted - counted.size()), run.actor, listed(counted), run.id),
                 deadline);
        }
    }
    if (run.expires && now >= *run.expires) {
        answer.ends = Admission::End{
            engine::Outcome::Cancelled,
            fmt::format("it did not start until {}{}", base::to_rfc3339(*run.expires),
                        answer.waits.empty() ? "" : ": it waited for " + answer.waits.front().what)};
    }
    for (const engine::Waiting& each : answer.waits) {
        answer.look_again = std::min(answer.look_again.value_or(*each.until), *each.until);
    }
    if (run.expires && *run.expires > now) {
        answer.look_again = std::min(answer.look_again.value_or(*run.expires), *run.expires);
    }
    return answer;
}

} // namespace dispatcher::runs
