// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "workflows/simulator/scenario.hpp"
#include "workflows/simulator/test_file.hpp"

namespace workflows::simulator {

/// What a test file says with `simulate { … }` (docs/simulator.md).
/// @throws base::Error{Input} without a place: `simulate: unknown key 'nods'; did you mean 'nodes'?`
Scenario scenario_of_test(const base::Value& arguments, const TestSurroundings& surroundings);

} // namespace workflows::simulator
