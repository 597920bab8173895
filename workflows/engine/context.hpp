// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "workflows/engine/lua.hpp"
#include "workflows/engine/methods.hpp"

namespace workflows::engine {

/// Pushes `ctx` with all methods of the table and these members (ScriptModel::to_value). Reading what it does
/// not have is an error with the nearest name; so is writing. Raises Lua errors.
void push_context(lua_State* state, const base::Value& model);

/// Makes the table on top of the stack refuse unknown members: "<complaint> 'x'; did you mean …". Raises.
void be_strict(lua_State* state, const char* complaint);

/// A call of a method, as the script wrote it.
struct ContextCall {
    const Method* method;
    std::vector<base::Value> arguments; ///< null where nothing was written
    base::Value options;
};
/// The call that a thread has yielded with so many values, which are popped. Raises nothing.
/// @throws base::Error{Input} without a place: something in it is no data.
ContextCall read_call(lua_State* thread, int values);

/// Moves the function that was deferred last to `thread`, with `outcome` as its argument; false when there
/// is none. Raises.
bool push_deferred(lua_State* state, lua_State* thread, const char* outcome);

} // namespace workflows::engine
