// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "repo/manifest.hpp"
#include "workflows/engine/application.hpp"
#include "workflows/engine/environment.hpp"

#include <map>
#include <string>

namespace workflows::engine {

/// A setting that a component can be told, with the package that says so.
struct KnownSetting {
    rpm::Setting setting;
    std::string package; ///< NEVRA
};

/// What the packages of a component can be told, by name.
/// @throws base::Error{Input} when a package is not in the manifest, or two packages bring one name with
/// different types.
std::map<std::string, KnownSetting> schema_of(const repo::Manifest& manifest, const Application& application,
                                              const Component& component);

/// What the component's services hand out must be settings of its packages, and their `port` one that can be
/// tried.
/// @throws base::Error{Input} `where: service 'http' of component 'shop/app' …`
void check_produced(const std::map<std::string, KnownSetting>& schema, const Application& application,
                    const Component& component, const std::string& where);

/// The value of each setting of a component on a node, and where it comes from: overrides (the last one that
/// matches) before
/// `[settings.APPLICATION.COMPONENT]` before the package's default.
/// @throws base::Error{Input} for a name that no package knows (with the nearest), a value out of bounds, a
/// value that is missing.
std::map<std::string, Environment::Explained> resolve(const std::map<std::string, KnownSetting>& schema,
                                                      const Environment& environment,
                                                      const base::ComponentName& component,
                                                      const DeclaredNode& node);

/// Refuses settings written for components that the application does not have, on whatever node.
void check_written_settings(const Environment& environment, const Application& application);

} // namespace workflows::engine
