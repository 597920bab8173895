// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/name.hpp"
#include "base/value.hpp"
#include "repo/manifest.hpp"

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace workflows::engine {

/// A field that a service hands to its consumers: a setting of the producing component, or a literal.
struct SettingName {
    std::string name;
};
using ProducedField = std::variant<SettingName, base::Value>;

struct Component {
    std::string name; ///< without the application: "web"
    int line = 0;     ///< where it begins in the document that it was read from
    std::vector<std::string> packages;
    bool peers = false;                                                   ///< templates see `peers`
    std::map<std::string, std::map<std::string, ProducedField>> produces; ///< service → fields
    struct Consumed {
        std::string service;
        bool external = false;
    };
    std::map<std::string, Consumed> consumes; ///< name in templates → service
    std::optional<std::string>
        migrate; ///< packaged command that runs once, between the first target's apply and restart
    std::vector<base::ComponentName>
        conflicts; ///< components, also of other applications, that must not share a node with it
};

/// What app.lua says: components and the services between them.
struct Application {
    std::string name;
    std::vector<Component> components; ///< as written

    /// Evaluates app.lua in the sandbox: text chunk only, `application`, `component`, `setting`, `external`
    /// and nothing else.
    /// @throws base::Error{Input} `app.lua:line: …` for syntax, unknown keys (with the nearest known), a
    /// service that nobody produces or two produce, a cycle (with its path: `shop/app -> shop/db ->
    /// shop/app`), a component named twice, no components, a conflict with a component that is not there.
    static Application evaluate(std::string_view source, const std::string& file);
    base::Value to_value() const;
    static Application from_value(const base::Value& value, const std::string& file);

    const Component& component(std::string_view name) const;
    base::ComponentName full_name(const Component& component) const;
    /// Components at the same depth of the produce/consume graph; level 0 depends on nothing and goes first.
    std::vector<std::vector<base::ComponentName>> levels() const;
};

} // namespace workflows::engine
