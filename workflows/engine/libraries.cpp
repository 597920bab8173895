// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// The list of what a script can reach, and our own versions of what Lua's own would make unbounded or
// different from run to run.
#include "workflows/engine/sandbox.hpp"

#include "base/fields.hpp"
#include "workflows/engine/foreign_words.hpp"

#include <algorithm>
#include <cstring>

namespace workflows::engine {
namespace {

// Lua text, so that its instructions are counted. Arguments: Lua's own next, type and error.
constexpr const char* prelude = R"lua(
local next, type, error = ...
local rank = { number = 1, string = 2, boolean = 3 }

local function earlier(a, b)
  local x, y = rank[type(a)], rank[type(b)]
  if x ~= y then return x < y end
  if x == 3 then return not a and b end
  return a < b
end

local function merge_sort(list, count, less)
  local from, to, width = list, {}, 1
  while width < count do
    for first = 1, count, 2 * width do
      local left, right = first, first + width
      local middle, last = right, first + 2 * width
      if middle > count + 1 then middle = count + 1 end
      if last > count + 1 then last = count + 1 end
      for at = first, last - 1 do
        if left < middle and (right >= last or not less(from[right], from[left])) then
          to[at] = from[left]
          left = left + 1
        else
          to[at] = from[right]
          right = right + 1
        end
      end
    end
    from, to, width = to, from, 2 * width
  end
  if from ~= list then
    for at = 1, count do list[at] = from[at] end
  end
end

local function want_table(value, name)
  if type(value) ~= "table" then
    error("bad argument #1 to '" .. name .. "' (table expected, got " .. type(value) .. ")", 3)
  end
end

local function sorted_keys(t, name)
  local keys, count = {}, 0
  for key in next, t do
    if not rank[type(key)] then
      error("'" .. name .. "' over a table with a " .. type(key) ..
            " as key, whose order would differ from run to run; use text or numbers as keys", 3)
    end
    count = count + 1
    keys[count] = key
  end
  merge_sort(keys, count, earlier)
  return keys, count
end

local function sorted_pairs(t)
  want_table(t, "pairs")
  local keys, count = sorted_keys(t, "pairs")
  local at = 0
  return function()
    while at < count do
      at = at + 1
      local value = t[keys[at]]
      if value ~= nil then return keys[at], value end
    end
  end, t, nil
end

local function sorted_next(t, after)
  want_table(t, "next")
  local keys, count = sorted_keys(t, "next")
  local at = 1
  if after ~= nil then
    while keys[at] ~= after do
      at = at + 1
      if at > count then error("'next' was given a key that the table does not have", 2) end
    end
    at = at + 1
  end
  if at <= count then return keys[at], t[keys[at]] end
  return nil
end

local function sort(t, less)
  want_table(t, "sort")
  merge_sort(t, #t, less or function(a, b) return a < b end)
end

return sorted_pairs, sorted_next, sort
)lua";

// Lua's own functions that need no bound.
constexpr const char* base_names[] = {"assert", "error", "ipairs", "select", "type"};
constexpr const char* math_names[] = {"abs", "ceil",       "floor", "fmod", "huge",      "max",  "maxinteger",
                                      "min", "mininteger", "modf",  "sqrt", "tointeger", "type", "ult"};
constexpr lua_Integer most_unpacked = 1000;
// Catching an error takes time in proportion to the calls that it is caught in (Lua measures its stack),
// which no instruction pays for: with few calls around it that is nothing.
constexpr int deepest_protected = 190;
constexpr std::int64_t steps_per_error = 1000; // up to 10 µs

// Upvalue 1 is Lua's own function, paid for by the size of its arguments before it runs; a table counts from
// as many arguments on as upvalue 2 says (appending is cheap, inserting in the middle moves the rest).
int paid(lua_State* state) {
    const int count = lua_gettop(state);
    std::int64_t steps = 1;
    for (int i = 1; i <= count; ++i) {
        if (lua_type(state, i) == LUA_TSTRING) {
            steps += static_cast<std::int64_t>(lua_rawlen(state, i) / 16);
        } else if (lua_istable(state, i) && count >= lua_tointeger(state, lua_upvalueindex(2))) {
            steps += static_cast<std::int64_t>(lua_rawlen(state, i));
        }
    }
    if (!Sandbox::of(state).spend(steps)) {
        return raise_spent(state);
    }
    return call_original(state);
}

int unpack(lua_State* state) {
    luaL_checktype(state, 1, LUA_TTABLE);
    const lua_Integer first = luaL_optinteger(state, 2, 1);
    const lua_Integer last = luaL_optinteger(state, 3, static_cast<lua_Integer>(lua_rawlen(state, 1)));
    if (first > last) {
        return 0;
    }
    if (static_cast<lua_Unsigned>(last) - static_cast<lua_Unsigned>(first) >= most_unpacked) {
        return luaL_error(state, "'unpack' gives at most %d values", static_cast<int>(most_unpacked));
    }
    const int count = static_cast<int>(last - first) + 1;
    luaL_checkstack(state, count, "too many values");
    for (lua_Integer i = first; i <= last; ++i) {
        lua_geti(state, 1, i);
    }
    return count;
}

// A kill is not the script's to handle: whoever catches it raises it again.
int after_protected(lua_State* state, int status, lua_KContext skipped) {
    if (Sandbox::of(state).killed()) {
        return lua_error(state);
    }
    if (status != LUA_OK && status != LUA_YIELD) {
        if (!Sandbox::of(state).spend(steps_per_error)) {
            return raise_spent(state);
        }
        lua_pushboolean(state, 0);
        lua_pushvalue(state, -2);
        return 2;
    }
    return lua_gettop(state) - static_cast<int>(skipped);
}

void check_depth(lua_State* state, const char* name) {
    lua_Debug frame{};
    if (lua_getstack(state, deepest_protected, &frame) != 0) {
        luaL_error(state, "'%s' is called inside more than %d calls", name, deepest_protected);
    }
}

int protected_call(lua_State* state) {
    check_depth(state, "pcall");
    luaL_checkany(state, 1);
    lua_pushboolean(state, 1);
    lua_insert(state, 1);
    const int status = lua_pcallk(state, lua_gettop(state) - 2, LUA_MULTRET, 0, 0, after_protected);
    return after_protected(state, status, 0);
}

int protected_call_with_handler(lua_State* state) {
    check_depth(state, "xpcall");
    const int arguments = lua_gettop(state) - 2;
    luaL_checktype(state, 2, LUA_TFUNCTION);
    lua_pushboolean(state, 1);
    lua_pushvalue(state, 1);
    lua_rotate(state, 3, 2);
    const int status = lua_pcallk(state, arguments, LUA_MULTRET, 2, 2, after_protected);
    return after_protected(state, status, 2);
}

// Addresses differ from run to run.
int to_text(lua_State* state) {
    luaL_checkany(state, 1);
    switch (lua_type(state, 1)) {
    case LUA_TNIL:
    case LUA_TBOOLEAN:
    case LUA_TNUMBER:
    case LUA_TSTRING:
        luaL_tolstring(state, 1, nullptr);
        break;
    default:
        lua_pushstring(state, luaL_typename(state, 1));
    }
    return 1;
}

// Kept apart from the raising function: it owns strings. The result is cut to fit.
void nearest_global(lua_State* state, const char* wanted, char* said, std::size_t size) noexcept {
    std::vector<std::string> names;
    lua_pushglobaltable(state);
    for (lua_pushnil(state); lua_next(state, -2) != 0; lua_pop(state, 1)) {
        if (lua_type(state, -2) == LUA_TSTRING) {
            names.emplace_back(lua_tostring(state, -2));
        }
    }
    lua_pop(state, 1);
    std::sort(names.begin(), names.end());
    const std::string text = instead_of_name(wanted, names);
    std::strncpy(said, text.c_str(), size - 1);
}

int unknown_global(lua_State* state) {
    char hint[160] = "";
    if (lua_type(state, 2) != LUA_TSTRING) {
        return 0;
    }
    lua_checkstack(state, 8);
    nearest_global(state, lua_tostring(state, 2), hint, sizeof hint);
    return luaL_error(state, "unknown name '%s'%s", lua_tostring(state, 2), hint);
}

void copy(lua_State* state, int from, const char* const* names, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
        lua_getfield(state, from, names[i]);
        lua_setfield(state, -2, names[i]);
    }
}

void set_function(lua_State* state, const char* name, lua_CFunction function) {
    lua_pushcfunction(state, function);
    lua_setfield(state, -2, name);
}

} // namespace

