// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// What tests of a run's acts share: scripts, inputs, and what was sent.
#pragma once

#include "tests/catch.hpp"
#include "tests/fakes/fleet.hpp"
#include "tests/fakes/laws.hpp"
#include "workflows/simulator/scenario.hpp"

#include <algorithm>
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace tests {

using namespace workflows::engine;

inline const base::ComponentName a0("shop/a0");

inline std::string script(const std::string& body) {
    return "return workflow { run = function(ctx)\n" + body + "\nend }";
}

inline RunInput labelled(const std::vector<int>& nodes, const std::string& label,
                         const std::vector<std::string>& values, RunKind kind = RunKind::Deploy) {
    RunInput input = fleet_input(nodes, kind);
    for (std::size_t at = 0; at < input.targets.size(); ++at) {
        input.targets[at].document.object()->set(
            "node", base::Object{{"labels", base::Object{{label, values[at % values.size()]}}}});
    }
    return input;
}

inline RunInput with_command(RunInput input, PackagedCommand command) {
    input.commands[a0].push_back(std::move(command));
    return input;
}

inline std::vector<std::string> order_of(const Fleet& fleet, OrderKind kind) {
    std::vector<std::string> nodes;
    for (const SendOrder& order : fleet.sent) {
        if (order.kind == kind) {
            nodes.push_back(order.target.node.str());
        }
    }
    return nodes;
}

inline bool told(const Fleet& fleet, const std::string& what) {
    return fleet.told().find(what) != std::string::npos;
}

// The time of the first line of the story that has this text, since the start; -1 ms: never.
inline base::Duration when(const Fleet& fleet, const std::string& text) {
    for (const auto& line : fleet.story) {
        if (line.text.find(text) != std::string::npos) {
            return line.time - fleet.start();
        }
    }
    return base::Duration(-1);
}

// No law breaks, no more of a0 than that are out of service at once, and nobody is left drained.
inline void drive_under_laws(Fleet& fleet, std::size_t most = 100) {
    Laws laws(fleet, {{a0, most}});
    fleet.drive();
    laws.at_end();
    INFO(fleet.told());
    CHECK(laws.broken == std::vector<std::string>{});
    CHECK(std::none_of(fleet.behaviours().begin(), fleet.behaviours().end(),
                       [](const Behaviour& node) { return node.drained; }));
}

// Law 7: kill -9 of the dispatcher before or after any event, and the run ends as it does undisturbed.
inline void kill_at_every_event(workflows::simulator::Scenario scenario) {
    using workflows::simulator::Played;
    const auto ending = [](const Played& played) {
        std::string text = played.outcome;
        for (const TargetView& view : played.targets) {
            text += "\n" + view.target.str() + " " + std::string(word(view.state));
        }
        return text;
    };
    const Played undisturbed = workflows::simulator::play(scenario);
    REQUIRE(undisturbed.events > 0);
    for (std::int64_t event = 0; event < undisturbed.events; ++event) {
        for (const bool before : {true, false}) {
            INFO("killed " << (before ? "before" : "after") << " event " << event);
            scenario.crashes = {{event, before}};
            const Played played = workflows::simulator::play(scenario);
            CHECK(played.broken == std::vector<std::string>{});
            CHECK(ending(played) == ending(undisturbed));
        }
    }
}

// The most orders of this kind that were out at once.
inline std::size_t most_at_once(Fleet& fleet, const std::function<bool(TargetState)>& counts) {
    std::map<Target, bool> states;
    std::size_t most = 0;
    fleet.watch = [&, states](const Event&, const std::vector<Effect>& effects) mutable {
        for (const Effect& effect : effects) {
            if (const auto* change = std::get_if<TargetChanged>(&effect)) {
                states[change->target] = counts(change->state);
            }
        }
        most = std::max(most, static_cast<std::size_t>(std::count_if(
                                  states.begin(), states.end(), [](const auto& one) { return one.second; })));
    };
    fleet.drive();
    return most;
}

inline bool in_flight(TargetState state) {
    return state == TargetState::Draining || state == TargetState::Applying ||
           state == TargetState::Restarting || state == TargetState::Probing ||
           state == TargetState::Undraining || state == TargetState::Soaking || state == TargetState::Proving;
}

} // namespace tests
