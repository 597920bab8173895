// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// What people have to agree to: a step, or an outage. Never the one who asked for the run.
#include "workflows/engine/run_state.hpp"

#include <limits>

namespace workflows::engine {
namespace {

std::string role_of(const Signalled& signal) {
    const base::Value* role =
        signal.value.object() == nullptr ? nullptr : signal.value.object()->find("role");
    return role == nullptr || role->text() == nullptr ? "" : *role->text();
}

} // namespace

void Run::State::begin_approval(const base::Value& arguments, bool outage) {
    using namespace std::chrono_literals;
    const base::Fields fields(arguments, outage ? "ctx:outage" : "ctx:approve");
    Approval wanted;
    wanted.outage = outage;
    wanted.what = fields.text(outage ? "reason" : "what");
    wanted.count = fields.whole("count", 1, std::numeric_limits<std::int64_t>::max(), 1);
    wanted.role = fields.text("role", "");
    const base::Duration expires = fields.duration("expires", 24h);
    fields.finish();
    wanted.expires = now + expires;
    acts.push_back({outage ? "outage" : "approve", wanted.what, batches.size()});
    const std::string wish =
        fmt::format("{} of {}{}", outage ? "approval of an outage" : "approval",
                    wanted.count == 1 ? "one person" : fmt::format("{} people", wanted.count),
                    wanted.role.empty() ? "" : fmt::format(" with role '{}'", wanted.role));
    note("approval wanted", {{"what", wanted.what},
                             {"count", wanted.count},
                             {"role", wanted.role},
                             {"outage", outage},
                             {"expires", base::to_rfc3339(wanted.expires)}});
    set_timer(OpenTimer::Kind::Approval, wanted.expires, fmt::format("{}: {}", wish, wanted.what));
    approval = std::move(wanted);
    phase = Phase::ScriptWaiting;
}

// Why the approval that is wanted does not count when it comes from this person; empty: it does.
std::string Run::State::objection_to(const Signalled& approving) const {
    if (!TIERCEL_GUARD("approval-by-another", approving.actor != input.actor)) {
        return fmt::format("the run was asked for by '{}'; somebody else must approve it", approving.actor);
    }
    const std::string role = role_of(approving);
    if (!TIERCEL_GUARD("approval-role", approval->role.empty() || role == approval->role)) {
        return fmt::format("it is approved by people with role '{}'; the token of '{}' has {}",
                           approval->role, approving.actor,
                           role.empty() ? "none" : fmt::format("role '{}'", role));
    }
    return {};
}

void Run::State::approve(const Signalled& signal) {
    if (phase != Phase::ScriptWaiting || !approval) {
        note("nothing to approve", {{"actor", signal.actor}});
        return;
    }
    if (const std::string objection = objection_to(signal); !objection.empty()) {
        note("approval does not count", {{"actor", signal.actor}, {"reason", objection}});
        return;
    }
    approval->by.insert(signal.actor);
    const bool all = static_cast<std::int64_t>(approval->by.size()) >= approval->count;
    if (TIERCEL_GUARD("approval-count", all)) {
        end_approval(true, signal.reason);
    }
}

void Run::State::end_approval(bool approved, const std::string& reason) {
    const Approval given = *std::exchange(approval, std::nullopt);
    std::erase_if(timers, [](const auto& timer) { return timer.second.kind == OpenTimer::Kind::Approval; });
    if (given.outage && TIERCEL_GUARD("outage-approved", approved)) {
        capacity.lift();
        note("outage begins", {{"reason", given.what}});
    }
    base::Array by;
    for (const std::string& actor : given.by) {
        by.push_back(actor);
    }
    answer(base::Object{{"approved", approved}, {"by", std::move(by)}, {"reason", reason}});
}

} // namespace workflows::engine
