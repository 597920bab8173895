// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "base/error.hpp"
#include "workflows/simulator/laws.hpp"
#include "workflows/simulator/people.hpp"
#include "workflows/simulator/scenario.hpp"

#include <algorithm>
#include <set>

namespace workflows::simulator {

using namespace engine;
using namespace std::chrono_literals;

namespace {

// Separate dice, so that who is ill does not depend on how the network was.
constexpr std::uint64_t for_nodes = 0x6e6f646573;
constexpr std::uint64_t for_people = 0x70656f706c65;

// Shares are of a run, so that a run of ten thousand targets is not killed a thousand times.
double of_each_event(double in_a_run, std::size_t targets) {
    return std::min(0.5, in_a_run / (12.0 * static_cast<double>(targets) + 30.0));
}

// Who says no at the very beginning hides all that could go wrong later; commands are rare, and much depends
// on them.
double share_of(OrderKind kind) {
    return kind == OrderKind::Prepare ? 0.25 : kind == OrderKind::Command ? 3 : 1;
}

void misbehave(Behaviour& node, const Faults& faults, Chance& chance) {
    static constexpr OrderKind kinds[] = {
        OrderKind::Prepare, OrderKind::Drain,  OrderKind::Apply,  OrderKind::Restart, OrderKind::Probe,
        OrderKind::Undrain, OrderKind::Undo,   OrderKind::Settle, OrderKind::Stop,    OrderKind::Start,
        OrderKind::Command, OrderKind::Cancel, OrderKind::Measure};
    static const char* const codes[] = {"failed",      "failed",      "refused", "inconclusive",
                                        "quarantined", "unreachable", "stale",   ""};
    node.changed = !chance.happens(faults.unchanged);
    node.installed = !chance.happens(faults.fresh);
    node.drains = !chance.happens(faults.unchanged);
    for (const OrderKind kind : kinds) {
        if (chance.happens(faults.refuses * share_of(kind))) {
            Behaviour::Refusal refusal{chance.pick(codes), chance.happens(0.5) ? 1 : 1000, "it would not"};
            // A probe that can never judge would keep a patient person busy for ever.
            refusal.times = refusal.code == "inconclusive" ? std::min(refusal.times, 3) : refusal.times;
            node.refuses[kind] = refusal;
        }
        if (chance.happens(faults.silent * share_of(kind))) {
            node.silent.insert(kind);
        }
        if (chance.happens(faults.slow)) {
            node.slow[kind] = chance.between(1s, 15min);
        }
    }
    node.answers_twice = chance.happens(faults.twice);
    node.lies = chance.happens(faults.lies);
}

void go_away(Simulation& simulation, const std::string& node, const Faults& faults, Chance& chance) {
    const auto when = [&] {
        return chance.between({}, 20min);
    };
    if (chance.happens(faults.away)) {
        const base::Duration from = chance.happens(0.1) ? base::Duration{} : when();
        simulation.away(node, from, from + chance.between(1s, 20min));
    }
    if (chance.happens(faults.dead)) {
        simulation.away(node, when(), 10'000h);
    }
    if (chance.happens(faults.restarts)) {
        const base::Duration from = when();
        simulation.away(node, from, from + chance.between(1min, 3min));
    }
    if (chance.happens(faults.flaps)) {
        base::Duration from = when();
        for (int times = 2 + chance.roll(5); times > 0; --times) {
            const base::Duration until = from + chance.between(1s, 30s);
            simulation.away(node, from, until);
            from = until + chance.between(1s, 1min);
        }
    }
}

std::string rack_of(const Desired& desired) {
    const base::Object* document = desired.document.object();
    const base::Value* node = document == nullptr ? nullptr : document->find("node");
    const base::Value* labels =
        node == nullptr || node->object() == nullptr ? nullptr : node->object()->find("labels");
    const base::Value* rack =
        labels == nullptr || labels->object() == nullptr ? nullptr : labels->object()->find("rack");
    return rack == nullptr || rack->text() == nullptr ? "" : *rack->text();
}

void prepare(Simulation& simulation, const Scenario& scenario) {
    Chance chance(scenario.seed ^ for_nodes);
    std::map<std::string, std::optional<std::pair<base::Duration, base::Duration>>> cut;
    std::set<base::NodeName> seen;
    if (chance.happens(scenario.faults.measured_badly)) {
        for (Behaviour& node : simulation.behaviours()) {
            node.measures_new = 1000;
        }
    }
    for (const Desired& desired : scenario.input.targets) {
        misbehave(simulation.at(desired.target), scenario.faults, chance);
        if (!seen.insert(desired.target.node).second) {
            continue;
        }
        go_away(simulation, desired.target.node.str(), scenario.faults, chance);
        if (const std::string rack = rack_of(desired); !rack.empty()) {
            const auto [known, fresh] = cut.try_emplace(rack);
            if (fresh && chance.happens(scenario.faults.rack_cut)) {
                const base::Duration from = chance.between({}, 20min);
                known->second = {from, from + chance.between(10s, 10min)};
            }
            if (known->second) {
                simulation.away(desired.target.node.str(), known->second->first, known->second->second);
            }
        }
    }
}

void do_as_told(Simulation& simulation, const Scenario& scenario) {
    std::vector<Behaviour>& nodes = simulation.behaviours();
    for (const Scenario::Failing& failing : scenario.fail) {
        const std::size_t count = std::min(failing.targets.size(), static_cast<std::size_t>(failing.count));
        for (std::size_t at = 0; at < count; ++at) {
            nodes[failing.targets[at]].refuses[failing.step] = {"failed", 1'000'000, "as the test told it",
                                                                failing.step != OrderKind::Undo};
        }
    }
    for (const auto& [target, found] : scenario.finds) {
        nodes[target].changed = found != "nothing";
        nodes[target].differs = found == "nothing" ? "" : found;
    }
    if (scenario.measured) {
        for (Behaviour& node : nodes) {
            node.measures_old = scenario.measured->peers;
            node.measures_new = scenario.measured->updated;
        }
    }
}

// Measurements are judged against a bound or against peers: a bad one is far from both.
Measured measured(const Measure& measurement, const Scenario& scenario, Chance& chance) {
    if (scenario.measured) {
        return {measurement.measurement, true, scenario.measured->updated, scenario.measured->peers, ""};
    }
    if (!chance.happens(scenario.faults.measured_badly)) {
        return {measurement.measurement, true, 1.0, 1.0, ""};
    }
    if (chance.happens(0.5)) {
        return {measurement.measurement, false, std::nullopt, std::nullopt, "the endpoint does not answer"};
    }
    return {measurement.measurement, true, chance.happens(0.5) ? 1000.0 : -1000.0, 1.0, ""};
}

void let_people_in(Simulation& simulation, const Scenario& scenario, Chance& chance) {
    static const char* const verbs[] = {"pause", "resume", "cancel", "preempt"};
    for (int times = 0; times < 4 && chance.happens(scenario.faults.signals); ++times) {
        simulation.signal(chance.between({}, 10min),
                          {chance.pick(verbs), "somebody", "", std::nullopt, nullptr});
    }
    for (const auto& [after, signal] : scenario.signals) {
        simulation.signal(after, signal);
    }
    simulation.mended = scenario.mended;
    const bool nobody = !scenario.person && chance.happens(scenario.faults.absent);
    const auto say = [&scenario, &chance,
                      nobody](const std::vector<Waiting>& waiting) -> std::optional<Signalled> {
        if (nobody) {
            return std::nullopt;
        }
        if (!scenario.person) {
            return decide(waiting, scenario.faults.harsh, chance);
        }
        return fits(*scenario.person, waiting)
                   ? std::optional(Signalled{*scenario.person, "a person", "", std::nullopt, nullptr})
                   : std::nullopt;
    };
    simulation.person = [&simulation, say](const std::vector<Waiting>& waiting) {
        const std::optional<Signalled> said = say(waiting);
        const bool mends = !simulation.mended.empty() && !simulation.continued(); // once
        return said && said->verb == "continue" && !mends ? std::nullopt : said;
    };
    simulation.measure = [&chance, &scenario](const Measure& measurement) {
        return measured(measurement, scenario, chance);
    };
}

Simulation::Settings settings_of(const Scenario& scenario, bool with_story) {
    const Faults& faults = scenario.faults;
    Simulation::Settings settings;
    settings.seed = scenario.seed;
    settings.script_name = scenario.input.workflow + ".lua";
    settings.latency = faults.latency;
    settings.late = faults.late;
    settings.duplicate_order = faults.duplicate_order;
    settings.script_crash = faults.script_crashes;
    settings.script_death = faults.script_deaths;
    settings.dispatcher_crash = of_each_event(faults.dispatcher_crashes, scenario.input.targets.size());
    settings.crashes = scenario.crashes;
    settings.keep_story = with_story;
    return settings;
}

} // namespace

Played play(const Scenario& scenario, Timeline* timeline, bool with_story) {
    Simulation simulation(scenario.input, scenario.source, settings_of(scenario, with_story));
    prepare(simulation, scenario);
    do_as_told(simulation, scenario);
    Chance people(scenario.seed ^ for_people);
    let_people_in(simulation, scenario, people);
    Laws laws(simulation);
    History history(simulation);
    Played played;
    simulation.watch = [&](const Event& event, const std::vector<Effect>& effects) {
        laws.see(event, effects);
        history.see(event, effects);
        if (timeline != nullptr) {
            timeline->see(event, effects, simulation.now() - simulation.start());
        }
        for (const Effect& effect : effects) {
            if (const Ended* ended = std::get_if<Ended>(&effect)) {
                played.reason = ended->reason;
            }
        }
    };
    try {
        simulation.drive();
        laws.at_end();
        played.outcome = simulation.outcome();
    } catch (const std::exception& error) {
        played.outcome = "raised";
        played.broken.push_back(std::string("the engine raised: ") + error.what());
    }
    played.broken.insert(played.broken.end(), simulation.broken.begin(), simulation.broken.end());
    played.broken.insert(played.broken.end(), laws.broken.begin(), laws.broken.end());
    played.targets = simulation.run().targets();
    for (const TargetView& view : played.targets) {
        ++played.counts[std::string(word(view.state))];
    }
    played.lasted = simulation.now() - simulation.start();
    played.events = simulation.events();
    played.orders = simulation.orders();
    played.crashes = simulation.crashes();
    played.blast_radius = laws.blast_radius();
    played.steps = history.take();
    played.story = simulation.told();
    return played;
}

} // namespace workflows::simulator
