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
        const Progress& target = targets[member];
        const bool serves = target.state == TargetState::Soaking || target.state == TargetState::Updated;
        if (TIERCEL_GUARD("takes-over-where-it-serves", serves)) {
            served.insert(name(target).component);
        }
    }
    const std::set<std::size_t> again = std::exchange(act->leaving, {});
    std::vector<Progress*> failed;
    std::int64_t count = 0;
    for (Progress& target : targets) {
        const bool tried = again.contains(place(target));
        const bool makes_way = served.contains(name(target).component);
        if (!tried && (!is_to_stand_by(target, act->options) || !makes_way)) {
            continue;
        }
        if (!makes_way || capacity.room(place(target)) != Capacity::Room::Yes) {
            const std::string reason = makes_way ? capacity.explain(place(target))
                                                 : std::string("nobody of its component has taken over");
            note("serves beside the batch", {{"reason", reason}}, &target);
            if (tried) {
                failed.push_back(&target);
            }
            continue;
        }
        if (!tried) {
            target.in_act = true;
            target.batch = act->at;
            act->options.failures.concerns(*target.desired, target.batch);
        }
        leave_service(target);
        ++count;
    }
    note("batch takes over", {{"level", static_cast<std::int64_t>(act->options.level)},
                              {"batch", static_cast<std::int64_t>(act->at + 1)},
                              {"standby", count}});
    for (Progress* target : failed) {
        failed_in_act(*target);
    }
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
