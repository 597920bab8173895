// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// What comes in, and what is known because of it.
#include "workflows/simulator/laws.hpp"

#include "base/error.hpp"

#include <algorithm>

namespace workflows::simulator {

using namespace engine;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t most_broken = 100;
/// A dispatcher that was away fires its timers late.
constexpr base::Duration longest_absence = 30s;

bool is_settled(TargetState state) {
    return is_terminal_word(state) || state == TargetState::Soaking || state == TargetState::Stopped ||
           state == TargetState::Standby || state == TargetState::Ready;
}

} // namespace

Laws::Laws(Simulation& simulation) : simulation_(simulation), kind_(simulation.run().input().kind) {
    const RunInput& input = simulation.run().input();
    std::map<base::ComponentName, std::size_t> levels;
    for (std::size_t level = 0; level < input.levels.size(); ++level) {
        for (const base::ComponentName& component : input.levels[level]) {
            levels.emplace(component, level);
            components_.emplace(component, radius_.add(component.str(), Bound{}, true));
        }
    }
    for (const DoneOnce& done : input.done_once) {
        irreversible_ = done.irreversible && irreversible_.empty() ? done.command : irreversible_;
    }
    lanes_.resize(components_.size());
    known_.resize(input.targets.size());
    order_of_.resize(input.targets.size());
    not_answered_ = input.targets.size();
    not_through_.resize(input.levels.size());
    stopped_targets_.resize(input.levels.size());
    coming_back_.resize(input.levels.size());
    standing_by_.resize(input.levels.size());
    for (const DoneOnce& done : input.done_once) {
        const auto migration = input.migrate.find(done.target.component);
        const auto component = components_.find(done.target.component);
        if (migration != input.migrate.end() && migration->second == done.command && !done.again &&
            component != components_.end()) {
            lanes_[component->second].migrated = true;
        }
    }
    std::map<std::pair<std::size_t, std::string>, std::size_t> domains;
    for (std::size_t at = 0; at < input.targets.size(); ++at) {
        const base::ComponentName& component = input.targets[at].target.component;
        Known& known = known_[at];
        nodes_[input.targets[at].target.node].push_back(at);
        known.level = levels.at(component);
        known.component = components_.at(component);
        ++lanes_[known.component].targets;
        for (std::size_t which = 0; which < input.budgets.size(); ++which) {
            const Budget& budget = input.budgets[which];
            if (budget.component != component) {
                continue;
            }
            const std::string value = budget.per.empty() ? "" : label(known, budget.per);
            const auto [domain, fresh] = domains.try_emplace({which, value}, 0);
            if (fresh) {
                domain->second =
                    radius_.add(fmt::format("{} {} {}", component, budget.per, value),
                                Bound::read(budget.max_unavailable.to_value()).value_or(Bound{}), true);
            }
            known.policies.push_back(domain->second);
        }
    }
    for (const Target& target : input.out) {
        known_[simulation.place(target)].ill = true;
    }
}

void Laws::break_law(std::string_view law, const std::string& how) {
    if (broken.size() < most_broken) {
        broken.push_back(fmt::format("{}: {}", law, how));
    }
}

std::string Laws::label(const Known& known, const std::string& name) const {
    const base::Value& document = simulation_.run().input().targets[place(known)].document;
    const base::Value* node = member(document, "node");
    const base::Value* labels = node == nullptr ? nullptr : member(*node, "labels");
    const base::Value* value = labels == nullptr ? nullptr : member(*labels, name);
    return value == nullptr || value->text() == nullptr ? "(none)" : *value->text();
}

const PackagedCommand* Laws::packaged(const Known& known, const std::string& command) const {
    const RunInput& input = simulation_.run().input();
    const auto found = input.commands.find(input.targets[place(known)].target.component);
    if (found == input.commands.end()) {
        return nullptr;
    }
    const auto one = std::find_if(found->second.begin(), found->second.end(),
                                  [&](const PackagedCommand& each) { return each.name == command; });
    return one == found->second.end() ? nullptr : &*one;
}

