// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// A batch that soaks is measured: on its targets and their peers by their nodes, or by the dispatcher.
#include "base/error.hpp"
#include "base/fields.hpp"
#include "workflows/engine/deadlines.hpp"
#include "workflows/engine/run_state.hpp"
#include "workflows/engine/transitions.hpp"

#include <algorithm>

namespace workflows::engine {
namespace {

// More say nothing new.
constexpr std::size_t most_measured = 10;

} // namespace

bool Run::State::can_be_measured(const Progress& target, const Metric& metric) const {
    return metric.source != Metric::Source::Command ||
           packaged_command(target, *metric.spec.object()->find("command")->text()) != nullptr;
}

// A command may be of some components only; of which is none, a measurement would wait for a person in vain.
void Run::State::check_analysis(const ActOptions& options) const {
    std::vector<std::string> names;
    for (const auto& [component, commands] : input.commands) {
        for (const PackagedCommand& command : commands) {
            names.push_back(command.name);
        }
    }
    for (const Metric& metric : options.analysis) {
        const base::Value* command = metric.spec.object()->find("command");
        if (command != nullptr && std::find(names.begin(), names.end(), *command->text()) == names.end()) {
            throw base::Error(base::Fault::Input,
                              "ctx:update: 'analysis': no component has a packaged command '{}'{}",
                              *command->text(), base::hint(*command->text(), names));
        }
    }
}

void Run::State::begin_judging() {
    act->watches.clear();
    act->due.clear();
    for (const Metric& metric : act->options.analysis) {
        const auto some = [&](bool (*are)(const Progress&)) {
            return std::any_of(targets.begin(), targets.end(), [&](const Progress& target) {
                return target.level == act->options.level && are(target) && can_be_measured(target, metric);
            });
        };
        if (!some([](const Progress& target) { return target.state == TargetState::Soaking; })) {
            note("nobody has what is measured", {{"name", metric.name}});
            continue;
        }
        if (metric.compare != Metric::Compare::No && !some([](const Progress& target) {
                return target.state == TargetState::Ready && target.changed;
            })) {
            note("nobody is left to compare with", {{"name", metric.name}});
            continue;
        }
        act->watches.emplace_back(metric, now);
    }
    for (std::size_t which = 0; which < act->watches.size(); ++which) {
        await_measurement(which);
    }
}

void Run::State::await_measurement(std::size_t which) {
    const Watch& watch = act->watches[which];
    if (const std::optional<base::Time> due = watch.due()) {
        set_timer(OpenTimer::Kind::MeasureDue, *due,
                  fmt::format("the next measurement of '{}'", watch.metric().name),
                  static_cast<std::int64_t>(which));
    }
}

void Run::State::measure(std::size_t which) {
    if (phase != Phase::Acting || act->stage != Act::Stage::Soaking || which >= act->watches.size()) {
        return;
    }
    const Metric& metric = act->watches[which].metric();
    const bool by_nodes = metric.source == Metric::Source::Command;
    if (by_nodes && !target_measurements.empty()) {
        act->due.push_back(which); // a node does one thing at a time
        return;
    }
    std::vector<std::size_t> updated;
    std::vector<std::size_t> peers;
    for (const Progress& target : targets) {
        if (target.level != act->options.level || (by_nodes && target.order) || !target.installed ||
            !can_be_measured(target, metric)) {
            continue;
        }
        if (target.state == TargetState::Soaking && updated.size() < most_measured) {
            updated.push_back(place(target));
        } else if (target.state == TargetState::Ready && target.changed && peers.size() < most_measured &&
                   metric.compare != Metric::Compare::No) {
            peers.push_back(place(target));
        }
    }
    const std::int64_t id = next_measurement++;
    Measurement begun{which, {}, {}, {}, 0, {}};
    if (by_nodes) {
        for (const std::vector<std::size_t>* group : {&updated, &peers}) {
            for (const std::size_t place : *group) {
                begun.peers.emplace(place, group == &peers);
                ++begun.open;
                target_measurements[send(targets[place], OrderKind::Measure,
                                         base::Object{{"name", metric.name},
                                                      {"command", *metric.spec.object()->find("command")}})] =
                    id;
            }
        }
        const bool nobody = begun.open == 0;
        measurements.emplace(id, std::move(begun));
        if (nobody) {
            end_measurement(id,
                            {false, std::nullopt, std::nullopt, "no target of the batch can be measured"});
        }
        return;
    }
    Measure wanted{id, metric.spec, {}, {}, now + default_deadline(OrderKind::Measure)};
    for (const std::size_t place : updated) {
        wanted.updated.push_back(name(targets[place]));
    }
    for (const std::size_t place : peers) {
        wanted.peers.push_back(name(targets[place]));
    }
    measurements.emplace(id, std::move(begun));
    set_timer(OpenTimer::Kind::MeasureDeadline, wanted.deadline,
              fmt::format("the measurement of '{}'", metric.name), id);
    effects.emplace_back(std::move(wanted));
}

void Run::State::on(const Measured& measured) {
    if (!measurements.contains(measured.measurement)) {
        note("late measurement", {{"measurement", measured.measurement}});
        return;
    }
    end_measurement(measured.measurement, {measured.ok, measured.updated, measured.peers, measured.reason});
}

// One node's number. The last one ends the measurement.
void Run::State::target_measured(std::int64_t order, const Progress& target, const Reported& report) {
    const auto of = target_measurements.find(order);
    if (of == target_measurements.end()) {
        return;
    }
    const std::int64_t id = of->second;
    target_measurements.erase(of);
    const auto open = measurements.find(id);
    if (open == measurements.end()) {
        return;
    }
    Measurement& measurement = open->second;
    const base::Value* value =
        report.detail.object() == nullptr ? nullptr : report.detail.object()->find("value");
    const bool number =
        report.ok && value != nullptr && (value->number() != nullptr || value->whole() != nullptr);
    if (number) {
        const double read =
            value->number() != nullptr ? *value->number() : static_cast<double>(*value->whole());
        (measurement.peers.at(place(target)) ? measurement.of_peers : measurement.of_updated).push_back(read);
    } else {
        measurement.reason =
            fmt::format("{}: {}", name(target).str(), report.reason.empty() ? "no number" : report.reason);
    }
    if (--measurement.open == 0) {
        const std::optional<double> updated = median(measurement.of_updated);
        end_measurement(id, {updated.has_value(), updated, median(measurement.of_peers), measurement.reason});
    }
}

void Run::State::end_measurement(std::int64_t id, const Reading& reading) {
    const std::size_t which = measurements.at(id).watch;
    measurements.erase(id);
    std::erase_if(timers, [&](const auto& timer) {
        return timer.second.kind == OpenTimer::Kind::MeasureDeadline && timer.second.subject == id;
    });
    if (phase != Phase::Acting || !act || which >= act->watches.size()) {
        return;
    }
    Watch& watch = act->watches[which];
    watch.measured(reading, now);
    note("measured",
         {{"name", watch.metric().name}, {"result", watch.why()}, {"dry_run", watch.metric().dry_run}});
    await_measurement(which);
    if (!watch.metric().dry_run && !stopped) {
        if (!TIERCEL_GUARD("analysis-good", watch.verdict() != Watch::Verdict::Fail)) {
            act->judged_bad = true;
            give_up_act("analysis: " + watch.why());
        } else if (watch.verdict() == Watch::Verdict::Inconclusive) {
            paused = fmt::format("analysis could not judge: {}", watch.why());
            note("analysis inconclusive", {{"reason", *paused}});
        }
    }
    if (phase == Phase::Acting && !act->due.empty() && target_measurements.empty()) {
        const std::size_t next = act->due.front();
        act->due.pop_front();
        measure(next);
    }
}

// A person wants it judged again.
void Run::State::judge_again(bool failed_too) {
    if (!act || phase != Phase::Acting) {
        return;
    }
    for (std::size_t which = 0; which < act->watches.size(); ++which) {
        const Watch::Verdict verdict = act->watches[which].verdict();
        if (verdict == Watch::Verdict::Inconclusive || (failed_too && verdict == Watch::Verdict::Fail)) {
            act->watches[which].restart(now);
            act->judged_bad = false;
            await_measurement(which);
        }
    }
}

bool Run::State::judged() const {
    const bool all = std::all_of(act->watches.begin(), act->watches.end(), [&](const Watch& watch) {
        return watch.verdict() == Watch::Verdict::Pass ||
               (watch.metric().dry_run && watch.verdict() != Watch::Verdict::Running) ||
               (watch.verdict() == Watch::Verdict::Fail && !act->judged_bad);
    });
    return TIERCEL_GUARD("analysis-complete", all);
}

} // namespace workflows::engine
