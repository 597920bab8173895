// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/name.hpp"
#include "base/value.hpp"

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace workflows::engine {

struct DeclaredNode {
    base::NodeName name;
    std::vector<base::ComponentName> components;
    std::map<std::string, std::string> addresses; ///< by purpose; "service" is what consumers get
    std::map<std::string, std::string> labels;
};

/// environments/NAME.toml: nodes, settings, overrides, externals.
struct Environment {
    base::EnvironmentName name;
    std::string channel;
    std::vector<DeclaredNode> nodes; ///< sorted by name
    base::Value document;            ///< the whole file as read, with lines
    std::string file;

    /// @throws base::Error{Input} `file:line: …`: unknown key, wrong type, a node declared twice, an address
    /// missing.
    static Environment from_value(const base::Value& document, const std::string& file);
    const DeclaredNode* find(const base::NodeName& node) const noexcept;
    /// Nodes of a component, sorted by name.
    std::vector<const DeclaredNode*> nodes_of(const base::ComponentName& component) const;

    struct Explained {
        base::Value value;
        std::string from; ///< "environments/prod.toml:12", "override rack=a, environments/prod.toml:20",
                          ///< "default of shop-app-1.0-1.noarch"
    };
    /// The settings written for this component on this node, most specific last wins; without the packages'
    /// defaults.
    std::map<std::string, Explained> settings(const base::ComponentName& component,
                                              const DeclaredNode& node) const;
};

} // namespace workflows::engine
