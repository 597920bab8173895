// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "workflows/simulator/fleet.hpp"

#include "base/error.hpp"

#include <algorithm>
#include <array>
#include <map>

namespace workflows::simulator {
namespace {

constexpr std::array<std::string_view, 3> zones = {"a", "b", "c"};
constexpr std::array<std::string_view, 2> colors = {"blue", "green"};
constexpr std::size_t nodes_in_a_rack = 20;

std::string after_slash(const std::string& name) {
    return name.substr(name.find('/') + 1);
}

// What the engine and the laws look at, and no more: ten thousand of them are held at once.
base::Value document(const base::ComponentName& component, const std::string& node, std::string_view zone,
                     std::size_t in_zone, std::string_view color) {
    return base::Object{
        {"component", component.str()},
        {"node", base::Object{{"name", node},
                              {"labels", base::Object{{"zone", zone},
                                                      {"rack", fmt::format("{}-{}", zone,
                                                                           in_zone / nodes_in_a_rack + 1)},
                                                      {"color", color}}}}}};
}

} // namespace

Fleet Fleet::of(const engine::Application& application, std::size_t nodes) {
    if (nodes < application.components.size()) {
        throw base::Error(base::Fault::Input,
                          "application '{}' has {} components, but {} nodes are to be simulated; there must "
                          "be one for each",
                          application.name, application.components.size(), nodes);
    }
    Fleet fleet{application.levels(), nodes};
    for (const engine::Component& component : application.components) {
        if (component.migrate) {
            fleet.migrate.emplace(application.full_name(component), *component.migrate);
        }
    }
    return fleet;
}

Fleet Fleet::of_levels(std::size_t levels, std::size_t nodes) {
    if (levels < 1 || nodes < levels) {
        throw base::Error(
            base::Fault::Input,
            "{} nodes on {} levels cannot be simulated; there must be at least one of each, and "
            "a node for each level",
            nodes, levels);
    }
    Fleet fleet{{}, nodes};
    for (std::size_t level = 0; level < levels; ++level) {
        fleet.levels.push_back({base::ComponentName(fmt::format("app/level-{}", level))});
    }
    return fleet;
}

engine::RunInput Fleet::input(const Workflow& workflow, const base::Object& params) const {
    std::vector<base::ComponentName> components;
    for (const auto& level : levels) {
        components.insert(components.end(), level.begin(), level.end());
    }
    const std::string application = components.front().str().substr(0, components.front().str().find('/'));
    const base::ReleaseName older(application + "/1.0");
    const base::ReleaseName newer(application + "/2.0");
    engine::RunInput input{workflow.kind,
                           base::EnvironmentName("simulation"),
                           workflow.kind == engine::RunKind::Deploy ? newer : older,
                           workflow.name,
                           workflow.source,
                           params,
                           levels,
                           {},
                           workflow.kind == engine::RunKind::Rollback ? newer : older,
                           1,
                           "author",
                           {},
                           {},
                           {},
                           {}};
    using namespace std::chrono_literals;
    for (const base::ComponentName& component : components) {
        static const std::vector<engine::PackagedCommand> usual{{"refresh", "", false, false, false, 5min},
                                                                {"measure", "", false, false, false, 5min}};
        const auto own = commands.find(component);
        input.commands[component] = own == commands.end() ? usual : own->second;
    }
    for (const auto& [component, command] : migrate) {
        input.migrate.emplace(component, command);
        std::vector<engine::PackagedCommand>& there = input.commands[component];
        if (std::ranges::find(there, command, &engine::PackagedCommand::name) == there.end()) {
            there.push_back({command, "", true, false, false, 5min});
        }
    }
    std::map<std::string_view, std::size_t> in_zone;
    for (std::size_t at = 0; at < components.size(); ++at) {
        const base::ComponentName& component = components[at];
        const std::size_t share = nodes / components.size() + (at < nodes % components.size() ? 1 : 0);
        for (std::size_t number = 1; number <= share; ++number) {
            const std::string node = fmt::format("{}-{}", after_slash(component.str()), number);
            const std::string_view zone = zones[(number - 1) % zones.size()];
            input.targets.push_back(
                {{component, base::NodeName(node)},
                 document(component, node, zone, in_zone[zone]++, colors[(number - 1) % colors.size()])});
        }
    }
    return input;
}

} // namespace workflows::simulator
