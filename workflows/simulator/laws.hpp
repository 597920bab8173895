// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "workflows/simulator/allowance.hpp"
#include "workflows/simulator/blast_radius.hpp"
#include "workflows/simulator/simulation.hpp"

#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_set>
#include <vector>

namespace workflows::simulator {

/// Watches a simulation from outside, by its events and effects and by what is really on the nodes, and
/// writes down each law of docs/architecture.md that it sees broken. Shares no bookkeeping with the engine.
/// Constant time for each event, but for a look at all targets now and then.
class Laws {
public:
    /// To be made before the simulation is driven; it must outlive this.
    explicit Laws(Simulation& simulation);

    /// To be called after each event.
    void see(const engine::Event& event, const std::vector<engine::Effect>& effects);
    /// To be called after the run: what holds at the end only.
    void at_end();

    std::vector<std::string> broken; ///< "law 4: shop/web on web-3 …"; at most a hundred
    /// Components and the groups of budgets, with how many were out of service.
    const BlastRadius& blast_radius() const noexcept { return radius_; }

private:
    struct Known {
        std::size_t component = 0; ///< its group of radius_
        std::size_t level = 0;
        std::vector<std::size_t> policies; ///< groups of radius_
        engine::TargetState state = engine::TargetState::NotStarted;
        bool answered = false; ///< to its preparation, or it was given up
        bool late = false;     ///< was told to prepare once more
        bool ready = false;
        bool changed = true;
        bool installed = true;
        std::optional<bool> missing = {}; ///< not ready; policies count it: as out of service, or not
        bool counted = false;             ///< among the members of its groups
        bool ill = false;                 ///< out of service since before the run
        bool looked_at = false;           ///< it has nothing to change, and was out of service before
        bool under_way = false;
        bool at_work = false;   ///< under way, and has not failed
        bool in_window = false; ///< sliding: not through its gate
        bool in_batch = false;  ///< of the current act
        bool failed = false;    ///< in the current act
        bool drained = false;
        bool down = false;
        bool touched = false; ///< an apply was sent, and not refused
        bool applied = false; ///< and confirmed
        bool undone = false;
        bool proven = true; ///< not applied, restarted or started since the last probe that passed
        bool back = false;
        bool went_back = false; ///< was told to, or to leave service for it
        bool online = true;
        bool passed_by = false;     ///< it was away on its way back, and the levels below did not wait for it
        bool told_to_drain = false; ///< and has not come back into rotation since
        bool stands_by = false;     ///< out of service with what it holds
        bool excused_from_standby = false;         ///< and it was said why
        bool soaked_in_batch = false;              ///< or soaks
        std::optional<base::Time> well_since = {}; ///< its first probe after the change that passed
        base::Time soaks_since{};
        bool waits_for_person = false;
        bool command_was_lost = false; ///< its last one has no known outcome
        bool out() const noexcept { return installed && (drained || down || !proven); }
        bool out_for_policies() const noexcept { return out() || (ill && counted); }
    };
    struct Open {
        std::size_t target;
        engine::OrderKind kind;
        std::optional<std::int64_t> timer; ///< of its deadline
        std::string command;
        bool asks_only = false; ///< a probe of ctx:probe
    };
    /// The acts of one component: its window, its migration.
    struct Lane {
        std::size_t targets = 0;
        std::size_t in_batch = 0; ///< of the current batch, as the plan shows it
        std::size_t cut = 0;      ///< of all batches before it, of earlier updates, too
        std::size_t at_work = 0;
        std::size_t in_window = 0;
        std::size_t passed = 0;
        std::size_t commands_out = 0;
        bool migrated = false;
    };

    /// Of one metric, for the current batch.
    struct Measurements {
        std::int64_t needed = 1;
        std::optional<double> most;
        std::int64_t taken = 0;
        std::vector<double> values; ///< of the one under way
        bool bad = false;           ///< one was, on all of its targets
    };

    // laws.cpp: what comes in
    void count_members();
    void count(Known& known);
    void count_missing(const Known& known, bool counts);
    void see_report(const engine::Reported& report);
    void see_deadline(std::int64_t timer);
    void see_unanswered(std::int64_t order);
    void see_probe(Known& known, const Open& order, const engine::Reported& report);
    void see_command_report(const Open& order, const engine::Reported& report);
    void see_signal(const engine::Signalled& signal);
    void see_command(const engine::ScriptCommand& command);
    void see_answer(const engine::Answer& answer);
    void see_change(const engine::TargetChanged& change);
    void fails(Known& known);
    void look_at_waiting();

    // laws_of_batches.cpp
    void see_note(const engine::Note& note);
    void see_batch(const engine::BatchView& batch);
    void see_batch_end(std::string_view then);
    void see_taken_over();
    void see_soak(Known& known, engine::TargetState next);
    void see_value(const std::string& name, double value);
    void see_value(const engine::Measured& measured);

