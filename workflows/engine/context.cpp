// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// What scripts call. Functions that Lua calls: they own nothing (lua.hpp).
#include "workflows/engine/context.hpp"

#include "base/error.hpp"
#include "base/fields.hpp"

#include <algorithm>
#include <cstring>

namespace workflows::engine {
namespace {

constexpr const char* deferred_key = "tiercel.deferred";
constexpr lua_Integer most_deferred = 100;

// Of the function that is running: upvalue 1 is ctx, upvalue 2 the place of its method in the table.
const Method& method_of(lua_State* state) {
    return methods()[static_cast<std::size_t>(lua_tointeger(state, lua_upvalueindex(2)))];
}

bool takes_function(const Method& method) noexcept {
    return !method.arguments.empty() && method.arguments[0].slot == Slot::Function;
}

bool is_defer(const Method& method) noexcept {
    return method.name == "defer";
}

// Leaves the list of deferred functions on the stack; its length.
lua_Integer deferred_list(lua_State* state) {
    if (lua_getfield(state, LUA_REGISTRYINDEX, deferred_key) != LUA_TTABLE) {
        lua_pop(state, 1);
        lua_newtable(state);
        lua_pushvalue(state, -1);
        lua_setfield(state, LUA_REGISTRYINDEX, deferred_key);
    }
    return static_cast<lua_Integer>(lua_rawlen(state, -1));
}

// The host resumes with (true, value) or (false, message).
int answered(lua_State* state, int, lua_KContext) {
    if (lua_toboolean(state, -2) != 0) {
        return 1;
    }
    if (is_defer(method_of(state))) {
        const lua_Integer last = deferred_list(state);
        lua_pushnil(state);
        lua_rawseti(state, -2, last);
        lua_pop(state, 1);
    }
    return luaL_error(state, "%s", lua_tostring(state, -1));
}

// (ctx, arguments…) on the stack: gives (method, arguments…) to the host.
int give_call(lua_State* state) {
    lua_pushvalue(state, lua_upvalueindex(2));
    lua_replace(state, 1);
    return lua_yieldk(state, lua_gettop(state), 0, answered);
}

int side_effect_done(lua_State* state, int, lua_KContext) {
    lua_replace(state, 2);
    lua_settop(state, 2);
    return give_call(state);
}

int call_method(lua_State* state) {
    const Method& method = method_of(state);
    const char* name = method.name.data(); // a literal
    const int most = static_cast<int>(method.arguments.size()) + (method.options.empty() ? 0 : 1);
    if (lua_rawequal(state, 1, lua_upvalueindex(1)) == 0) {
        return luaL_error(state, "write ctx:%s(…), with a colon", name);
    }
    if (lua_gettop(state) > 1 + most) {
        return luaL_error(state, "ctx:%s takes at most %d arguments", name, most);
    }
    lua_settop(state, 1 + most);
    if (!takes_function(method)) {
        return give_call(state);
    }
    if (lua_type(state, 2) != LUA_TFUNCTION) {
        return luaL_error(state, "ctx:%s: the first argument is a %s, but must be a function", name,
                          luaL_typename(state, 2));
    }
    if (is_defer(method)) {
        const lua_Integer count = deferred_list(state);
        if (count >= most_deferred) {
            return luaL_error(state, "ctx:defer: at most %d functions can be deferred",
                              static_cast<int>(most_deferred));
        }
        lua_pushvalue(state, 2);
        lua_rawseti(state, -2, count + 1);
        lua_settop(state, 1);
        return give_call(state);
    }
    lua_pushvalue(state, 2);
    lua_callk(state, 0, 1, 0, side_effect_done);
    return side_effect_done(state, LUA_OK, 0);
}

// Kept apart from the raising function: it owns strings.
void nearest_member(lua_State* state, const char* wanted, char* said, std::size_t size) noexcept {
    std::vector<std::string> names;
    for (lua_pushnil(state); lua_next(state, 1) != 0; lua_pop(state, 1)) {
        if (lua_type(state, -2) == LUA_TSTRING) {
            names.emplace_back(lua_tostring(state, -2));
        }
    }
    std::sort(names.begin(), names.end());
    const std::string text = base::hint(wanted, names);
    std::strncpy(said, text.c_str(), size - 1);
}

// __index: a slip of the pen must not read as "absent".
int unknown_member(lua_State* state) {
    if (lua_type(state, 1) != LUA_TTABLE || lua_type(state, 2) != LUA_TSTRING) {
        return 0;
    }
    char hint[160] = "";
    luaL_checkstack(state, 4, nullptr);
    nearest_member(state, lua_tostring(state, 2), hint, sizeof hint);
    return luaL_error(state, "%s '%s'%s", lua_tostring(state, lua_upvalueindex(1)), lua_tostring(state, 2),
                      hint);
}

int no_new_member(lua_State* state) {
    return luaL_error(state, "%s '%s', and nothing can be added; use a local variable",
                      lua_tostring(state, lua_upvalueindex(1)), luaL_tolstring(state, 2, nullptr));
}

// The members of the list in this member of the table on top.
void make_list_strict(lua_State* state, const char* list, const char* complaint) {
    lua_getfield(state, -1, list);
    const lua_Integer count = static_cast<lua_Integer>(lua_rawlen(state, -1));
    for (lua_Integer i = 1; i <= count; ++i) {
        lua_rawgeti(state, -1, i);
        be_strict(state, complaint);
        lua_pop(state, 1);
    }
    lua_pop(state, 1);
}

} // namespace

void be_strict(lua_State* state, const char* complaint) {
    lua_createtable(state, 0, 2);
    lua_pushstring(state, complaint);
    lua_pushcclosure(state, unknown_member, 1);
    lua_setfield(state, -2, "__index");
    lua_pushstring(state, complaint);
    lua_pushcclosure(state, no_new_member, 1);
    lua_setfield(state, -2, "__newindex");
    lua_setmetatable(state, -2);
}

void push_context(lua_State* state, const base::Value& model) {
    lua::push(state, model);
    make_list_strict(state, "levels", "a level has no");
    make_list_strict(state, "components", "a component has no");
    lua_Integer place = 0;
    for (const Method& method : methods()) {
        lua_pushvalue(state, -1);
        lua_pushinteger(state, place++);
        lua_pushcclosure(state, call_method, 2);
        lua_setfield(state, -2, method.name.data());
    }
    be_strict(state, "ctx has no");
}

ContextCall read_call(lua_State* thread, int values) {
    const int first = lua_gettop(thread) - values + 1;
    ContextCall call{&methods()[static_cast<std::size_t>(lua_tointeger(thread, first))], {}, {}};
    try {
        int at = first + 1;
        for (std::size_t i = 0; i < call.method->arguments.size(); ++i, ++at) {
            // The function of `defer` stays where it is.
            call.arguments.push_back(at < first + values ? lua::read(thread, at) : base::Value());
        }
        if (at < first + values) {
            call.options = lua::read(thread, at);
        }
    } catch (...) {
        lua_settop(thread, first - 1);
        throw;
    }
    lua_settop(thread, first - 1);
    return call;
}

bool push_deferred(lua_State* state, lua_State* thread, const char* outcome) {
    const lua_Integer last = deferred_list(state);
    if (last == 0) {
        return false;
    }
    lua_rawgeti(state, -1, last);
    lua_pushnil(state);
    lua_rawseti(state, -3, last);
    lua_pushstring(state, outcome);
    lua_xmove(state, thread, 2);
    return true;
}

} // namespace workflows::engine
