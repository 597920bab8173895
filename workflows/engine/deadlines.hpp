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

/// How long a run waits for the word of a person who was asked nothing with a deadline of its own: when it is
/// paused, asks what to do about a failure, or its script has failed. A weekend and a day.
inline constexpr base::Duration patience = std::chrono::hours(72);

/// How long a rollback waits for nodes that are away before it goes back without them: as long as one needs
/// that is just restarting its client.
inline constexpr base::Duration patience_with_absent = std::chrono::seconds(30);

/// `deadlines = { apply = "20m" }`. @throws base::Error{Input} for an unknown step or an empty duration.
std::map<OrderKind, base::Duration> read_deadlines(const base::Fields& fields);

} // namespace workflows::engine
