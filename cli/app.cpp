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
#include "cli/terminal.hpp"
#include "workflows/engine/application.hpp"
#include "workflows/engine/environment.hpp"

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
    const fs::path file = Project::find(arguments.directory).directory / "packages" / name / "app.lua";
    return Application::evaluate(base::SystemFiles().read(file, 1u << 20), file.string());
}

void print(const Application& application, const std::optional<Environment>& environment) {
    std::cout << "application " << application.name << "\n";
    const auto levels = application.levels();
    for (std::size_t level = 0; level < levels.size(); ++level) {
        std::cout << paint(Color::Bold, "level " + std::to_string(level)) << "\n";
        for (const base::ComponentName& full : levels[level]) {
            const Component& component = application.component(base::after_slash(full));
            std::cout << "  " << paint(Color::Blue, full.str()) << "\n    packages:";
            for (const std::string& package : component.packages) {
                std::cout << " " << package;
            }
            std::cout << "\n";
            for (const auto& [service, fields] : component.produces) {
                std::cout << "    produces " << service << "\n";
            }
            for (const auto& [alias, consumed] : component.consumes) {
                std::cout << "    consumes " << consumed.service << " as " << alias
                          << (consumed.external ? " (external)" : "") << "\n";
            }
            if (environment) {
                std::cout << "    nodes:";
                for (const auto* node : environment->nodes_of(full)) {
                    std::cout << " " << node->name.str();
                }
                std::cout << "\n";
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
                base::Array nodes;
                for (const auto* node : environment->nodes_of(full)) {
                    nodes.emplace_back(node->name.str());
                }
                one.set("nodes", std::move(nodes));
            }
            components.emplace_back(std::move(one));
        }
        levels.push_back(base::Object{{"components", std::move(components)}});
    }
    std::cout << base::to_json(
                     base::Object{{"application", application.to_value()}, {"levels", std::move(levels)}})
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
