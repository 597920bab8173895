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

/// Judges a simulation: returns if `expect.NAME(arguments…)` holds.
/// @throws base::Error{Input} without a place: what was expected and what was; also for arguments that make
/// no sense.
void expect(std::string_view name, const base::Array& arguments, const Played& played);

} // namespace workflows::simulator
