// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "workflows/engine/run.hpp"

#include <string_view>

namespace workflows::engine {

/// What runs a workflow is for, from its text: a deployment when somewhere in it ctx:update may be called,
/// also in functions that it hands ctx to, and ctx under other names; else an operation. Comments and methods
/// of other objects do not count. Text that is no Lua is an operation. Does not run it.
RunKind kind_of_script(std::string_view source);

} // namespace workflows::engine
