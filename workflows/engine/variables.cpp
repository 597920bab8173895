// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "workflows/engine/variables.hpp"

#include "base/fields.hpp"
#include "workflows/engine/schema.hpp"

#include <algorithm>

namespace workflows::engine {
namespace {

bool below(std::string_view path, std::string_view name) {
    return path.size() > name.size() && path.starts_with(name) && path[name.size()] == '.';
}

// Groups: reading one as a whole ("{% for name in settings %}") is no mistake.
bool is_group(std::string_view path) {
    return path == "node" || path == "settings" || path == "consumes" || path == "node.labels" ||
           path == "node.addresses";
}

} // namespace

std::optional<std::string> Variables::objection(std::string_view path) const {
    if (is_group(path)) {
        return std::nullopt;
    }
    for (const std::string& name : names) {
        // Settings and names are single values; what the environment or other components give has fields of
        // its own.
        if (path == name || (below(path, name) && (name == "peers" || name.starts_with("consumes.")))) {
            return std::nullopt;
        }
    }
    for (const std::string& name : open) {
        if (below(path, name)) {
            return std::nullopt;
        }
    }
    return fmt::format("'{}' is undefined{}", path, base::hint(path, names));
}

Variables variables_of(const repo::Manifest& manifest, const Application& application,
                       const Component& component) {
    Variables variables{
        {"application", "component", "environment", "node.address", "node.name", "node.root", "release"},
        {"node.addresses", "node.labels"}};
    for (const auto& [name, known] : schema_of(manifest, application, component)) {
        variables.names.push_back("settings." + name);
    }
    for (const auto& [name, consumed] : component.consumes) {
        variables.names.push_back("consumes." + name);
    }
    if (component.peers) {
        variables.names.push_back("peers");
    }
    std::sort(variables.names.begin(), variables.names.end());
    return variables;
}

} // namespace workflows::engine
