// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "workflows/engine/run.hpp"
#include "workflows/simulator/chance.hpp"

#include <optional>
#include <string_view>
#include <vector>

namespace workflows::simulator {

/// Whether somebody who always says `verb` has something to say to that: a script that has failed takes
/// "continue", "rollback" and "cancel" only.
bool fits(std::string_view verb, const std::vector<engine::Waiting>& waiting);

/// What somebody does about a run that waits for a person: one of the verbs that it names (run explain). With
/// the probability `harsh` something that ends it or leaves somebody behind, else what brings it forward.
engine::Signalled decide(const std::vector<engine::Waiting>& waiting, double harsh, Chance& chance);

} // namespace workflows::simulator
