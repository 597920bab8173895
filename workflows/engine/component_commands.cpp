// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "workflows/engine/component_commands.hpp"

#include "base/error.hpp"
#include "base/fields.hpp"

namespace workflows::engine {

std::map<std::string, ComponentCommand> commands_of(const repo::Manifest& manifest,
                                                    const Application& application,
                                                    const Component& component, const std::string& place) {
    std::map<std::string, ComponentCommand> commands;
    std::vector<std::string> names;
    for (const std::string& name : component.packages) {
        const repo::ManifestPackage* package = manifest.find(name);
        if (package == nullptr) {
            throw base::Error(base::Fault::Input,
                              "component '{}' needs package '{}', which release '{}' does not have",
                              application.full_name(component), name, manifest.release);
        }
        for (const rpm::PackagedCommand& command :
             package->about ? package->about->commands : std::vector<rpm::PackagedCommand>{}) {
            names.push_back(command.name);
            const auto [first, fresh] =
                commands.emplace(command.name, ComponentCommand{command, package->nevra.str()});
            if (!fresh) {
                throw base::Error(base::Fault::Input,
                                  "{}: command '{}' of component '{}' is brought by package '{}' and by "
                                  "'{}'; give one of them another name",
                                  place, command.name, application.full_name(component),
                                  first->second.package, package->nevra.str());
            }
        }
    }
    if (component.migrate && !commands.contains(*component.migrate)) {
        const std::optional<std::string> near = base::nearest(*component.migrate, names);
        throw base::Error(
            base::Fault::Input,
            "{}: component '{}' migrates with command '{}', which none of its packages brings; {}", place,
            application.full_name(component), *component.migrate,
            near ? "did you mean '" + *near + "'?"
                 : "write it as [[commands]] into one of their package.toml");
    }
    return commands;
}

} // namespace workflows::engine
