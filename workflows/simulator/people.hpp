// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "workflows/engine/run.hpp"
#include "workflows/simulator/chance.hpp"

#include <optional>
#include <vector>

namespace workflows::simulator {

/// What somebody does about a run that waits for a person: one of the verbs that it names (run explain). With
/// the probability `harsh` something that ends it or leaves somebody behind, else what brings it forward.
engine::Signalled decide(const std::vector<engine::Waiting>& waiting, double harsh, Chance& chance);

} // namespace workflows::simulator