// Anything but a target that is through, or stands still with the new release until the workflow starts it.
bool Laws::is_not_through(const Known& known) noexcept {
    if (known.state == TargetState::Stopped) {
        return !known.applied && known.changed;
    }
    return !is_terminal_word(known.state);
}

bool Laws::is_coming_back(const Known& known) noexcept {
    return known.state == TargetState::UndoDraining || known.state == TargetState::Undoing ||
           known.state == TargetState::UndoProbing || known.state == TargetState::UndoUndraining;
}

void Laws::see(const Event& event, const std::vector<Effect>& effects) {
    if (const Reported* report = std::get_if<Reported>(&event)) {
        see_report(*report);
    } else if (std::holds_alternative<Started>(event)) {
        begun_ = true;
    } else if (const Signalled* signal = std::get_if<Signalled>(&event)) {
        see_signal(*signal);
    } else if (const TimerFired* fired = std::get_if<TimerFired>(&event)) {
        see_deadline(fired->timer);
    } else if (const NodeSeen* seen = std::get_if<NodeSeen>(&event)) {
        for (const std::size_t at : nodes_[seen->node]) {
            barriers(known_[at], [&](Known& one) { one.online = seen->online; });
        }
    } else if (const Measured* measured = std::get_if<Measured>(&event)) {
        see_value(*measured);
    } else if (const ScriptEnded* script = std::get_if<ScriptEnded>(&event)) {
        script_failed_ |= !script->ok && !script_over_ && !cleaning_;
        script_over_ = true;
        if (script->ok && !stopped_) { // those that came late follow, and nobody counts their failures
            allowed_.total = allowed_.each = allowed_.domain = std::nullopt;
            allowed_.analysis.clear();
            for (const auto& [component, group] : components_) {
                radius_.group(group).bound = last_update_bound_;
            }
        }
    } else if (std::holds_alternative<Continued>(event)) {
        script_over_ &= !script_failed_;
        script_failed_ = false;
    } else if (const ScriptCommand* command = std::get_if<ScriptCommand>(&event);
               command != nullptr && is_failure(*command)) {
        script_failed_ = true;
    } else if (command != nullptr) {
        const bool refused = std::any_of(effects.begin(), effects.end(), [](const Effect& effect) {
            const Answer* answer = std::get_if<Answer>(&effect);
            return answer != nullptr && !answer->ok;
        });
        if (!refused) {
            see_command(*command);
        }
    }
    for (std::size_t at = 0; at < effects.size(); ++at) {
        const Effect& effect = effects[at];
        if (ended_) {
            break_law("law 1", "something happens after the end");
        }
        if (const TargetChanged* change = std::get_if<TargetChanged>(&effect)) {
            see_change(*change);
        } else if (const Note* note = std::get_if<Note>(&effect)) {
            see_note(*note);
        } else if (const Answer* answer = std::get_if<Answer>(&effect)) {
            see_answer(*answer);
        } else if (const SendOrder* order = std::get_if<SendOrder>(&effect)) {
            // Its deadline is the timer that is set with it.
            const SetTimer* timer =
                at + 1 < effects.size() ? std::get_if<SetTimer>(&effects[at + 1]) : nullptr;
            see_order(*order, timer != nullptr && timer->at == order->deadline ? std::optional(timer->timer)
                                                                               : std::nullopt);
        } else if (const Measure* measure = std::get_if<Measure>(&effect)) {
            for (const char* kind : {"http", "prometheus"}) {
                if (const base::Value* source = member(measure->spec, kind)) {
                    sources_[measure->measurement] =
                        text(*source, "url") + " " + text(*source, "path") + text(*source, "query");
                }
            }
        } else if (std::holds_alternative<Ended>(effect)) {
            ended_ = true;
            if (deferred_ > 0 && !script_over_) {
                break_law("law 5", "the run has ended before what its script deferred was called");
            }
        }
    }
    look_at_waiting();
}

