// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "repo/manifest.hpp"
#include "workflows/engine/application.hpp"

#include <map>
#include <string>

namespace workflows::engine {

/// A command that may be run on the targets of a component, with the package that brings it.
struct ComponentCommand {
    rpm::PackagedCommand command; ///< its texts are not rendered
    std::string package;          ///< NEVRA
};

/// The commands of a component's packages, by name; `migrate` of the component is one of them.
/// @throws base::Error{Input} when a package is not in the manifest, two packages bring one name, or
/// `migrate` names none (with the nearest); `place` stands before the message.
std::map<std::string, ComponentCommand> commands_of(const repo::Manifest& manifest,
                                                    const Application& application,
                                                    const Component& component, const std::string& place);

} // namespace workflows::engine
