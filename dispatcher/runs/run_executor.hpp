// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "dispatcher/runs/envelopes.hpp"
#include "dispatcher/runs/journal.hpp"
#include "dispatcher/runs/run_records.hpp"
#include "dispatcher/runs/seams.hpp"
#include "workflows/engine/policy.hpp"
#include "workflows/engine/run.hpp"

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace dispatcher::runs {

/// The world as an executor sees it; outlives all executors.
struct World {
    base::Database& database;
    Fleet& fleet;
    Alarms& alarms;
    ScriptHosts& scripts;
    Envelopes& envelopes;
    Meters& meters;
    std::function<void(const std::string& run)> told = [](const std::string&) {
    }; ///< there are new notes
    std::function<void(const std::string& run)> ended = [](const std::string&) {
    }; ///< called from an alarm, not from within an event
};

/// Drives one run: each event and everything that follows from it (orders, notes, targets, the end) is
/// committed in one transaction before any of it is acted on. Rebuilt from the journal it goes on where it
/// was: the engine is a pure function of the journal, orders that were not answered are sent again with the
/// same text, timers are absolute, and the script is replayed against the answers it got before (law 7).
/// Thread: the one. Held by shared_ptr because alarms may outlive it.
class RunExecutor : public std::enable_shared_from_this<RunExecutor> {
public:
    /// The run must have started (RunRecords::start). @throws base::Error{Corrupt} when its journal cannot be
    /// read.
    static std::shared_ptr<RunExecutor> open(World& world, const std::string& run);
    /// The end of one that cannot be opened: cancelled; who was being worked on is lost. Within the
    /// caller's transaction.
    static void give_up(World& world, const std::string& run, const std::string& reason);

    /// Acts on what the journal left undone, or begins. Call once.
    void begin();

    /// Commits and then acts. Nothing happens when the run has ended.
    void happened(const workflows::engine::Event& event, const std::string& actor);
    void happened(const std::vector<workflows::engine::Event>& events, const std::string& actor);

    /// Pins another text of the workflow and replays it, beside what the run is doing.
    void continue_with(const workflows::engine::Continued& text);

    /// For callers who have more to put into the same transaction: `record` inside it, `act` after its
    /// commit; when the commit fails, `forget` reads the run anew.
    struct Consequences {
        std::vector<workflows::engine::Effect> effects;
        std::vector<OrderRecord> orders;
    };
    Consequences record(const workflows::engine::Event& event, const std::string& actor);
    void act(const Consequences& consequences);
    void forget();

    /// A node came or went; nothing is journaled that is known already.
    void node_seen(const base::NodeName& node, bool online);

    /// Keeps the run to its environment's freezes: pauses it in one that says so, and resumes it afterwards,
    /// unless a person paused it too, or resumed it in spite of the freeze.
    void keep_to_freeze(const std::optional<workflows::engine::Policy::Frozen>& frozen);

    /// True while keep_to_freeze has paused it.
    bool in_freeze() const noexcept;

    const std::string& id() const noexcept { return id_; }
    bool ended() const noexcept { return run_->ended(); }
    const workflows::engine::Run& run() const noexcept { return *run_; }

private:
    RunExecutor(World& world, std::string run);
    void load();
    void store(const workflows::engine::Effect& effect, const std::string& actor, base::Time now,
               Consequences& consequences);
    OrderRecord order_record(const workflows::engine::SendOrder& order, base::Time now);
    base::Value envelope();
    void finish(const workflows::engine::Ended& ended, base::Time now);
    bool leaves_others(const RunRecord& run) const;
    void drain();
    void arm(base::Time at, std::function<void(RunExecutor&)> then);
    void arm_timer(std::int64_t timer, base::Time at);
    void look_for_missing_nodes();
    void start_script();
    void script_stepped(const workflows::engine::Script::Step& step);
    void script_died(const std::string& why);
    void observe(const workflows::engine::Event& event, base::Time time);
    void observe(const workflows::engine::Effect& effect);
    void measure(const workflows::engine::Measure& wanted);

    World& world_;
    std::string id_;
    RunRecords records_;
    Journal journal_;
    OrderBook orders_;
    std::unique_ptr<workflows::engine::Run> run_;
    std::optional<protocol::EnvelopeName> envelope_; ///< once it is kept
    std::int64_t last_event_ = 0;
    std::map<std::int64_t, base::Time> timers_;                       ///< set and not fired
    std::map<std::int64_t, workflows::engine::Measure> measurements_; ///< wanted and not made
    std::map<base::NodeName, bool> seen_;                             ///< as the journal has it
    struct Hold {
        std::string verb; ///< "pause", "resume"
        std::string actor;
        base::Time time;
    };
    std::optional<Hold> hold_; ///< the last one
    std::set<base::NodeName> nodes_;
    std::deque<std::pair<std::vector<workflows::engine::Event>, std::string>>
        waiting_; ///< happened while another was at work
    bool working_ = false;
    std::unique_ptr<ScriptHost> script_;
    std::optional<std::int64_t> awaited_; ///< the script waits for this command's answer
    int script_deaths_ = 0;
};

} // namespace dispatcher::runs
