// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "tests/fakes/fleet.hpp"

#include "base/error.hpp"

#include <map>

namespace tests {

using namespace workflows::engine;

namespace {

workflows::simulator::Simulation::Settings with_story(workflows::simulator::Simulation::Settings settings) {
    settings.script_name = "test.lua";
    settings.keep_journal = true;
    settings.keep_story = true;
    return settings;
}

} // namespace

Fleet::Fleet(RunInput input, std::string script, Settings settings)
    : Simulation(std::move(input), std::move(script), with_story(std::move(settings))) {
    Simulation::person = [this](const std::vector<Waiting>& waiting) {
        if (asked.empty()) {
            asked = waiting;
            meanwhile = counts();
        }
        return std::optional<Signalled>();
    };
}

void Fleet::signal(base::Duration after, const std::string& verb) {
    Simulation::signal(after, {verb, "somebody", "", std::nullopt, nullptr});
}

void Fleet::person(const std::string& verb) {
    Simulation::person = [verb](const std::vector<Waiting>&) {
        return std::optional(Signalled{verb, "a person", "", std::nullopt, nullptr});
    };
}

TargetState Fleet::state(const std::string& component, const std::string& node) const {
    for (const TargetView& view : run().targets()) {
        if (view.target.component.str() == component && view.target.node.str() == node) {
            return view.state;
        }
    }
    throw base::Error(base::Fault::NotFound, "no target '{}' on '{}'", component, node);
}

std::string Fleet::reason(const std::string& component, const std::string& node) const {
    for (const TargetView& view : run().targets()) {
        if (view.target.component.str() == component && view.target.node.str() == node) {
            return view.reason;
        }
    }
    return "no such target";
}

std::string Fleet::counts() const {
    std::map<std::string, int> counts;
    for (const TargetView& view : run().targets()) {
        ++counts[std::string(word(view.state))];
    }
    std::string text;
    for (const auto& [state, count] : counts) {
        text += (text.empty() ? "" : ", ") + std::to_string(count) + " " + state;
    }
    return text;
}

RunInput fleet_input(const std::vector<int>& nodes, RunKind kind) {
    RunInput input{kind,
                   base::EnvironmentName("prod"),
                   base::ReleaseName("shop/2.0"),
                   "test",
                   "",
                   {},
                   {},
                   {},
                   base::ReleaseName("shop/1.0"),
                   7,
                   "",
                   {},
                   {},
                   {},
                   {}};
    for (std::size_t level = 0; level < nodes.size(); ++level) {
        const std::string name = "a" + std::to_string(level);
        const base::ComponentName component("shop/" + name);
        input.levels.push_back({component});
        for (int node = 1; node <= nodes[level]; ++node) {
            const std::string node_name = name + "-" + std::to_string(node);
            input.targets.push_back(
                {{component, base::NodeName(node_name)},
                 base::Object{{"component", component.str()},
                              {"node", node_name},
                              {"availability", base::Array{base::Object{{"service", "s"}}}}}});
        }
    }
    return input;
}

std::string update_all(const std::string& options, const std::string& preflight) {
    return "return workflow { run = function(ctx)\n ctx:preflight(" + preflight +
           ")\n for _, level in ipairs(ctx.levels) do ctx:update(level, {" + options + "}) end\nend }";
}

} // namespace tests
