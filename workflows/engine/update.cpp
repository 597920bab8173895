// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// One level: batches by the ramp, inside a batch a window that max_unavailable bounds, then soak, then the
// gate. A batch is a barrier.
#include "base/error.hpp"
#include "workflows/engine/run_state.hpp"

#include <algorithm>

namespace workflows::engine {
namespace {

struct Share {
    base::ComponentName component;
    std::vector<std::size_t> pending; ///< in the order of the targets
    std::size_t total = 0;            ///< all that change, those of earlier batches included
    std::size_t taken = 0;            ///< of the total, in earlier batches
};

// The ramp counts, component by component, the targets that change; who has nothing to do is no canary.
std::vector<Share> shares_of(const std::vector<Progress>& targets, std::size_t level) {
    std::vector<Share> shares;
    for (std::size_t i = 0; i < targets.size(); ++i) {
        const Progress& target = targets[i];
        const bool pending = target.state == TargetState::Ready && target.changed;
        if (target.level != level || (!pending && !target.batched)) {
            continue;
        }
        const base::ComponentName& component = target.desired->target.component;
        auto share = std::find_if(shares.begin(), shares.end(),
                                  [&](const Share& one) { return one.component == component; });
        if (share == shares.end()) {
            share = shares.insert(shares.end(), Share{component, {}, 0, 0});
        }
        ++share->total;
        if (pending) {
            share->pending.push_back(i);
        } else {
            ++share->taken;
        }
    }
    return shares;
}

bool in_service_again(TargetState state) {
    return state == TargetState::Soaking || is_terminal_word(state);
}

} // namespace

void Run::State::begin_update(UpdateOptions options) {
    const std::size_t level = options.level;
    for (const base::ComponentName& component : input.levels[level]) {
        availability[component].max_unavailable = options.max_unavailable;
    }
    for (Progress& target : targets) {
        if (target.level == level && target.state == TargetState::Ready && !target.changed) {
            set_state(target, TargetState::Unchanged, "nothing to do");
        }
    }
    for (const auto& [kind, duration] : options.deadlines) {
        deadlines[kind] = duration;
    }
    std::vector<Share> shares = shares_of(targets, level);
    update = Update{std::move(options), {}, 0, Update::Stage::Rolling, 0, {}};
    for (const Portion& entry : update->options.ramp) {
        BatchView batch{static_cast<int>(level), "", {}};
        std::vector<std::size_t> members;
        for (Share& share : shares) {
            const std::size_t wanted = entry.rounded_up(share.total);
            if (wanted <= share.taken) {
                continue;
            }
            if (!batch.arithmetic.empty()) {
                batch.arithmetic += "; ";
            }
            batch.arithmetic += (input.levels[level].size() > 1 ? share.component.str() + ": " : "") +
                                entry.explain_up(share.total);
            for (; share.taken < wanted; ++share.taken) {
                members.push_back(share.pending.front());
                share.pending.erase(share.pending.begin());
                batch.targets.push_back(name(targets[members.back()]));
                targets[members.back()].batched = true;
            }
        }
        if (!members.empty()) {
            update->batches.push_back(batches.size());
            batches.push_back(std::move(batch));
            batch_members.push_back(std::move(members));
        }
    }
    phase = Phase::Updating;
    note("update started", {{"level", static_cast<std::int64_t>(level)},
                            {"batches", static_cast<std::int64_t>(update->batches.size())},
                            {"max_failures", update->options.max_failures},
                            {"max_unavailable", update->options.max_unavailable.to_value()},
                            {"soak", base::to_text(update->options.soak)}});
    if (!update->batches.empty()) {
        begin_batch();
    }
}

// Rollbacks have no script: highest level first, each level one batch, whatever fails is left behind.
void Run::State::begin_next_rollback_level() {
    if (back_level == 0) {
        end_of_rollback();
        return;
    }
    UpdateOptions options;
    options.level = --back_level;
    options.max_failures = static_cast<std::int64_t>(targets.size());
    begin_update(std::move(options));
}

void Run::State::begin_batch() {
    const std::size_t id = update->batches[update->at];
    update->stage = Update::Stage::Rolling;
    update->queues.clear();
    for (const std::size_t member : batch_members[id]) {
        update->queues[name(targets[member]).component].push_back(member);
    }
    note("batch started", {{"level", batches[id].level},
                           {"batch", static_cast<std::int64_t>(update->at + 1)},
                           {"of", static_cast<std::int64_t>(update->batches.size())},
                           {"targets", static_cast<std::int64_t>(batch_members[id].size())},
                           {"arithmetic", batches[id].arithmetic}});
}

bool Run::State::batch_settled() const {
    const std::vector<std::size_t>& members = batch_members[update->batches[update->at]];
    return std::all_of(members.begin(), members.end(),
                       [&](std::size_t member) { return in_service_again(targets[member].state); });
}

// The next ones start when earlier ones are back in service: a sliding window inside the batch.
void Run::State::fill_window() {
    for (auto& [component, queue] : update->queues) {
        const Availability& counts = availability[component];
        while (!queue.empty() && !stopped) {
            Progress& next = targets[queue.front()];
            if (next.installed && counts.out >= counts.limit()) {
                break;
            }
            queue.pop_front();
            start(next);
        }
    }
}

// Nothing is under way, somebody is left, and there is no room: failed targets hold it, and only a person can
// give it back.
void Run::State::resolve_full_window() {
    for (auto& [component, queue] : update->queues) {
        if (queue.empty()) {
            continue;
        }
        const Availability& counts = availability[component];
        std::string reason =
            fmt::format("max_unavailable of component '{}' is used up by targets that failed ({})", component,
                        counts.max_unavailable.explain_limit(counts.installed));
        if (!is_rollback()) {
            stop(update->options.on_failure == UpdateOptions::OnFailure::RollbackAll ? Stop::How::RollbackAll
                 : update->options.on_failure == UpdateOptions::OnFailure::RollbackBatch
                     ? Stop::How::RollbackBatch
                     : Stop::How::Finish,
                 update->options.on_failure == UpdateOptions::OnFailure::RollbackAll ? Outcome::RolledBack
                                                                                     : Outcome::Stopped,
                 std::move(reason));
            return;
        }
        for (; !queue.empty(); queue.pop_front()) {
            set_state(targets[queue.front()], TargetState::NotStarted, reason);
        }
    }
}

void Run::State::begin_gate() {
    update->stage = Update::Stage::Gating;
    for (const std::size_t member : batch_members[update->batches[update->at]]) {
        if (targets[member].state == TargetState::Soaking) {
            send(targets[member], OrderKind::Probe);
        }
    }
}

void Run::State::advance_update() {
    while (phase == Phase::Updating && update->at < update->batches.size()) {
        const std::vector<std::size_t>& members = batch_members[update->batches[update->at]];
        const auto any = [&](auto&& condition) {
            return std::any_of(members.begin(), members.end(),
                               [&](std::size_t member) { return condition(targets[member]); });
        };
        const auto soaking = [](const Progress& target) {
            return target.state == TargetState::Soaking;
        };
        if (update->stage == Update::Stage::Soaking) {
            return; // its timer goes on
        }
        if (update->stage == Update::Stage::Rolling) {
            if (!paused) {
                fill_window();
            }
            if (!batch_settled()) {
                const bool busy =
                    any([](const Progress& target) { return target.order || target.inconclusive; });
                if (busy || paused) {
                    return;
                }
                resolve_full_window();
                continue;
            }
            if (any(soaking) && update->options.soak > base::Duration::zero()) {
                update->stage = Update::Stage::Soaking;
                set_timer(OpenTimer::Kind::Soak, now + update->options.soak,
                          fmt::format("batch {} of level {} soaks {}", update->at + 1, update->options.level,
                                      base::to_text(update->options.soak)));
                return;
            }
            begin_gate();
        }
        if (any(soaking)) {
            return; // the gate's probes are out
        }
        note("gate passed", {{"level", static_cast<std::int64_t>(update->options.level)},
                             {"batch", static_cast<std::int64_t>(update->at + 1)}});
        if (++update->at < update->batches.size()) {
            begin_batch();
        }
    }
    if (phase != Phase::Updating) {
        return;
    }
    if (is_rollback()) {
        begin_next_rollback_level();
        advance_update(); // as deep as there are levels
        return;
    }
    std::int64_t failures = update->failures;
    answer(base::Object{{"level", static_cast<std::int64_t>(update->options.level)}, {"failures", failures}});
}

} // namespace workflows::engine
