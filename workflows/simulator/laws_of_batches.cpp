// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// One batch after the other: how large, how long, how well.
#include "workflows/simulator/laws.hpp"

#include <algorithm>

namespace workflows::simulator {

using namespace engine;

namespace {

// Through, or standing still with what it has until the workflow goes on.
bool is_through(TargetState state) {
    return is_terminal_word(state) || state == TargetState::Stopped || state == TargetState::Standby;
}

} // namespace

void Laws::see_note(const Note& note) {
    stopped_ |= note.message == "stop condition";
    if (allowed_.kind != "update") {
        return;
    }
    if (note.message == "nobody is left to compare with" || note.message == "nobody has what is measured") {
        const base::Value* name = note.fields.find("name");
        std::erase_if(measured_, [&](const auto& one) { return one.first == *name->text(); });
    }
    if (note.message == "serves beside the batch" && note.target) {
        known_[simulation_.place(*note.target)].excused_from_standby = true;
    }
    if (note.message == "measured") {
        if (const auto found = measured_.find(*note.fields.find("name")->text()); found != measured_.end()) {
            Measurements& metric = found->second;
            ++metric.taken;
            // Of some that are bad the engine takes the one in the middle.
            metric.bad |= metric.most && !metric.values.empty() &&
                          std::all_of(metric.values.begin(), metric.values.end(),
                                      [&](double value) { return value > *metric.most; });
            metric.values.clear();
        }
    }
    if (note.message == "batch started") {
        const base::Value* of = note.fields.find("of");
        const base::Value* batch = note.fields.find("batch");
        const std::vector<BatchView>& batches = simulation_.run().batches();
        see_batch(batches.at(batches.size() - static_cast<std::size_t>(*of->whole() - *batch->whole()) - 1));
    }
}

void Laws::see_batch(const BatchView& batch) {
    see_batch_end("the next batch was started");
    for (Lane& lane : lanes_) {
        lane.cut += lane.in_batch;
        lane.in_batch = lane.passed = 0;
    }
    for (Known& known : known_) {
        known.in_batch = false;
    }
    for (const Target& target : batch.targets) {
        known_[simulation_.place(target)].in_batch = true;
        ++lanes_[components_.at(target.component)].in_batch;
    }
    measured_.clear();
    for (const Allowance::Metric& metric : allowed_.analysis) {
        measured_.emplace(metric.name, Measurements{metric.count, metric.most, 0, {}, false});
    }
    if (allowed_.sliding || allowed_.ramp.empty()) {
        return;
    }
    for (const auto& [component, group] : components_) {
        Lane& lane = lanes_[group];
        if (lane.in_batch == 0) {
            continue;
        }
        // Those of earlier batches and updates count, too: the first entry that reaches beyond them is the
        // batch's own. Only the engine knows of how many the entries are, after those that stay away.
        std::size_t may = 0;
        for (std::size_t all = lane.in_batch; all <= lane.targets; ++all) {
            const auto own =
                std::find_if(allowed_.ramp.begin(), allowed_.ramp.end(),
                             [&](const Bound& entry) { return entry.rounded_up(all) > lane.cut; });
            may = std::max(may, own == allowed_.ramp.end() ? all : own->rounded_up(all));
        }
        if (lane.in_batch > may) {
            break_law("ramp", fmt::format("a batch has {} targets of {}, and {} may be", lane.in_batch,
                                          component, may));
        }
    }
}

// Where the batch serves nobody serves beside it, or it is said why.
void Laws::see_taken_over() {
    if (allowed_.standby_label.empty() || decided_ || script_over_) {
        return;
    }
    std::set<std::size_t> served;
    for (const Known& known : known_) {
        if (known.in_batch && known.state == TargetState::Updated) {
            served.insert(known.component);
        }
    }
    for (const Known& known : known_) {
        if (served.contains(known.component) && makes_way(known) && known.state == TargetState::Ready &&
            known.changed && known.installed && !known.excused_from_standby) {
            break_law("standby", fmt::format("{} serves beside the batch that has taken over",
                                             simulation_.run().input().targets[place(known)].target.str()));
            return;
        }
    }
}

// A batch is through when all of it are, and what was to be measured has been, and was not bad.
void Laws::see_batch_end(std::string_view then) {
    see_taken_over();
    for (const Known& known : known_) {
        if (known.in_batch && !is_through(known.state)) {
            break_law("batch", fmt::format("{}, and {} is {}", then,
                                           simulation_.run().input().targets[place(known)].target.str(),
                                           word(known.state)));
            break;
        }
    }
    const bool anybody = std::any_of(known_.begin(), known_.end(), [](const Known& known) {
        return known.in_batch && known.soaked_in_batch;
    });
    for (const auto& [name, measured] : measured_) {
        if (!anybody || decided_ || script_over_) {
            continue; // nobody to measure, or it is good by a person's word; who comes late is not measured
        }
        if (measured.taken < measured.needed) {
            break_law("analysis", fmt::format("{}, and '{}' was measured {} times, not {}", then, name,
                                              measured.taken, measured.needed));
        }
        if (measured.bad) {
            break_law("analysis", fmt::format("{}, and '{}' was bad", then, name));
        }
    }
    for (Known& known : known_) {
        known.in_batch = known.soaked_in_batch = known.excused_from_standby = false;
    }
    measured_.clear();
}

// Into the soak and out of it.
void Laws::see_soak(Known& known, TargetState next) {
    if (allowed_.kind != "update" || stopped_ || kind_ == RunKind::Rollback) {
        return;
    }
    const base::Time now = simulation_.now();
    const std::string who = simulation_.run().input().targets[place(known)].target.str();
    const bool was_probed = known.state == TargetState::Probing || known.state == TargetState::Proving;
    const bool serves = next == TargetState::Undraining || next == TargetState::Soaking;
    if (was_probed && serves && known.well_since && now < *known.well_since + allowed_.settle) {
        break_law("settle",
                  fmt::format("{} serves {} after it was well, and not {}", who,
                              base::to_text(now - *known.well_since), base::to_text(allowed_.settle)));
    }
    if (next == TargetState::Soaking) {
        known.soaks_since = now;
        known.soaked_in_batch = true;
    } else if (known.state == TargetState::Soaking && next == TargetState::Updated &&
               now < known.soaks_since + allowed_.soak) {
        break_law("soak", fmt::format("{} soaked {}, and not {}", who, base::to_text(now - known.soaks_since),
                                      base::to_text(allowed_.soak)));
    }
}

// One node's number, of the measurement under way.
void Laws::see_value(const std::string& name, double value) {
    if (const auto found = measured_.find(name); found != measured_.end()) {
        found->second.values.push_back(value);
    }
}

void Laws::see_value(const Measured& measured) {
    const std::string source = sources_[measured.measurement];
    sources_.erase(measured.measurement);
    for (const Allowance::Metric& metric : allowed_.analysis) {
        if (metric.source == source && measured.ok && measured.updated) {
            see_value(metric.name, *measured.updated);
        }
    }
}

} // namespace workflows::simulator
