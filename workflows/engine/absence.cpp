// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// Nodes that are away. A deployment waits for them until their deadlines; the way back to a release that
// works does not let one dead node keep the broken release on all others.
#include "workflows/engine/deadlines.hpp"
#include "workflows/engine/run_state.hpp"

namespace workflows::engine {

bool Run::State::is_away(const Progress& target) const {
    const auto seen = online.find(name(target).node);
    return seen != online.end() && !seen->second;
}

// A rollback begins: who is away may be restarting.
void Run::State::await_absent() {
    for (const Progress& target : targets) {
        if (is_away(target)) {
            set_timer(OpenTimer::Kind::Absent, now + patience_with_absent,
                      "nodes that are away to come back");
            return;
        }
    }
}

// They have not: the others go back without them. Who comes later follows.
void Run::State::leave_absent() {
    const std::map<std::int64_t, OpenOrder> open = orders;
    for (const auto& [id, order] : open) {
        const Progress& target = targets[order.target];
        if (order.kind == OrderKind::Prepare && !order.seen && is_away(target)) {
            timers.erase(order.timer);
            unanswered(id, fmt::format("the node was offline for {}", base::to_text(patience_with_absent)));
        }
    }
}

// A rollback takes over, and asks all of them again.
void Run::State::let_go() {
    const std::map<std::int64_t, OpenOrder> open = orders;
    for (const auto& [id, order] : open) {
        if (is_away(targets[order.target])) {
            timers.erase(order.timer);
            unanswered(id, "the node is offline, and a rollback takes over");
        } else if (order.kind != OrderKind::Command) { // a migration is not killed half-way
            send_cancel(id, order);
        }
    }
}

bool Run::State::is_let_go(const Progress& target) const {
    return stopped && stopped->how == Stop::How::Preempt && is_away(target);
}

} // namespace workflows::engine
