// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "workflows/engine/run.hpp"
#include "workflows/engine/script.hpp"

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace tests {

using workflows::engine::Event;
using workflows::engine::OrderKind;
using workflows::engine::Run;
using workflows::engine::RunInput;
using workflows::engine::SendOrder;
using workflows::engine::Target;
using workflows::engine::TargetState;

/// How one target behaves. By default it does what it is told after a second.
struct Behaviour {
    /// At this kind of order it answers with this code ("failed", "refused", "inconclusive", …), so many
    /// times; then it does it.
    struct Refusal {
        std::string code = "failed";
        int times = 1'000'000;
    };
    std::map<OrderKind, Refusal> refuses;
    std::set<OrderKind> silent;               ///< does it, but the answer is lost
    std::map<OrderKind, base::Duration> slow; ///< takes so long instead of a second
    bool changed = true;
    bool installed = true;
    bool drains = true; ///< false: it has nothing to drain
    bool answers_twice = false;
    bool lies = false; ///< details are nonsense, and now and then it reports an order that nobody sent

    // What is really there; tests look at it.
    bool drained = false;
    std::string release = "old"; ///< on disk
    std::string running = "old";
    std::vector<OrderKind> did;
};

/// A line of the story: when what was said.
struct Told {
    base::Time time;
    std::string text;
};

/// A run with its fleet under a virtual clock: nodes that fail, are slow, go away, answer twice, answer late,
/// or lie. Everything that happens is in `journal`, as a dispatcher would keep it. Deterministic.
class Fleet {
public:
    /// `script`: Lua source, or empty for runs without one.
    Fleet(RunInput input, std::string script);
    ~Fleet();

    Behaviour& at(const std::string& component, const std::string& node);
    Behaviour& at(const Target& target) { return behaviours_.at(target); }
    /// The node cannot be reached from `from` until `until` (since the start of the run).
    void away(const std::string& node, base::Duration from,
              base::Duration until = std::chrono::hours(10'000));
    void signal(base::Duration after, const std::string& verb);
    /// What a person does, ten minutes after a run began to wait for one; by default nobody comes.
    void person(std::string verb) { person_ = std::move(verb); }
    /// Called after each event with what it caused.
    std::function<void(const Event&, const std::vector<workflows::engine::Effect>&)> watch;

    /// Until the run has ended, or nothing can happen any more.
    void drive();

    const Run& run() const noexcept { return *run_; }
    std::string outcome() const;
    TargetState state(const std::string& component, const std::string& node) const;
    std::string reason(const std::string& component, const std::string& node) const;
    /// "2 updated, 1 failed".
    std::string counts() const;
    base::Time now() const noexcept { return now_; }

    std::vector<std::pair<Event, base::Time>> journal;
    std::vector<SendOrder> sent;
    std::vector<Told> story; ///< notes, state changes, orders: for failing tests
    std::string told() const;

private:
    struct Due {
        Event event;
        std::optional<SendOrder> order; ///< instead of an event: arrives at its node
    };
    void feed(const Event& event);
    void arrive(const SendOrder& order);
    workflows::engine::Reported carry_out(const SendOrder& order, Behaviour& node);
    void step_script(const std::optional<workflows::engine::Answer>& answer);
    void schedule(base::Time time, Due due);
    /// The next time at which the node can be reached.
    base::Time reachable(const base::NodeName& node, base::Time time) const;

    base::Time start_;
    base::Time now_;
    std::unique_ptr<Run> run_;
    std::unique_ptr<workflows::engine::Script> script_;
    std::map<Target, Behaviour> behaviours_;
    std::map<base::NodeName, std::vector<std::pair<base::Time, base::Time>>> away_;
    std::map<std::pair<base::Time, std::int64_t>, Due> due_;
    std::int64_t next_due_ = 0;
    std::string person_;
    std::optional<workflows::engine::Answer> answer_;
};

/// The input of a run over components "shop/a0", "shop/a1" … of the given numbers of nodes ("a0-1", "a0-2"
/// …), one level each.
RunInput fleet_input(const std::vector<int>& nodes,
                     workflows::engine::RunKind kind = workflows::engine::RunKind::Deploy);

/// A workflow that updates all levels with these options (Lua text inside braces).
std::string update_all(const std::string& options, const std::string& preflight = "");

} // namespace tests