int raise_spent(lua_State* state) {
    lua_pushnil(state); // a message would need memory, which a killed script does not get
    return lua_error(state);
}

int call_original(lua_State* state) {
    lua_pushvalue(state, lua_upvalueindex(1));
    lua_insert(state, 1);
    const int status = lua_pcall(state, lua_gettop(state) - 1, LUA_MULTRET, 0);
    if (status == LUA_OK) {
        return lua_gettop(state);
    }
    // Lua puts the place of the caller into the message, and the caller was C.
    const std::string& name = Sandbox::of(state).name();
    if (status == LUA_ERRRUN && !Sandbox::of(state).killed() && lua_type(state, -1) == LUA_TSTRING &&
        std::strncmp(lua_tostring(state, -1), name.c_str(), name.size()) != 0) {
        luaL_where(state, 1);
        lua_insert(state, -2);
        lua_concat(state, 2);
    }
    return lua_error(state);
}

void set_paid(lua_State* state, int from, const char* name, int arguments) {
    lua_getfield(state, from, name);
    lua_pushinteger(state, arguments);
    lua_pushcclosure(state, paid, 2);
    lua_setfield(state, -2, name);
}

void open_libraries(lua_State* state) {
    // Lua's own tables stay on this stack and in the registry, where no script gets.
    constexpr int base = 1, math = 2, table = 3, string = 4, globals = 5;
    luaL_requiref(state, LUA_GNAME, luaopen_base, 0);
    luaL_requiref(state, LUA_MATHLIBNAME, luaopen_math, 0);
    luaL_requiref(state, LUA_TABLIBNAME, luaopen_table, 0);
    luaL_requiref(state, LUA_STRLIBNAME, luaopen_string, 0);

    lua_newtable(state);
    copy(state, base, base_names, std::size(base_names));
    set_paid(state, base, "tonumber", 1);
    set_function(state, "pcall", protected_call);
    set_function(state, "xpcall", protected_call_with_handler);
    set_function(state, "tostring", to_text);

    lua_newtable(state);
    copy(state, math, math_names, std::size(math_names));
    lua_setfield(state, globals, LUA_MATHLIBNAME);

    lua_newtable(state);
    open_text_functions(state, string);
    lua_setfield(state, globals, LUA_STRLIBNAME);

    lua_newtable(state);
    set_paid(state, table, "concat", 1);
    set_paid(state, table, "insert", 3);
    set_paid(state, table, "remove", 2);
    set_paid(state, table, "pack", LUAI_MAXSTACK);
    set_function(state, "unpack", unpack);

    if (luaL_loadbufferx(state, prelude, std::strlen(prelude), "=prelude", "t") != LUA_OK) {
        lua_error(state);
    }
    lua_getfield(state, base, "next");
    lua_getfield(state, base, "type");
    lua_getfield(state, base, "error");
    lua_call(state, 3, 3);
    lua_setfield(state, -4, "sort");
    lua_setfield(state, globals, "next");
    lua_setfield(state, globals, "pairs");
    lua_setfield(state, globals, LUA_TABLIBNAME);

    lua_newtable(state);
    set_function(state, "__index", unknown_global);
    lua_setmetatable(state, globals);
    lua_settop(state, globals);
    lua_rawseti(state, LUA_REGISTRYINDEX, LUA_RIDX_GLOBALS);
}

} // namespace workflows::engine
