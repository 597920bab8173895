// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/value.hpp"

#include <lua.hpp>

#include <string>

/// The only place that includes Lua's headers. Lua reports errors with longjmp, which skips destructors. So
/// here: functions that Lua calls own nothing; what C++ needs is left on the stack and read by the host when
/// no Lua frame is above it.
namespace workflows::engine::lua {

/// The value at `index` as data. Never raises a Lua error: safe between C++ objects. A table with the
/// keys 1..n is a list, one with text keys a record (members sorted by name), an empty one an empty record.
/// Functions, mixed keys, more than 32 levels, 10,000 values or 2 MiB of text are refused.
/// @throws base::Error{Input} without a place.
base::Value read(lua_State* state, int index);

/// Pushes a copy. Raises Lua's memory error: only inside Sandbox::protect or a function that Lua called.
void push(lua_State* state, const base::Value& value);

/// The line that the script is at in the function `level` frames up; 0 when unknown.
int line_at(lua_State* state, int level);

/// Data that was read from a call at `line`: the line for every value that has none yet.
void set_lines(base::Value& value, int line);

} // namespace workflows::engine::lua
