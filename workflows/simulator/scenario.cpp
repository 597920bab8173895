// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// Small fleets by chance: the smaller, the more of them in a second, and all that goes wrong between targets
// goes wrong between seven.
#include "workflows/simulator/scenario.hpp"

#include "base/error.hpp"
#include "workflows/engine/script.hpp"
#include "workflows/simulator/fleet.hpp"
#include "workflows/simulator/sweep.hpp"

#include <algorithm>
#include <array>
#include <set>

namespace workflows::simulator {

using namespace engine;
using namespace std::chrono_literals;

namespace {

constexpr std::uint64_t for_scenarios = 0x7363656e6172696f;
constexpr std::array<std::string_view, 3> zones = {"a", "b", "c"};

const char* portion(Chance& chance) {
    static const char* const portions[] = {"1", "2", "3", "10%", "25%", "50%", "100%"};
    return chance.pick(portions);
}

base::Value count_or_share(const std::string& text) {
    return text.back() == '%' ? base::Value(text) : base::Value(std::int64_t{std::stoi(text)});
}

// A value that the parameter's type takes; what its name says of the words that it takes is tried, too.
base::Value value_for(const Script::Parameter& parameter, Chance& chance) {
    static const char* const ramps[] = {"100%", "1,100%", "1,20%,100%", "50%,100%", "2,100%"};
    static const char* const durations[] = {"0s", "15s", "30s", "2m", "20m"};
    static const char* const failing[] = {"rollback-all", "rollback-batch", "stop", "ask"};
    if (parameter.type == "ramp") {
        return chance.pick(ramps);
    }
    if (parameter.type == "duration") {
        return chance.pick(durations);
    }
    if (parameter.type == "count") {
        return std::int64_t{chance.roll(4)};
    }
    if (parameter.type == "flag") {
        return chance.happens(0.5);
    }
    if (parameter.name.find("on_failure") != std::string::npos) {
        return chance.pick(failing);
    }
    if (parameter.name.find("max_unavailable") != std::string::npos ||
        parameter.name.find("quorum") != std::string::npos) {
        return portion(chance);
    }
    return parameter.absent;
}

// Each parameter by chance, as long as the workflow takes it: a word that only some workflows know is left
// out again.
base::Object params_for(const Workflow& workflow, const RunInput& input, Chance& chance) {
    const ScriptModel model = ScriptModel::of(input);
    const Script script(workflow.source, workflow.name + ".lua", {}, model);
    base::Object params;
    for (const Script::Parameter& parameter : script.parameters()) {
        if (!chance.happens(0.6)) {
            continue;
        }
        params.set(parameter.name, value_for(parameter, chance));
        try {
            const Script tried(workflow.source, workflow.name + ".lua", params, model);
        } catch (const base::Error&) {
            params.members.pop_back();
        }
    }
    return params;
}

base::Value document(const base::ComponentName& component, const std::string& node, Chance& chance) {
    static const char* const colors[] = {"blue", "blue", "green", "green", "red"};
    const std::string zone(zones[static_cast<std::size_t>(chance.roll(zones.size()))]);
    return base::Object{
        {"component", component.str()},
        {"node",
         base::Object{{"name", node},
                      {"labels", base::Object{{"zone", zone},
                                              {"rack", fmt::format("{}-{}", zone, 1 + chance.roll(2))},
                                              {"color", chance.pick(colors)}}}}},
        {"availability", base::Array{base::Object{{"service", "s"}}}}};
}

RunInput random_input(RunKind kind, Chance& chance) {
    RunInput input{kind,
                   base::EnvironmentName("simulation"),
                   base::ReleaseName("shop/2.0"),
                   "rollback",
                   "",
                   {},
                   {},
                   {},
                   base::ReleaseName("shop/1.0"),
                   7,
                   "author",
                   {},
                   {},
                   {},
                   {}};
    int made = 0;
    for (int level = 1 + chance.roll(3); level > 0; --level) {
        input.levels.emplace_back();
        for (int more = chance.happens(0.25) ? 2 : 1; more > 0; --more) {
            const base::ComponentName component(fmt::format("shop/a{}", made));
            input.levels.back().push_back(component);
            // Now and then two components share their nodes.
            const int host = made > 0 && chance.happens(0.15) ? made - 1 : made;
            for (int number = 1 + chance.roll(7); number > 0; --number) {
                const std::string node = fmt::format("a{}-{}", host, number);
                input.targets.push_back(
                    {{component, base::NodeName(node)}, document(component, node, chance)});
            }
            ++made;
        }
    }
    return input;
}

void add_policies(RunInput& input, Chance& chance) {
    for (const auto& level : input.levels) {
        for (const base::ComponentName& component : level) {
            if (chance.happens(0.15)) {
                static const char* const labels[] = {"", "rack", "zone"};
                input.budgets.push_back(
                    {component, chance.pick(labels), Portion::read(count_or_share(portion(chance)))});
            }
        }
    }
    if (chance.happens(0.1)) {
        input.out.push_back(
            input.targets[static_cast<std::size_t>(chance.roll(static_cast<int>(input.targets.size())))]
                .target);
    }
}

void add_commands(RunInput& input, Chance& chance) {
    for (const auto& level : input.levels) {
        for (const base::ComponentName& component : level) {
            input.commands[component] = {
                {"refresh", "shop", false, false, false, 5min},
                {"measure", "shop", false, false, false, 5min},
                {"once-job", "shop", true, chance.happens(0.2), chance.happens(0.3), 5min},
                {"migrate", "shop", true, chance.happens(0.2), chance.happens(0.5), 5min}};
            if (chance.happens(0.4)) {
                input.migrate[component] = "migrate";
            }
            for (const std::size_t which : {2u, 3u}) {
                if (chance.happens(0.1)) {
                    const PackagedCommand& command = input.commands[component][which];
                    input.done_once.push_back({{component, base::NodeName("earlier-1")},
                                               command.name,
                                               0,
                                               "earlier",
                                               command.irreversible,
                                               chance.happens(0.2)});
                }
            }
        }
    }
}

Faults random_faults(Chance& chance) {
    static const char* const profiles[] = {"none", "light", "light", "rough", "rough", "hostile"};
    return Faults::profile(chance.pick(profiles));
}

} // namespace

Scenario random_scenario(const Workflow& workflow, std::uint64_t seed) {
    Chance chance(seed ^ for_scenarios);
    Scenario scenario{random_input(workflow.kind, chance),
                      workflow.source,
                      random_faults(chance),
                      seed,
                      {},
                      {},
                      {},
                      std::nullopt};
    add_commands(scenario.input, chance);
    add_policies(scenario.input, chance);
    scenario.mended = without_faults(workflow.source);
    scenario.input.workflow = workflow.name;
    scenario.input.workflow_source = workflow.source;
    if (chance.happens(0.3)) { // for those who await it
        scenario.signals.push_back(
            {chance.between({}, 10min), {"signal", "somebody", "go", std::nullopt, "now"}});
    }
    scenario.input.params = params_for(workflow, scenario.input, chance);
    return scenario;
}

Scenario random_rollback(std::uint64_t seed) {
    Chance chance(seed ^ for_scenarios);
    Scenario scenario{
        random_input(RunKind::Rollback, chance), "", random_faults(chance), seed, {}, {}, {}, std::nullopt};
    add_policies(scenario.input, chance);
    return scenario;
}

} // namespace workflows::simulator
