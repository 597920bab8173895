// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "workflows/engine/run.hpp"
#include "workflows/engine/script.hpp"
#include "workflows/simulator/chance.hpp"
#include "workflows/simulator/faults.hpp"
#include "workflows/simulator/moments.hpp"
#include "workflows/simulator/node.hpp"

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

namespace workflows::simulator {

/// A run with its fleet under a virtual clock: the dispatcher that journals and sends, the network, the
/// nodes, the script, people. Everything that happens is decided by the input, the settings and the seed:
/// the same ones give the same story, word for word. One thread; several simulations may run side by side.
class Simulation {
public:
    struct Settings {
        std::uint64_t seed = 1;
        std::string script_name = "workflow.lua"; ///< stands in the script's errors
        base::Duration latency{};                 ///< of each message: from nothing to this
        double late = 0;                          ///< of each message: up to 30 s more
        double duplicate_order = 0;               ///< of each order
        double script_crash = 0;                  ///< of each command
        double script_death = 0;                  ///< of each command
        double dispatcher_crash = 0;              ///< of each event
        /// kill -9 of the dispatcher at these events (the first is 0), before they are journaled when `true`,
        /// else after, before anything is sent. It is back at once: with random ones after up to 30 s.
        std::map<std::int64_t, bool> crashes;
        bool keep_journal = false; ///< kept in any case when the dispatcher can crash: it is what it reads
        bool keep_story = false;
    };

    /// `script`: Lua source, or empty for runs without one.
    /// @throws base::Error{Input} for a script or parameters that are wrong.
    Simulation(engine::RunInput input, std::string script, Settings settings);
    ~Simulation();
    Simulation(Simulation&&) = delete;

    Behaviour& at(const engine::Target& target) { return behaviours_[place(target)]; }
    const Behaviour& at(const engine::Target& target) const { return behaviours_[place(target)]; }
    Behaviour& at(const std::string& component, const std::string& node);
    /// All, in the order of RunInput::targets.
    std::vector<Behaviour>& behaviours() noexcept { return behaviours_; }
    /// The place of a target in RunInput::targets. @throws base::Error{NotFound}
    std::size_t place(const engine::Target& target) const;

    /// The node cannot be reached from `from` until `until` (since the start of the run).
    void away(const std::string& node, base::Duration from, base::Duration until);
    /// Somebody says this so long after the start.
    void signal(base::Duration after, engine::Signalled signal);
    /// So long after the start the script's process cannot be kept alive.
    void script_dies(base::Duration after);
    /// What a person does about a run that waits for one, ten minutes after it began to; nothing: nobody
    /// comes. Absent: nobody ever does. "continue": with `mended` as the workflow's text.
    std::function<std::optional<engine::Signalled>(const std::vector<engine::Waiting>&)> person;
    std::string mended; ///< empty: the text that there is
    /// Called after each event with what it caused.
    std::function<void(const engine::Event&, const std::vector<engine::Effect>&)> watch;

    /// What a measurement by the dispatcher gives. Absent: 1 for both.
    std::function<engine::Measured(const engine::Measure&)> measure;

    /// Until the run has ended, or nothing can happen any more.
    void drive();

    const engine::Run& run() const noexcept { return *run_; }
    std::string outcome() const; ///< its word, or "not ended"
    base::Time start() const noexcept { return start_; }
    base::Time now() const noexcept { return now_; }
    std::int64_t events() const noexcept { return events_; }
    std::int64_t crashes() const noexcept { return crashes_; } ///< of the dispatcher
    bool continued() const noexcept { return continued_; }     ///< another text took over
    std::int64_t orders() const noexcept { return orders_sent_; }

    /// Law 7, broken: a run that was read from its journal stood elsewhere.
    std::vector<std::string> broken;

    std::vector<std::pair<engine::Event, base::Time>> journal;
    /// A line of the story: when what was said.
    struct Told {
        base::Time time;
        std::string text;
    };
    std::vector<Told> story;
    std::vector<engine::SendOrder> sent; ///< with the story
    std::string told() const;

private:
    /// An order on its way to its node, or its journal's copy in the dispatcher: without what only real nodes
    /// need.
    struct Order {
        std::int64_t number;
        std::size_t target;
        engine::OrderKind kind;
        base::Time deadline;
        std::string name = {};    ///< of a command
        std::int64_t cancels = 0; ///< the order that a cancel is about
        bool waited = false;      ///< its node was away
    };
    struct DispatcherIsBack {};
    static constexpr base::Duration nothing_after = std::chrono::hours(1000);
    using Happening = std::variant<engine::Event, Order, DispatcherIsBack>;

    void happen(Moments<Happening>::Taken& due);
    void deliver(const engine::Event& event, std::int64_t turn);
    /// False when the dispatcher died before it had journaled the event.
    bool feed(const engine::Event& event);
    static Order compact(const engine::SendOrder& order, std::size_t target);
    void remember(const engine::Event& event);
    void remember(const std::vector<engine::Effect>& effects);
    void carry_out(const std::vector<engine::Effect>& effects);
    void send(const Order& order, base::Time departure);
    void ask(const engine::Measure& measurement);
    void arrive(const Order& order);
    void end_early(const Order& cancel);
    void answer_at(const engine::Reported& report, std::size_t target, base::Time time);
    void step_script();
    void restart_script();
    bool person_acts();
    void crash(base::Duration down);
    void read_journal();
    void tell(const engine::Effect& effect);
    std::string standing() const;
    base::Duration latency();
    /// The next time at which the node can be reached.
    base::Time reachable(std::size_t node, base::Time time) const;

    Settings settings_;
    Chance chance_;
    std::string source_;
    base::Time start_;
    base::Time now_;
    bool keeps_journal_;
    base::Time down_until_;
    std::unique_ptr<engine::Run> run_;
    std::unique_ptr<engine::Script> script_;
    std::optional<std::int64_t> awaited_; ///< the command that the script waits for
    std::optional<engine::Answer> answer_;
    bool script_can_go_on_ = false; ///< it may start, or its answer is there
    bool started_ = false;          ///< so the journal says

    struct TargetHash {
        std::size_t operator()(const engine::Target& target) const noexcept;
    };
    std::unordered_map<engine::Target, std::size_t, TargetHash> places_;
    std::vector<Behaviour> behaviours_;
    std::vector<std::size_t> node_of_; ///< of each target
    std::map<base::NodeName, std::size_t> nodes_;
    std::vector<std::vector<std::pair<base::Time, base::Time>>> away_; ///< of each node
    std::vector<std::optional<bool>> seen_;                            ///< of each node: as journaled

    Moments<Happening> due_;
    std::map<std::int64_t, base::Time> timers_;            ///< set and not fired
    std::map<std::int64_t, Order> awaited_orders_;         ///< sent and not answered
    std::map<std::int64_t, engine::Measure> measurements_; ///< asked for and not answered
    std::int64_t events_ = 0;
    std::int64_t crashes_ = 0;
    std::int64_t orders_sent_ = 0;
    std::int64_t person_acted_ = 0;
    bool continued_ = false;
};

} // namespace workflows::simulator