void Laws::look_at_waiting() {
    if (ended_ != simulation_.run().ended()) {
        break_law("law 1", "the run has ended and does not say so, or says so and has not");
    }
    // It looks at every open order: seldom in large fleets.
    if (!begun_ || ended_ || simulation_.events() < look_again_) {
        return;
    }
    look_again_ = simulation_.events() + static_cast<std::int64_t>(known_.size() / 16);
    const std::vector<Waiting> waiting = simulation_.run().waiting();
    if (waiting.empty()) {
        break_law("law 10", "the run waits for nothing");
    }
    if (script_failed_ && !stopped_ && !cleaning_ &&
        std::none_of(waiting.begin(), waiting.end(),
                     [](const Waiting& one) { return one.person && one.until; })) {
        break_law("law 10", "the script has failed, and no person is waited for until some time");
    }
    for (const Waiting& one : waiting) {
        if (one.until && *one.until + longest_absence * (simulation_.crashes() + 1) < simulation_.now()) {
            break_law("law 10", fmt::format("the run waits for '{}' until {}, which is over", one.what,
                                            base::to_rfc3339(*one.until)));
        }
    }
}

// ---- Who is there. ----

// Shares are of what is installed; without a preflight, of all that there is.
void Laws::count_members() {
    if (counted_) {
        return;
    }
    counted_ = true;
    for (Known& known : known_) {
        if (known.ready || kind_ == RunKind::Operation) {
            count(known);
        } else if (kind_ == RunKind::Deploy) {
            known.missing = known.ill || known.state == TargetState::Unreachable;
            count_missing(known, true);
        }
    }
}

void Laws::count(Known& known) {
    if (known.counted || !known.installed) {
        return;
    }
    if (known.missing) {
        count_missing(known, false);
        known.missing.reset();
    }
    ++radius_.group(known.component).members;
    for (const std::size_t group : known.policies) {
        ++radius_.group(group).members;
    }
    service(known, [](Known& one) { one.counted = true; });
}

void Laws::count_missing(const Known& known, bool counts) {
    for (const std::size_t group : known.policies) {
        counts ? ++radius_.group(group).members : --radius_.group(group).members;
    }
    if (*known.missing) {
        radius_.change(known.policies, counts);
    }
}

void Laws::see_change(const TargetChanged& change) {
    Known& known = known_[simulation_.place(change.target)];
    if (change.state != TargetState::Preparing && change.state != TargetState::NotStarted &&
        !known.answered) {
        known.answered = true;
        --not_answered_;
    }
    // Other targets' failures may decide; the inconclusive probe itself may not.
    if (known.waits_for_person && !stopped_ && change.state != TargetState::Probing) {
        break_law("law 15", change.target.str() + " was judged by a probe that could not run");
    }
    see_soak(known, change.state);
    stand_by(known, known.stands_by && !is_terminal_word(change.state));
    if (change.state == TargetState::Soaking || change.state == TargetState::Updated) {
        known.told_to_drain &= known.drained;
    }
    barriers(known, [&](Known& one) { one.state = change.state; });
    Lane& lane = lanes_[known.component];
    if (known.under_way && is_settled(change.state)) {
        lane.at_work -= known.at_work ? 1 : 0;
        known.under_way = known.at_work = false;
    }
    // What stands still with the new release is through until the workflow starts it.
    if (known.in_window && (is_terminal_word(change.state) || change.state == TargetState::Stopped)) {
        known.in_window = false;
        --lane.in_window;
        lane.passed += change.state == TargetState::Updated ? 1 : 0;
        if (!allowed_.zone.empty()) {
            --zones_under_way_[label(known, allowed_.zone)];
        }
    }
    const bool lost = change.state == TargetState::Lost || change.state == TargetState::Unreachable;
    if (const std::optional<std::int64_t> order = order_of_[place(known)]; lost && order) {
        see_unanswered(*order); // its node is away, and nobody waits for it
    }
    if (known.touched && lost) {
        service(known, [](Known& one) { one.proven = false; }); // nobody knows, so nobody may count on it
    }
    known.back |= is_coming_back(known);
}

} // namespace workflows::simulator
