// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// The targets of a level, batch after batch: window, soak, gate. Update, restart, stop and start go the same
// way; what is done to one target stands in steps.cpp.
#include "base/error.hpp"
#include "workflows/engine/run_state.hpp"
#include "workflows/engine/transitions.hpp"

#include <algorithm>

namespace workflows::engine {
namespace {

// Where a target no longer holds up its batch.
bool is_settled(TargetState state) {
    return state == TargetState::Soaking || state == TargetState::Stopped || state == TargetState::Standby ||
           is_terminal_word(state);
}

bool may_be_acted_on(TargetState state) {
    return state == TargetState::NotStarted || state == TargetState::Ready || state == TargetState::Updated ||
           state == TargetState::Unchanged;
}

} // namespace

std::vector<Candidate> Run::State::candidates(const ActOptions& options) {
    std::vector<Candidate> list;
    for (Progress& target : targets) {
        if (target.level != options.level || !options.where.matches(*target.desired)) {
            continue;
        }
        bool pending = false;
        bool taken = false;
        switch (options.action) {
        case Action::Update:
            pending = (target.state == TargetState::Ready || target.state == TargetState::Standby ||
                       (target.state == TargetState::Stopped && !target.applied)) &&
                      target.changed;
            taken = target.batched && !pending;
            break;
        case Action::Restart:
        case Action::Stop:
            pending = target.installed && may_be_acted_on(target.state);
            break;
        case Action::Start:
            pending = target.state == TargetState::Stopped ||
                      (is_operation() && target.state == TargetState::NotStarted);
            break;
        }
        if (pending || taken) {
            list.push_back({place(target), taken, capacity.ill(place(target))});
        }
    }
    return list;
}

// Law 3: producers first, also when everything stands still and is started again.
void Run::State::check_order_of_levels(const ActOptions& options) const {
    for (const Progress& target : targets) {
        if (target.level >= options.level) {
            continue;
        }
        const bool waits = target.state == TargetState::Ready || target.state == TargetState::Standby ||
                           (target.state == TargetState::Stopped && target.changed && !target.applied);
        if (options.action == Action::Update && !TIERCEL_GUARD("tier-barrier", !waits)) {
            throw base::Error(base::Fault::Conflict,
                              "ctx:update: level {} cannot start before level {} is through: '{}' "
                              "has not been updated",
                              options.level, target.level, name(target).str());
        }
        if (options.action == Action::Start &&
            !TIERCEL_GUARD("start-barrier", target.state != TargetState::Stopped)) {
            throw base::Error(base::Fault::Conflict,
                              "ctx:start: level {} cannot start before level {} is through: '{}' is stopped",
                              options.level, target.level, name(target).str());
        }
    }
}

void Run::State::begin_act(ActOptions options) {
    const bool update = options.action == Action::Update;
    if (update && !prepared) {
        throw base::Error(base::Fault::Input,
                          "ctx:update: nothing is prepared yet; call ctx:preflight() first");
    }
    if (!is_rollback()) {
        check_order_of_levels(options);
    }
    check_analysis(options);
    count_installed();
    const std::size_t level = options.level;
    for (const base::ComponentName& component : input.levels[level]) {
        capacity.limit(component, options.max_unavailable);
    }
    for (Progress& target : targets) {
        if (!update || target.level != level || target.state != TargetState::Ready || target.changed) {
            continue;
        }
        if (capacity.ill(place(target))) {
            target.changed = target.looked_at = true;
        } else {
            set_state(target, TargetState::Unchanged, "nothing to do");
        }
    }
    for (const auto& [kind, duration] : options.deadlines) {
        deadlines[kind] = duration;
    }
    std::vector<CutBatch> cut_batches = cut(input.targets, candidates(options), options.cut);
    check_hold(options, cut_batches);
    act.emplace();
    act->options = std::move(options);
    act->batches = std::move(cut_batches);
    if (update) {
        last_update = act->options;
    } else {
        acts.push_back(
            {std::string(word(act->options.action)), fmt::format("level {}", level), batches.size()});
    }
    for (Progress& target : targets) {
        target.in_act = false;
    }
    for (std::size_t at = 0; at < act->batches.size(); ++at) {
        const CutBatch& batch = act->batches[at];
        BatchView view{static_cast<int>(level), batch.arithmetic, {}, batch.zone};
        for (const std::size_t member : batch.members) {
            targets[member].batched |= update;
            targets[member].in_act = true;
            view.targets.push_back(name(targets[member]));
            act->options.failures.concerns(*targets[member].desired, at);
        }
        if (update) {
            act->views.push_back(batches.size());
            batches.push_back(std::move(view));
        }
    }
    if (!act->options.standby.empty() && !act->batches.empty()) {
        acts.push_back(
            {"standby",
             fmt::format("{} of level {}, once the batch before serves", act->options.standby.str(), level),
             batches.size()});
    }
    phase = Phase::Acting;
    note(fmt::format("{} started", word(act->options.action)),
         {{"level", static_cast<std::int64_t>(level)},
          {"batches", static_cast<std::int64_t>(act->batches.size())},
          {"max_failures", act->options.failures.to_value()},
          {"max_unavailable", act->options.max_unavailable.to_value()},
          {"soak", base::to_text(act->options.soak.front())}});
    if (!act->batches.empty()) {
        begin_batch();
    }
}

// Those that are held are out of service together: what cannot be is refused before anybody is touched.
void Run::State::check_hold(const ActOptions& options, const std::vector<CutBatch>& cut_batches) const {
    if (!options.standby.empty() && cut_batches.size() > 1) {
        throw base::Error(
            base::Fault::Input,
            "ctx:update: 'standby' makes way for one batch, but 'ramp' or 'zone' cuts {}; say with "
            "'where' who takes over",
            cut_batches.size());
    }
    if (!options.hold || capacity.lifted()) {
        return;
    }
    for (const CutBatch& batch : cut_batches) {
        std::map<base::ComponentName, std::size_t> together;
        for (const std::size_t member : batch.members) {
            together[name(targets[member]).component] += targets[member].installed ? 1 : 0;
        }
        refuse_crowd(options, together, "held out of service together", "raise it, or give a ramp");
    }
    std::map<base::ComponentName, std::size_t> waiting;
    for (const CutBatch& batch : cut_batches) {
        for (const std::size_t member : batch.members) {
            waiting.emplace(name(targets[member]).component, 0);
        }
    }
    for (const Progress& target : targets) {
        const auto component = waiting.find(name(target).component);
        if (component != waiting.end() && is_to_stand_by(target, options)) {
            ++component->second;
        }
    }
    refuse_crowd(options, waiting, "on standby together", "raise it");
}

void Run::State::refuse_crowd(const ActOptions& options,
                              const std::map<base::ComponentName, std::size_t>& crowd, std::string_view how,
                              std::string_view advice) const {
    for (const auto& [component, count] : crowd) {
        const std::size_t installed = capacity.installed(component);
        if (count > options.max_unavailable.limit(installed)) {
            // How many there are is known when their nodes have answered.
            throw base::Error(
                base::Fault::Conflict,
                "ctx:update: {} targets of component '{}' would be {}, but max_unavailable allows "
                "only {} ({}); {}",
                count, component, how, options.max_unavailable.limit(installed),
                options.max_unavailable.explain_limit(installed), advice);
        }
    }
}

void Run::State::hold(Progress& target) {
    target.held = true;
    ++act->held;
    if (target.state == TargetState::Probing) {
        set_state(target, TargetState::Proving);
    }
}

// All of the batch are well: they serve again together.
void Run::State::release_held() {
    for (Progress& target : targets) {
        if (std::exchange(target.held, false)) {
            --act->held;
            come_back(target);
        }
    }
}

void Run::State::begin_next_rollback_level() {
    if (back_level == 0) {
        end_of_rollback();
        return;
    }
    ActOptions options;
    options.level = --back_level;
    options.failures = FailureBudget::unlimited();
    begin_act(std::move(options));
}

void Run::State::begin_batch() {
    const CutBatch& batch = act->batches[act->at];
    act->stage = Act::Stage::Rolling;
    act->lanes.clear();
    act->watches.clear();
    act->due.clear();
    act->soaked = act->judged_bad = false;
    act->unsettled = batch.members.size();
    for (const std::size_t member : batch.members) {
        Progress& target = targets[member];
        target.batch = act->at;
        Act::Lane& lane = act->lanes[name(target).component];
        lane.queue.push_back(member);
        ++lane.total;
    }
    for (auto& [component, lane] : act->lanes) {
        std::stable_partition(lane.queue.begin(), lane.queue.end(),
                              [&](std::size_t member) { return capacity.ill(member); });
    }
    base::Object fields{{"level", static_cast<std::int64_t>(act->options.level)},
                        {"batch", static_cast<std::int64_t>(act->at + 1)},
                        {"of", static_cast<std::int64_t>(act->batches.size())},
                        {"targets", static_cast<std::int64_t>(batch.members.size())},
                        {"arithmetic", batch.arithmetic}};
    if (!batch.zone.empty()) {
        fields.set("zone", batch.zone);
    }
    note("batch started", std::move(fields));
}

Capacity::Room Run::State::room_for(const Progress& target, const Act::Lane& lane) const {
    const Cut& how = act->options.cut;
    const bool turn = TIERCEL_GUARD("migration-first", !lane.migrating || lane.migrating == place(target));
    const bool window =
        !how.sliding ||
        TIERCEL_GUARD("sliding-window", lane.in_flight < window_width(how.ramp, lane.total, lane.passed));
    if (!turn || !window) {
        return Capacity::Room::No;
    }
    return target.installed ? capacity.room(place(target)) : Capacity::Room::Yes;
}

void Run::State::fill_window() {
    for (auto& [component, lane] : act->lanes) {
        for (auto at = lane.queue.begin(); at != lane.queue.end() && !stopped;) {
            Progress& next = targets[*at];
            const Capacity::Room room = room_for(next, lane);
            if (room == Capacity::Room::No) {
                break;
            }
            if (room == Capacity::Room::NotInDomain) {
                ++at;
                continue;
            }
            at = lane.queue.erase(at);
            if (act->options.action == Action::Update && input.migrate.contains(component) &&
                !migrated.contains(component) && !is_rollback() && !next.looked_at) {
                lane.migrating = place(next);
                next.migrates = true;
            }
            ++lane.in_flight;
            next.under_way = next.in_window = true;
            start(next);
        }
    }
}

// Keeps the act's tallies when a target changes its state.
void Run::State::follow_act(Progress& target) {
    if (!act) {
        return;
    }
    if (target.under_way && is_settled(target.state)) {
        target.under_way = false;
        --act->unsettled;
    }
    if (target.in_window && is_settled(target.state) && target.state != TargetState::Soaking) {
        target.in_window = false;
        if (const auto lane = act->lanes.find(name(target).component); lane != act->lanes.end()) {
            --lane->second.in_flight;
            lane->second.passed += target.state == TargetState::Updated ? 1 : 0;
        }
    }
}

// Nothing is under way, somebody is left, and there is no room: failed targets hold it, and only a person can
// give it back.
void Run::State::resolve_full_window() {
    for (auto& [component, lane] : act->lanes) {
        if (lane.queue.empty()) {
            continue;
        }
        const bool before_migration = lane.migrating && lane.migrating != lane.queue.front();
        const std::string reason = before_migration ? migration_sentence(targets[*lane.migrating])
                                                    : capacity.explain(lane.queue.front());
        if (!is_rollback() && !catching_up) {
            give_up_act(reason);
            return;
        }
        for (; !lane.queue.empty(); lane.queue.pop_front()) {
            Progress& target = targets[lane.queue.front()];
            --act->unsettled;
            set_state(target, TargetState::NotStarted, fmt::format("{}{}", target.circumstance(), reason));
        }
    }
}

// More went wrong than may.
void Run::State::give_up_act(const std::string& reason) {
    if (act->options.on_failure != OnFailure::Ask) {
        stop_as(act->options.on_failure, reason);
        return;
    }
    act->asking = reason;
    note("a person is asked", {{"reason", reason}});
}

void Run::State::failed_in_act(Progress& target) {
    FailureBudget& budget = act->options.failures;
    budget.failed(*target.desired, target.batch);
    const std::optional<std::string> exceeded = budget.exceeded(*target.desired, target.batch);
    if (exceeded && !stopped) {
        give_up_act(fmt::format("{}: {}: {}", *exceeded, name(target).str(), target.reason));
    }
}

void Run::State::begin_gate() {
    act->stage = Act::Stage::Gating;
    for (const std::size_t member : act->batches[act->at].members) {
        if (targets[member].state == TargetState::Soaking && !targets[member].order) {
            send(targets[member], OrderKind::Probe);
        }
    }
}

// True when the next batch has begun, or none is left.
bool Run::State::advance_batch() {
    const CutBatch& batch = act->batches[act->at];
    if (act->stage == Act::Stage::Soaking) {
        if (!act->soaked || !judged() || act->asking) {
            return false;
        }
        begin_gate();
    }
    if (act->stage == Act::Stage::Rolling) {
        if (TIERCEL_GUARD("asking-holds", !act->asking)) {
            if (!holds()) {
                fill_window();
            }
            if (!paused && act->held > 0 && act->held == act->unsettled) {
                note("batch is well", {{"level", static_cast<std::int64_t>(act->options.level)},
                                       {"batch", static_cast<std::int64_t>(act->at + 1)},
                                       {"held", static_cast<std::int64_t>(act->held)}});
                release_held();
            }
            if (!holds() && !act->taken_over && !act->options.standby.empty() &&
                TIERCEL_GUARD("takes-over-as-a-whole", act->unsettled == 0)) {
                take_over();
            }
        }
        const bool flowing = act->options.cut.sliding && soaking > 0;
        if (act->asking || !TIERCEL_GUARD("batch-barrier", act->unsettled == 0) || flowing) {
            const bool waits =
                busy > 0 || undecided > 0 || proving > act->held || flowing || holds() || act->asking;
            if (!waits) {
                resolve_full_window();
            }
            return false;
        }
        const bool takes_over = soaking > 0 || !act->leaving.empty();
        if (takes_over && !act->taken_over && !act->options.standby.empty()) {
            return false; // it holds before it takes over
        }
        if (soaking > 0) {
            const bool zone_ends = batch.last_of_zone && act->at + 1 < act->batches.size();
            const base::Duration soak = std::max(act->options.soak_of(batch.entry),
                                                 zone_ends ? act->options.zone_soak : base::Duration{});
            act->soaked = TIERCEL_GUARD("soak", soak == base::Duration::zero());
            if (!act->soaked || !act->options.analysis.empty()) {
                act->stage = Act::Stage::Soaking;
                begin_judging();
                if (!act->soaked) {
                    set_timer(OpenTimer::Kind::Soak, now + soak,
                              fmt::format("batch {} of level {} soaks {}", act->at + 1, act->options.level,
                                          base::to_text(soak)));
                }
                if (!act->soaked || !judged()) {
                    return false;
                }
            }
            begin_gate();
        }
    }
    if (!TIERCEL_GUARD("gate", soaking == 0) || act->asking) {
        return false; // the gate's probes are out, or a person has to decide about one
    }
    if (act->options.action == Action::Update) {
        note("gate passed", {{"level", static_cast<std::int64_t>(act->options.level)},
                             {"batch", static_cast<std::int64_t>(act->at + 1)}});
    }
    if (++act->at < act->batches.size()) {
        begin_batch();
    }
    return true;
}

void Run::State::advance_act() {
    while (phase == Phase::Acting && act->at < act->batches.size()) {
        const std::size_t unsettled = act->unsettled;
        if (!advance_batch() && act->unsettled == unsettled) {
            return;
        }
    }
    if (phase != Phase::Acting) {
        return;
    }
    if (catching_up) {
        phase = Phase::CatchingUp;
    } else if (is_rollback()) {
        begin_next_rollback_level();
        advance_act(); // as deep as there are levels
    } else {
        finish_act();
    }
}

void Run::State::finish_act() {
    std::int64_t updated = 0;
    std::int64_t unchanged = 0;
    std::int64_t left_out = 0;
    std::int64_t done = 0;
    for (const Progress& target : targets) {
        if (target.level != act->options.level) {
            continue;
        }
        updated += target.state == TargetState::Updated ? 1 : 0;
        unchanged += target.state == TargetState::Unchanged ? 1 : 0;
        left_out += target.state != TargetState::Updated && target.state != TargetState::Unchanged &&
                            target.state != TargetState::Stopped
                        ? 1
                        : 0;
    }
    for (const CutBatch& batch : act->batches) {
        done += static_cast<std::int64_t>(batch.members.size());
    }
    const std::int64_t failures = act->options.failures.failures();
    base::Object answered{{"level", static_cast<std::int64_t>(act->options.level)}, {"failures", failures}};
    if (act->options.action == Action::Update) {
        answered.set("updated", updated);
        answered.set("unchanged", unchanged);
    } else {
        answered.set("done", done - failures);
    }
    answered.set("left_out", left_out);
    answer(std::move(answered));
}

} // namespace workflows::engine
