// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/runs/footprint.hpp"

#include <algorithm>
#include <fmt/format.h>

namespace dispatcher::runs {

Footprint Footprint::of(const std::string& application, const workflows::engine::Environment& environment) {
    Footprint footprint{application, {}};
    for (const workflows::engine::DeclaredNode& node : environment.nodes) {
        if (std::any_of(node.components.begin(), node.components.end(),
                        [&](const base::ComponentName& component) {
                            return base::before_slash(component) == application;
                        })) {
            footprint.nodes.insert(node.name);
        }
    }
    return footprint;
}

std::optional<std::string> Footprint::meets(const Footprint& other) const {
    if (application == other.application) {
        return fmt::format("application '{}'", application);
    }
    for (const base::NodeName& node : nodes) {
        if (other.nodes.contains(node)) {
            return fmt::format("node '{}'", node);
        }
    }
    return std::nullopt;
}

} // namespace dispatcher::runs
