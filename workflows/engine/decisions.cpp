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
    if (command_act) {
        const std::vector<std::size_t>& failed = command_act->failed;
        return std::find(failed.begin(), failed.end(), place(target)) != failed.end();
    }
    return act && target.in_act && target.batch <= act->at && is_failure(target.state);
}

// It is to be tried again, and starts when it may.
bool Run::State::is_queued(const Progress& target) const {
    if (command_act) {
        return false;
    }
    const auto lane = act->lanes.find(name(target).component);
    return act->leaving.contains(place(target)) ||
           (lane != act->lanes.end() && std::find(lane->second.queue.begin(), lane->second.queue.end(),
                                                  place(target)) != lane->second.queue.end());
}

// Nobody else of its component starts before its migration is over, and it is not.
bool Run::State::holds_up_migration(const Progress& target) const {
    if (command_act) {
        return false;
    }
    const auto lane = act->lanes.find(name(target).component);
    return lane != act->lanes.end() && lane->second.migrating == place(target);
}

std::string Run::State::asked() const {
    return command_act ? command_act->asking.value_or("") : act ? act->asking.value_or("") : "";
}

// One that failed, and is still on its way back into rotation: nobody can try it again, or skip it, before
// that is over.
const Progress* Run::State::not_yet_decidable(const std::optional<Target>& which) const {
    const auto found = std::find_if(targets.begin(), targets.end(), [&](const Progress& target) {
        return target.in_act && target.verdict && target.under_way && (!which || *which == name(target));
    });
    return act && act->asking && found != targets.end() ? &*found : nullptr;
}

std::string Run::State::objection_to_decision(const Signalled& decision) const {
    const std::optional<Target>& which = decision.target;
    const bool may_go_back = broken && decision.verb == "rollback";
    if (stopped || (asked().empty() && !may_go_back)) {
        return "the run waits for no decision about a failure now; see 'tiercel run explain'";
    }
    if (decision.verb == "rollback") {
        return {};
    }
    if (const Progress* undrained = not_yet_decidable(which)) {
        return fmt::format("{} has failed, but is still being brought back into rotation; say it again when "
                           "that is over, see 'tiercel run explain'",
                           name(*undrained).str());
    }
    bool somebody = !command_act && act->judged_bad && !which;
    for (const Progress& target : targets) {
        const bool meant = !which || *which == name(target);
        if (!waits_for_decision(target) || !meant || (decision.verb == "retry" && is_queued(target))) {
            continue;
        }
        somebody = true;
        if (decision.verb == "skip" && holds_up_migration(target)) {
            return fmt::format("nobody of component '{}' goes on before its migration has succeeded, and it "
                               "has not on {}; try that again, roll back or cancel",
                               name(target).component, name(target).str());
        }
    }
    if (somebody) {
        return {};
    }
    return which ? fmt::format("{} waits for no decision; the run waits for one because of this: {}",
                               which->str(), asked())
                 : fmt::format("nobody is there to be tried again or skipped; roll back or cancel: {}",
                               asked());
}

void Run::State::retry(const std::optional<Target>& which) {
    std::int64_t count = 0;
    for (Progress& target : targets) {
        if (!waits_for_decision(target) || is_queued(target) || (which && *which != name(target))) {
            continue;
        }
        ++count;
        if (command_act) {
            std::erase(command_act->failed, place(target));
            command_act->options.failures.forgiven(*target.desired, 0);
            command_act->queue.push_front(place(target));
            continue;
        }
        act->options.failures.forgiven(*target.desired, target.batch);
        target.verdict.reset();
        if (target.standby) {
            act->leaving.insert(place(target));
            act->taken_over = false;
            continue;
        }
        if (target.batch != act->at) { // it soaks, and passes its gate, with those that it goes with now
            target.batch = act->at;
            act->batches[act->at].members.push_back(place(target));
        }
        act->lanes[name(target).component].queue.push_front(place(target));
        ++act->unsettled;
    }
    note("tried again", {{"targets", count}});
    if (!command_act && act->judged_bad && !which) {
        judge_again(true);
    }
    if (!command_act && count > 0) {
        act->stage = Act::Stage::Rolling;
    }
    ask_about_the_rest();
}

void Run::State::excuse(Progress& target, const std::string& by) {
    const std::string reason = fmt::format("{}; skipped by {}", target.reason, by);
    set_state(target, TargetState::Skipped, reason);
    target.excused = true;
}

void Run::State::skip(const std::optional<Target>& which, const std::string& by) {
    std::int64_t count = 0;
    for (Progress& target : targets) {
        if (!waits_for_decision(target) || (which && *which != name(target))) {
            continue;
        }
        ++count;
        if (command_act) {
            std::erase(command_act->failed, place(target));
            if (is_operation() && is_failure(target.state)) {
                excuse(target, by);
            }
            continue;
        }
        if (const std::size_t waited = std::erase(act->lanes[name(target).component].queue, place(target))) {
            act->unsettled -= waited; // somebody wanted it tried again, but there was no room yet
        } else if (act->leaving.erase(place(target)) == 0) {
            act->options.failures.forgiven(*target.desired, target.batch);
        }
        excuse(target, by);
    }
    note("skipped", {{"targets", count}, {"by", by}});
    if (!command_act && !which) {
        act->judged_bad = false;
    }
    ask_about_the_rest();
}

// What is said about one target is not said about another: while one of them still is too much, the run
// waits.
void Run::State::ask_about_the_rest() {
    std::optional<std::string>& asking = command_act ? command_act->asking : act->asking;
    if (!command_act && act->judged_bad) {
        return;
    }
    asking.reset();
    for (const Progress& target : targets) {
        if (!waits_for_decision(target) || is_queued(target)) {
            continue;
        }
        const std::string sentence = fmt::format("{}: {}", name(target).str(), target.reason);
        if (holds_up_migration(target)) {
            asking = migration_sentence(target);
        } else if (command_act) {
            asking = sentence;
        } else if (const auto exceeded = act->options.failures.exceeded(*target.desired, target.batch)) {
            asking = fmt::format("{}: {}", *exceeded, sentence);
        } else {
            continue;
        }
        note("a person is asked", {{"reason", *asking}});
        return;
    }
}

} // namespace workflows::engine
