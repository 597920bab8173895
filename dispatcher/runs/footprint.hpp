// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/name.hpp"
#include "workflows/engine/environment.hpp"

#include <optional>
#include <set>
#include <string>

namespace dispatcher::runs {

/// What a run takes up in its environment. Two whose footprints meet are not under way together (law 14): a
/// node acts for one run at a time, and budgets are of components, which are of one application.
struct Footprint {
    std::string application;
    std::set<base::NodeName> nodes;

    /// Of a run that has not started: the nodes that have components of the application today.
    static Footprint of(const std::string& application, const workflows::engine::Environment& environment);

    /// Where two runs meet, in words: "application 'shop'", "node 'web-1'".
    std::optional<std::string> meets(const Footprint& other) const;
};

} // namespace dispatcher::runs
