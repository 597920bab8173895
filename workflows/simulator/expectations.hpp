// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/value.hpp"
#include "workflows/simulator/scenario.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace workflows::simulator {

/// The words after `expect.`, in alphabetical order.
const std::vector<std::string>& expectations();

/// Judges what came of a run with this input: returns if `expect.NAME(arguments…)` holds.
/// @throws base::Error{Input} without a place: what was expected and what was; also for arguments that make
/// no sense, and for a name that is none, with the nearest.
void expect(std::string_view name, const base::Array& arguments, const engine::RunInput& input,
            const Played& played);

/// @throws base::Error{Input} for a name that is no expectation.
void find_expectation(std::string_view name);

} // namespace workflows::simulator
