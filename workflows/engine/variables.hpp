// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "repo/manifest.hpp"
#include "workflows/engine/application.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace workflows::engine {

/// The names that templates, commands and URLs of a component may use (docs/formats.md), known from the
/// release alone. This room does not parse templates: who does (`release create`, the plan) asks for each
/// path that a text reads (templates::Template::uses()).
struct Variables {
    std::vector<std::string> names; ///< sorted: "settings.port", "consumes.backends", "node.root", "peers" …
    std::vector<std::string> open;  ///< below these any name may follow: "node.labels", "node.addresses"

    /// Why a path cannot be read, or nothing: `'settings.prot' is undefined; did you mean 'settings.port'?`.
    /// A path may go on below a name that is no record of ours ("consumes.backends.0.port").
    std::optional<std::string> objection(std::string_view path) const;
};

/// @throws base::Error{Input} as schema_of does.
Variables variables_of(const repo::Manifest& manifest, const Application& application,
                       const Component& component);

} // namespace workflows::engine
