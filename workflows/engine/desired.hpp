// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/name.hpp"
#include "base/value.hpp"
#include "repo/manifest.hpp"
#include "workflows/engine/application.hpp"
#include "workflows/engine/environment.hpp"

#include <string>
#include <vector>

namespace workflows::engine {

/// The unit that a run works on and counts (the environment is the run's).
struct Target {
    base::ComponentName component;
    base::NodeName node;
    auto operator<=>(const Target&) const = default;
    std::string str() const; ///< "shop/web on web-1"
};

/// What a target should have, as orders carry it ("desired" in docs/protocol.md): release, packages, resolved
/// settings, consumed services with the addresses of their producers, peers, node.
struct Desired {
    Target target;
    base::Value document;
};

/// All targets of a release in an environment with what each should have.
/// @throws base::Error{Input}: a component without nodes; a node with a component that the application does
/// not have; a setting that no package of the component knows (with the nearest), or out of bounds, or
/// missing; two components on one node of which one conflicts with the other; a `migrate` that no package
/// brings; an external service that the environment does not give; two packages of one component that bring
/// a setting of the same name with different types.
std::vector<Desired> desired(const repo::Manifest& manifest, const base::Digest& manifest_digest,
                             const Environment& environment);

/// Refuses a node that has a component of this application together with one, of whatever application, that
/// it conflicts with. @throws base::Error{Input} `file:line: …` at the node.
void check_conflicts(const Application& application, const Environment& environment);

/// Where each setting's value comes from, for `env show --explain`.
std::map<std::string, Environment::Explained> explain_settings(const repo::Manifest& manifest,
                                                               const Environment& environment,
                                                               const base::ComponentName& component,
                                                               const DeclaredNode& node);

} // namespace workflows::engine