    // laws_of_orders.cpp: what goes out
    void see_order(const engine::SendOrder& order, std::optional<std::int64_t> timer);
    void see_start(Known& known, const engine::SendOrder& order);
    void see_update_start(Known& known, const std::string& who);
    void see_undrain(const Known& known, const engine::SendOrder& order);
    bool makes_way(const Known& known) const;
    void stand_by(Known& known, bool stands_by);
    void see_standby(Known& known, const engine::SendOrder& order);
    void see_command_order(Known& known, const engine::SendOrder& order);
    void see_way_back(Known& known, const engine::SendOrder& order);
    void see_change_in_rotation(const Known& known, const engine::SendOrder& order);
    void see_known_good(const engine::SendOrder& order);
    void carry_out(Known& known, engine::OrderKind kind);

    // laws_at_end.cpp
    void judge(const engine::TargetView& view, engine::Outcome outcome);
    void judge_once();

    /// Changes what `out` depends on, and the counts with it.
    template <class Change> void service(Known& known, Change change) {
        const bool own = known.out();
        const bool any = known.out_for_policies();
        change(known);
        if (own != known.out()) {
            radius_.change({known.component}, known.out());
        }
        if (any != known.out_for_policies()) {
            radius_.change(known.policies, known.out_for_policies());
        }
    }
    /// Changes what barriers look at, and their counts.
    template <class Change> void barriers(Known& known, Change change) {
        not_through_[known.level] -= is_not_through(known) ? 1 : 0;
        stopped_targets_[known.level] -= known.state == engine::TargetState::Stopped ? 1 : 0;
        coming_back_[known.level] -= !known.passed_by && is_coming_back(known) ? 1 : 0;
        change(known);
        not_through_[known.level] += is_not_through(known) ? 1 : 0;
        stopped_targets_[known.level] += known.state == engine::TargetState::Stopped ? 1 : 0;
        known.passed_by |= !known.online && is_coming_back(known);
        coming_back_[known.level] += !known.passed_by && is_coming_back(known) ? 1 : 0;
    }
    static bool is_not_through(const Known& known) noexcept;
    static bool is_coming_back(const Known& known) noexcept;
    std::size_t place(const Known& known) const noexcept {
        return static_cast<std::size_t>(&known - known_.data());
    }
    std::string label(const Known& known, const std::string& label) const;
    const engine::PackagedCommand* packaged(const Known& known, const std::string& command) const;
    void break_law(std::string_view law, const std::string& how);

    Simulation& simulation_;
    engine::RunKind kind_;
    std::vector<Known> known_;
    std::map<base::ComponentName, std::size_t> components_; ///< → group of radius_
    std::vector<Lane> lanes_;                               ///< by component's group
    BlastRadius radius_;
    std::size_t not_answered_ = 0;
    std::size_t ready_ = 0;
    bool said_no_ = false; ///< some target refused to prepare
    std::vector<std::size_t> not_through_;
    std::vector<std::size_t> stopped_targets_;
    std::vector<std::size_t> coming_back_;                     ///< and are waited for
    std::map<base::NodeName, std::vector<std::size_t>> nodes_; ///< → their targets
    std::vector<std::size_t> standing_by_;
    std::map<std::string, Measurements> measured_;       ///< by the metric's name
    std::map<std::int64_t, std::string> sources_;        ///< measurement by the dispatcher → its source
    std::int64_t act_ = 0;                               ///< the script's command that is the current act
    std::map<std::string, std::size_t> zones_under_way_; ///< of an update that goes by zones
    std::map<std::int64_t, Open> open_;
    std::map<std::int64_t, std::int64_t> deadlines_;    ///< timer → order
    std::vector<std::optional<std::int64_t>> order_of_; ///< the open one of each target
    std::unordered_set<std::int64_t> ids_;
    Allowance allowed_;       ///< of the script's last act
    Bound last_update_bound_; ///< those that come late go by it
    Bound quorum_{true, 100};
    std::optional<Approval> approval_;
    std::set<std::string> once_done_; ///< "component command" of the current act
    std::string irreversible_;        ///< a command that was, and succeeded
    std::size_t undecided_ = 0;       ///< targets whose probe could not judge
    std::int64_t deferred_ = 0;
    bool counted_ = false;
    bool known_good_ = false; ///< nodes were told that the release is
    bool stopped_ = false;
    bool cleaning_ = false;
    bool paused_ = false;
    bool script_failed_ = false; ///< and no other text has taken over
    bool cancelled_ = false;
    bool decided_ = false; ///< a person said retry or skip
    bool script_over_ = false;
    bool begun_ = false;
    bool ended_ = false;
    std::size_t lowest_back_ = 1'000'000;
    std::int64_t look_again_ = 0;
};

} // namespace workflows::simulator
