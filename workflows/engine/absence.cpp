// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// Nodes that are away. A deployment waits for them until their deadlines; the way back to a release that
// works does not let one dead node keep the broken release on all others.
#include "workflows/engine/deadlines.hpp"
#include "workflows/engine/run_state.hpp"

#include <algorithm>

namespace workflows::engine {

bool Run::State::is_away(const Progress& target) const {
    const auto seen = online.find(name(target).node);
    return seen != online.end() && !seen->second;
}

// Others are to go back: who is away may be restarting.
void Run::State::await_absent() {
    const bool somebody = std::any_of(orders.begin(), orders.end(), [&](const auto& order) {
        return is_away(targets[order.second.target]);
    });
    if (somebody && !awaits_absent) {
        awaits_absent = true;
        set_timer(OpenTimer::Kind::Absent, now + patience_with_absent, "nodes that are away to come back");
    }
}

// Of a command that nobody knows the outcome of much depends: its deadline is its own.
bool Run::State::is_waited_for_in_vain(const OpenOrder& order) const {
    const bool before_rollback = phase == Phase::Preflight && order.kind == OrderKind::Prepare;
    const bool before_way_back = phase == Phase::Stopping && stopped->halts() &&
                                 order.kind != OrderKind::Command && order.kind != OrderKind::Cancel;
    return is_away(targets[order.target]) && (before_rollback || before_way_back);
}

// They have not come: the others go back without them. Who comes to a rollback later follows; who was touched
// before a stop is told to go back, too, and does when it is there again.
void Run::State::leave_absent() {
    awaits_absent = false;
    const std::map<std::int64_t, OpenOrder> open = orders;
    for (const auto& [id, order] : open) {
        if (is_waited_for_in_vain(order)) {
            timers.erase(order.timer);
            orders.at(id).seen &= order.kind != OrderKind::Prepare; // changes nothing: it may be asked again
            unanswered(id, fmt::format("the node was offline for {}", base::to_text(patience_with_absent)));
        }
    }
}

// A rollback takes over, and asks all of them again. What goes its way to an end already goes on, without
// those that are away.
void Run::State::give_way(const std::string& by) {
    gives_way = true;
    if (phase == Phase::Settling || phase == Phase::Cleaning) {
        note("too late", {{"verb", "preempt"}});
    } else if (stopped) {
        give_up_waiting(by);
    } else {
        stop(Stop::How::Preempt, Outcome::Cancelled, "a rollback takes over: " + by);
        const std::map<std::int64_t, OpenOrder> open = orders;
        for (const auto& [id, order] : open) {
            const bool is_migration = order.kind == OrderKind::Command; // is not killed half-way
            if (!is_migration && !is_away(targets[order.target])) {
                send_cancel(id, order);
            }
        }
    }
    let_go();
}

void Run::State::let_go() {
    const std::map<std::int64_t, OpenOrder> open = orders;
    for (const auto& [id, order] : open) {
        if (is_away(targets[order.target])) {
            timers.erase(order.timer);
            unanswered(id, "the node is offline, and a rollback takes over");
        }
    }
}

bool Run::State::is_let_go(const Progress& target) const {
    return gives_way && is_away(target);
}

} // namespace workflows::engine
