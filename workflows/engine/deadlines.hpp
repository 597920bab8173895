// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/fields.hpp"
#include "workflows/engine/run.hpp"

#include <map>

namespace workflows::engine {

/// How long an order of this kind may take, from being sent to its report, if the workflow does not say
/// otherwise. What is inside a step (a check, a command, a service's start) has shorter deadlines of its own
/// in the packages.
base::Duration default_deadline(OrderKind kind) noexcept;

/// `deadlines = { apply = "20m" }`. @throws base::Error{Input} for an unknown step or an empty duration.
std::map<OrderKind, base::Duration> read_deadlines(const base::Fields& fields);

} // namespace workflows::engine
