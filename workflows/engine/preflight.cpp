// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// Nothing is touched before every node has said that it could (law 8).
#include "workflows/engine/deadlines.hpp"
#include "workflows/engine/report_detail.hpp"
#include "workflows/engine/run_state.hpp"
#include "workflows/engine/transitions.hpp"

#include <algorithm>

namespace workflows::engine {
namespace {

// All reasons of a small fleet, the first ones of a large one.
std::string reasons(const std::vector<Progress>& targets) {
    constexpr std::size_t most = 10;
    std::vector<std::string> said;
    std::size_t more = 0;
    for (const Progress& target : targets) {
        if (target.state == TargetState::Ready) {
            continue;
        }
        if (said.size() < most) {
            said.push_back(target.desired->target.str() + ": " + target.reason);
        } else {
            ++more;
        }
    }
    std::string text;
    for (const std::string& one : said) {
        text += text.empty() ? one : "; " + one;
    }
    return more == 0 ? text : text + fmt::format("; and {} more", more);
}

} // namespace

void Run::State::on(const Started&) {
    if (prepared || phase != Phase::Idle || !said.commands.empty()) {
        return;
    }
    note("run started", {{"kind", word(input.kind)},
                         {"environment", input.environment.str()},
                         {"release", input.release.str()},
                         {"targets", static_cast<std::int64_t>(targets.size())},
                         {"epoch", input.epoch}});
    if (targets.empty()) {
        end(Outcome::Refused, "the run has no targets");
    } else if (is_rollback()) {
        begin_preflight(Portion{false, 1}, default_deadline(OrderKind::Prepare));
        await_absent();
    }
}

void Run::State::begin_preflight(Portion wanted, base::Duration deadline) {
    phase = Phase::Preflight;
    quorum = wanted;
    deadlines[OrderKind::Prepare] = deadline;
    for (Progress& target : targets) {
        set_state(target, TargetState::Preparing);
        ++preparing;
        send(target, OrderKind::Prepare);
    }
}

void Run::State::prepare_answered(Progress& target, const Reported& report) {
    --preparing;
    if (!report.ok) {
        const TargetState state = failure_state(report.code);
        // A node that could not do it has touched nothing: that is a no, not a failure.
        set_state(target, state == TargetState::Failed ? TargetState::Refused : state,
                  fmt::format("{}{}", target.circumstance(), report.reason));
        return;
    }
    target.prepared = report.detail;
    target.changed = flag_of(report.detail, "changed", true);
    target.installed = flag_of(report.detail, "installed", true);
    set_state(target, TargetState::Ready);
    if (counted && target.installed) {
        capacity.installed(place(target)); // it came late
    }
}

void Run::State::prepare_lost(Progress& target, bool seen) {
    --preparing;
    set_state(target, seen ? TargetState::Lost : TargetState::Unreachable,
              fmt::format("{}{}", target.circumstance(),
                          seen ? "the node was online, but did not answer to 'prepare' in time"
                               : "the node is offline"));
}

void Run::State::advance_preflight() {
    if (!TIERCEL_GUARD("preflight-complete", preparing == 0)) {
        return;
    }
    std::size_t ready = 0;
    bool somebody_said_no = false;
    for (const Progress& target : targets) {
        ready += target.state == TargetState::Ready ? 1 : 0;
        somebody_said_no |= target.state == TargetState::Refused || target.state == TargetState::Quarantined;
    }
    // A rollback leaves out who is away, but not who says no: packages that nobody may trust are not put on
    // the rest either.
    const std::size_t needed = quorum.rounded_up(targets.size());
    if (!TIERCEL_GUARD("preflight-quorum", ready >= needed) ||
        !TIERCEL_GUARD("rollback-without-a-no", !is_rollback() || !somebody_said_no)) {
        conclude(Outcome::Refused,
                 fmt::format("nothing was touched, {} of {} targets are ready{}: {}", ready, targets.size(),
                             is_rollback() ? "" : fmt::format(", but {} must be", needed), reasons(targets)));
        return;
    }
    count_installed();
    prepared = true;
    note("preflight passed", {{"ready", static_cast<std::int64_t>(ready)},
                              {"left_out", static_cast<std::int64_t>(targets.size() - ready)}});
    if (is_rollback()) {
        back_level = input.levels.size();
        begin_next_rollback_level();
    } else {
        answer(preflight_answer());
    }
}

// Shares are shares of what is in service. Without a preflight, all are taken to be.
void Run::State::count_installed() {
    if (counted) {
        return;
    }
    counted = true;
    for (const Progress& target : targets) {
        const bool takes_part = target.state == TargetState::Ready || is_operation();
        if (target.installed && takes_part) {
            capacity.installed(place(target));
        } else if (!takes_part && !is_rollback()) { // a dead node must not block the way back
            capacity.missing(place(target), target.state == TargetState::Unreachable);
        }
    }
}

base::Object Run::State::preflight_answer() const {
    std::int64_t ready = 0;
    std::int64_t changed = 0;
    std::int64_t packages = 0;
    std::int64_t config = 0;
    const auto has_some = [](const Progress& target, std::string_view what) {
        const base::Object* detail = target.prepared.object();
        const base::Value* list = detail == nullptr ? nullptr : detail->find(what);
        return list != nullptr && list->array() != nullptr && !list->array()->empty();
    };
    for (const Progress& target : targets) {
        if (target.state == TargetState::Ready) {
            ++ready;
            changed += target.changed ? 1 : 0;
            packages += has_some(target, "packages") ? 1 : 0;
            config += has_some(target, "config") ? 1 : 0;
        }
    }
    return base::Object{{"ready", ready},
                        {"left_out", static_cast<std::int64_t>(targets.size()) - ready},
                        {"changed", changed},
                        {"package_changes", packages},
                        {"config_changes", config}};
}

} // namespace workflows::engine
