// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "workflows/engine/environment.hpp"

namespace workflows::engine {

/// Of a file that somebody writes now: its nodes have the labels, names and applications that overrides and
/// settings speak of, and templates and checks can use what external services offer. Not asked of what is
/// stored: the settings of then, which a rollback brings back, may speak of nodes and applications that have
/// left since.
/// @throws base::Error{Input} `file:line: …` with the nearest name that is there.
void check_names(const Environment& environment);

} // namespace workflows::engine
