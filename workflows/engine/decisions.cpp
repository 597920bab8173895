// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// What a person decides about targets that failed: once more, or without them.
#include "workflows/engine/run_state.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace workflows::engine {

namespace {

bool is_failure(TargetState state) {
    return state == TargetState::Failed || state == TargetState::Lost || state == TargetState::Unreachable ||
           state == TargetState::Refused || state == TargetState::Quarantined;
}

} // namespace

bool Run::State::waits_for_decision(const Progress& target) const {
    return act && target.in_act && target.batch <= act->at && is_failure(target.state);
}

// One that failed, and is still on its way back into rotation: nobody can try it again, or skip it, before
// that is over.
const Progress* Run::State::not_yet_decidable() const {
    const auto found = std::find_if(targets.begin(), targets.end(), [](const Progress& target) {
        return target.in_act && target.verdict && target.under_way;
    });
    return act && act->asking && found != targets.end() ? &*found : nullptr;
}

void Run::State::retry(const std::optional<Target>& which) {
    std::int64_t count = 0;
    if (command_act) {
        for (const std::size_t place : std::exchange(command_act->failed, {})) {
            command_act->options.failures.forgiven(*targets[place].desired, 0);
            command_act->queue.push_front(place);
            ++count;
        }
        command_act->asking.reset();
        note("tried again", {{"targets", count}});
        return;
    }
    for (Progress& target : targets) {
        std::deque<std::size_t>& queue = act->lanes[name(target).component].queue;
        const bool waits = std::find(queue.begin(), queue.end(), place(target)) != queue.end();
        if (!waits_for_decision(target) || waits || (which && *which != name(target))) {
            continue;
        }
        ++count;
        act->options.failures.forgiven(*target.desired, target.batch);
        target.verdict.reset();
        if (target.standby) {
            leave_service(target);
            continue;
        }
        if (target.batch != act->at) { // it soaks, and passes its gate, with those that it goes with now
            target.batch = act->at;
            act->batches[act->at].members.push_back(place(target));
        }
        queue.push_front(place(target));
        ++act->unsettled;
    }
    note("tried again", {{"targets", count}});
    if (act->judged_bad && !which) {
        act->asking.reset();
        judge_again(true);
    }
    if (count > 0) {
        act->asking.reset();
        act->stage = Act::Stage::Rolling;
    }
}

void Run::State::excuse(Progress& target, const std::string& by) {
    const std::string reason = fmt::format("{}; skipped by {}", target.reason, by);
    set_state(target, TargetState::Skipped, reason);
    target.excused = true;
}

void Run::State::skip(const std::optional<Target>& which, const std::string& by) {
    std::int64_t count = 0;
    if (command_act) {
        for (const std::size_t place : std::exchange(command_act->failed, {})) {
            Progress& target = targets[place];
            if (is_operation() && is_failure(target.state)) {
                excuse(target, by);
            }
        }
        command_act->asking.reset();
        note("skipped", {{"by", by}});
        return;
    }
    for (Progress& target : targets) {
        if (!waits_for_decision(target) || (which && *which != name(target))) {
            continue;
        }
        ++count;
        if (const std::size_t waited = std::erase(act->lanes[name(target).component].queue, place(target))) {
            act->unsettled -= waited; // somebody wanted it tried again, but there was no room yet
        } else {
            act->options.failures.forgiven(*target.desired, target.batch);
        }
        excuse(target, by);
    }
    note("skipped", {{"targets", count}});
    if (act->judged_bad && !which) {
        act->judged_bad = false;
        act->asking.reset();
    }
    if (count > 0) {
        act->asking.reset();
    }
}

} // namespace workflows::engine
