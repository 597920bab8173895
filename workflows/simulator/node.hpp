// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/clock.hpp"
#include "workflows/engine/run.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace workflows::simulator {

/// How one target behaves, and what is really there. By default it does what it is told after a second. Like
/// a client it journals each order before it acts: a repeated order gets the recorded answer.
struct Behaviour {
    /// At this kind of order it answers with this code ("failed", "refused", "inconclusive", …), so many
    /// times; then it does it.
    struct Refusal {
        std::string code = "failed";
        int times = 1'000'000;
        std::string reason = "as told by the test";
        bool of_release = false; ///< only until it is undone
    };
    std::map<engine::OrderKind, Refusal> refuses;
    std::set<engine::OrderKind> silent;               ///< does it, but the answer is lost
    std::map<engine::OrderKind, base::Duration> slow; ///< takes so long instead of a second
    bool changed = true;
    std::string differs; ///< what its preflight shows: "packages", "config"; empty: it does not say
    double measures_old = 1, measures_new = 1; ///< what a measurement gives on either release
    bool installed = true;
    bool drains = true; ///< false: it has nothing to drain
    bool answers_twice = false;
    bool lies = false; ///< details are nonsense, and now and then it reports an order that nobody sent

    // What is really there.
    bool drained = false;
    bool down = false;           ///< its services were stopped, and are kept so
    std::string release = "old"; ///< on disk
    std::string running = "old";
    std::vector<engine::OrderKind> did;
    std::vector<std::string> ran; ///< commands, by name

    /// An order that arrived: its answer until the dispatcher has journaled it.
    struct Journaled {
        std::int64_t order;
        engine::OrderKind kind;
        base::Time done;
        std::optional<engine::Reported> answer;
    };
    std::vector<Journaled> journal;

    /// Its entry in the journal, or nullptr.
    Journaled* find(std::int64_t order) noexcept;
    /// Does what the order says, or refuses it as told; the answer. `name`: of a command.
    engine::Reported carry_out(std::int64_t order, engine::OrderKind kind, const std::string& name = {});
    base::Duration takes(engine::OrderKind kind) const noexcept;
};

} // namespace workflows::simulator
