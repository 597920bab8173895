// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// `tiercel app`: what an application is made of.
#include "base/error.hpp"
#include "base/files.hpp"
#include "base/json.hpp"
#include "base/toml.hpp"
#include "cli/nouns.hpp"
#include "cli/open_repository.hpp"
#include "cli/project.hpp"
#include "cli/simulated.hpp"
#include "cli/terminal.hpp"
#include "workflows/engine/application.hpp"
#include "workflows/engine/desired.hpp"
#include "workflows/engine/environment.hpp"
#include "workflows/engine/environment_names.hpp"
#include "workflows/engine/service_graph.hpp"

#include <algorithm>
#include <iostream>

namespace cli {

namespace {

namespace fs = std::filesystem;
using workflows::engine::Application;
using workflows::engine::Component;
using workflows::engine::Environment;

/// The application of a release, or of the project's sources.
Application find(const Arguments& arguments, const std::string& name) {
    if (name.find('/') != std::string::npos) {
        const repo::Repository repository = open_repository(arguments);
        const repo::Manifest manifest =
            repository.release(base::ReleaseName(name)).verified(repository.release_keys());
        return Application::from_value(manifest.application, name);
    }
    return find_application(name, arguments.directory);
}

std::string listed(const std::vector<std::string>& names) {
    std::string line;
    for (const std::string& name : names) {
        line += (line.empty() ? "" : ", ") + name;
    }
    return line;
}

std::vector<std::string> nodes_of(const Environment& environment, const base::ComponentName& component) {
    std::vector<std::string> names;
    for (const auto* node : environment.nodes_of(component)) {
        names.push_back(node->name.str());
    }
    return names;
}

/// One service on its way from its producer (empty: the environment) to one that consumes it.
struct Edge {
    std::string service;
    std::string from;
    std::string to;
    std::string as; ///< its name in the consumer's templates
};

std::vector<Edge> edges_of(const Application& application) {
    std::vector<Edge> edges;
    for (const Component& component : application.components) {
        for (const auto& [as, consumed] : component.consumes) {
            const Component* producer =
                consumed.external ? nullptr : workflows::engine::producer_of(application, consumed.service);
            edges.push_back({consumed.service,
                             producer == nullptr ? "" : application.full_name(*producer).str(),
                             application.full_name(component).str(), as});
        }
    }
    return edges;
}

/// The graph by levels, what a component gets above what it gives:
///
///     level 1
///       shop/app
///         packages  shop-app, shop-app-config
///         nodes     app-1, app-2
///         sql       ◀─ shop/db, as db
///         http      ─▶ shop/web
void print(const Application& application, const std::optional<Environment>& environment) {
    const auto levels = application.levels();
    const std::vector<Edge> edges = edges_of(application);
    std::cout << "application " << application.name << ": "
              << count(application.components.size(), "component") << " on " << count(levels.size(), "level")
              << "\n";
    for (std::size_t level = 0; level < levels.size(); ++level) {
        std::cout << "\n" << paint(Color::Bold, "level " + std::to_string(level)) << "\n";
        for (const base::ComponentName& full : levels[level]) {
            const Component& component = application.component(base::after_slash(full));
            std::vector<std::pair<std::string, std::string>> rows{{"packages", listed(component.packages)}};
            if (environment) {
                const std::string nodes = listed(nodes_of(*environment, full));
                rows.emplace_back("nodes", nodes.empty() ? "none" : nodes);
            }
            if (component.migrate) {
                rows.emplace_back("migrate", *component.migrate);
            }
            for (const base::ComponentName& other : component.conflicts) {
                rows.emplace_back("not with", other.str());
            }
            for (const Edge& edge : edges) {
                if (edge.to == full.str()) {
                    rows.emplace_back(edge.service, "◀─ " + (edge.from.empty() ? "outside" : edge.from) +
                                                        ", as " + edge.as);
                }
            }
            if (component.peers) {
                rows.emplace_back("peers", "◀▶ " + full.str());
            }
            for (const auto& [service, fields] : component.produces) {
                std::vector<std::string> consumers;
                for (const Edge& edge : edges) {
                    if (edge.service == service && edge.from == full.str()) {
                        consumers.push_back(edge.to);
                    }
                }
                rows.emplace_back(service, "─▶ " + (consumers.empty() ? "nobody" : listed(consumers)));
            }
            std::size_t width = 0;
            for (const auto& [name, text] : rows) {
                width = std::max(width, name.size());
            }
            std::cout << "  " << paint(Color::Blue, full.str()) << "\n";
            for (const auto& [name, text] : rows) {
                std::cout << "    " << name << std::string(width - name.size() + 2, ' ') << text << "\n";
            }
        }
    }
}

int show(const Arguments& arguments) {
    const Application application = find(arguments, arguments.text("APP"));
    std::optional<Environment> environment;
    if (const auto name = arguments.maybe("--environment")) {
        fs::path file = *name;
        if (!fs::exists(file)) {
            file = Project::find(arguments.directory).directory / "environments" / (*name + ".toml");
        }
        environment = Environment::from_value(
            base::parse_toml(base::SystemFiles().read(file, 4u << 20), file.string()), file.string());
        workflows::engine::check_names(*environment);
        workflows::engine::check_conflicts(application, *environment);
    }
    if (!arguments.json) {
        print(application, environment);
        return 0;
    }
    base::Array levels;
    for (const auto& level : application.levels()) {
        base::Array components;
        for (const base::ComponentName& full : level) {
            base::Object one{{"component", full.str()}};
            if (environment) {
                one.set("nodes", nodes_of(*environment, full));
            }
            components.emplace_back(std::move(one));
        }
        levels.push_back(base::Object{{"components", std::move(components)}});
    }
    base::Array edges;
    for (const Edge& edge : edges_of(application)) {
        edges.push_back(base::Object{{"service", edge.service},
                                     {"from", edge.from.empty() ? base::Value() : base::Value(edge.from)},
                                     {"to", edge.to},
                                     {"as", edge.as}});
    }
    std::cout << base::to_json(base::Object{{"application", application.to_value()},
                                            {"levels", std::move(levels)},
                                            {"edges", std::move(edges)}})
              << "\n";
    return 0;
}

} // namespace

std::vector<Verb> app_verbs() {
    return {{"app",
             "show",
             "Components, services and levels; with an environment also the nodes",
             "tiercel app show shop --environment prod",
             {{"APP", "application of the project (shop), or a release (shop/1.0)", Option::Kind::Positional,
               true},
              {"--environment", "its name in the project, or a file", Option::Kind::Text, false}},
             show}};
}

} // namespace cli
