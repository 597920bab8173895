// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// Blue and green: when a held batch serves as a whole, those on standby leave service with what they hold,
// ready to serve again at once. They wait for the update that takes them; when the run goes back, stops or
// ends, they serve again before anybody of the batch is touched.
#include "workflows/engine/run_state.hpp"
#include "workflows/engine/transitions.hpp"

#include <fmt/format.h>

namespace workflows::engine {

// Of who has the release already, or is not there yet, nobody has to make way.
bool Run::State::is_to_stand_by(const Progress& target, const ActOptions& options) const {
    return !options.standby.empty() && target.level == options.level && target.state == TargetState::Ready &&
           target.changed && !target.looked_at && target.installed &&
           !options.where.matches(*target.desired) && options.standby.matches(*target.desired);
}

void Run::State::take_over() {
    act->taken_over = true;
    std::set<base::ComponentName> served;
    for (const std::size_t member : act->batches[act->at].members) {
        if (!is_terminal_word(targets[member].state)) {
            served.insert(name(targets[member]).component);
        }
    }
    std::int64_t count = 0;
    for (Progress& target : targets) {
        if (!is_to_stand_by(target, act->options) || !served.contains(name(target).component)) {
            continue;
        }
        if (capacity.room(place(target)) != Capacity::Room::Yes) {
            note("serves beside the batch", {{"reason", capacity.explain(place(target))}}, &target);
            continue;
        }
        target.in_act = true;
        target.batch = act->at;
        act->options.failures.concerns(*target.desired, target.batch);
        leave_service(target);
        ++count;
    }
    note("batch takes over", {{"level", static_cast<std::int64_t>(act->options.level)},
                              {"batch", static_cast<std::int64_t>(act->at + 1)},
                              {"standby", count}});
}

void Run::State::leave_service(Progress& target) {
    target.standby = target.under_way = true;
    ++act->unsettled;
    take(target, OrderKind::Drain);
}

// At the end of the script nobody is left on standby. True: some are on their way into service.
bool Run::State::end_standby() {
    for (Progress& target : targets) {
        if (target.state == TargetState::Standby && target.drained) {
            target.verdict = TargetState::NotStarted;
            set_state(target, TargetState::Undraining, "serves again with what it held");
            send(target, OrderKind::Undrain);
        } else if (target.state == TargetState::Standby) {
            set_state(target, TargetState::NotStarted);
        }
    }
    if (busy == 0) {
        return false;
    }
    phase = Phase::Returning;
    return true;
}

void Run::State::advance_returning() {
    if (busy == 0) {
        end_by_script();
    }
}

} // namespace workflows::engine
