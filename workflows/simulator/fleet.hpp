// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "workflows/engine/application.hpp"
#include "workflows/engine/run.hpp"
#include "workflows/simulator/scenario.hpp"

#include <cstddef>
#include <map>
#include <string>
#include <vector>

namespace workflows::simulator {

/// Where a simulated run takes place.
struct Fleet {
    std::vector<std::vector<base::ComponentName>> levels;
    std::size_t nodes = 0;
    std::map<base::ComponentName, std::string> migrate{}; ///< as app.lua names it
    /// Packaged commands, instead of `refresh` and `measure`.
    std::map<base::ComponentName, std::vector<engine::PackagedCommand>> commands{};

    /// An application's levels. @throws base::Error{Input} for fewer nodes than components.
    static Fleet of(const engine::Application& application, std::size_t nodes);
    /// An application that has no other purpose: levels of one component each, "app/level-0" …
    static Fleet of_levels(std::size_t levels, std::size_t nodes);

    /// A run of this workflow: a deployment of APP/2.0 over 1.0, an operation on 1.0, or the way back
    /// from 2.0 to 1.0. The nodes are dealt out to the components in turn, named after them ("web-1", "web-2"
    /// …), with labels: `zone` a, b, c in turn, `rack`, twenty nodes of a zone each ("a-1"), `color` blue and
    /// green in turn. A component whose commands nobody has named has `refresh` and `measure`, and its
    /// migration, which runs once.
    engine::RunInput input(const Workflow& workflow, const base::Object& params) const;
};

} // namespace workflows::simulator
