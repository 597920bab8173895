// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "workflows/engine/run.hpp"

#include <string_view>

namespace workflows::engine {

/// The one table of what a target may do next. Everything that is not in it is a defect of ours, and stops
/// the run.
bool may_follow(TargetState before, TargetState after) noexcept;

/// From drain to undrain, on either way: an order is out or has just been answered.
bool is_under_way(TargetState state) noexcept;

/// What a target is while this order is out, on the way; and which one it was.
TargetState state_of(OrderKind kind) noexcept;
OrderKind step_of(TargetState state) noexcept;

/// The word for a step that a node answered with this code: refused for what it would not do, quarantined,
/// unreachable, else failed.
TargetState failure_state(std::string_view code) noexcept;

/// @throws base::Error{Corrupt} for a word that no state has.
TargetState target_state_from(std::string_view word);

} // namespace workflows::engine
