// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "workflows/engine/lua.hpp"

#include "base/error.hpp"

#include <algorithm>
#include <cmath>

namespace workflows::engine::lua {
namespace {

constexpr int deepest = 32;
// Tables may be shared, so that what is small in Lua would be huge as data.
constexpr std::size_t most_values = 10'000;
constexpr std::size_t most_text_bytes = 2u << 20;

struct Budget {
    std::size_t values = 0;
    std::size_t text_bytes = 0;

    void take(std::size_t bytes) {
        text_bytes += bytes;
        if (++values > most_values || text_bytes > most_text_bytes) {
            throw base::Error(base::Fault::Input, "data of more than {} values, or {} MiB of text",
                              most_values, most_text_bytes >> 20);
        }
    }
};

std::string text_at(lua_State* state, int index) {
    std::size_t size = 0;
    const char* text = lua_tolstring(state, index, &size);
    return {text, size};
}

base::Value read_at(lua_State* state, int index, int depth, Budget& budget);

base::Value read_list(lua_State* state, int index, lua_Unsigned count, int depth, Budget& budget) {
    base::Array list;
    for (lua_Unsigned i = 1; i <= count; ++i) {
        lua_rawgeti(state, index, static_cast<lua_Integer>(i));
        list.push_back(read_at(state, lua_gettop(state), depth + 1, budget));
        lua_pop(state, 1);
    }
    return list;
}

base::Value read_table(lua_State* state, int index, int depth, Budget& budget) {
    if (depth >= deepest || lua_checkstack(state, 4) == 0) {
        throw base::Error(base::Fault::Input, "tables are nested more than {} deep", deepest);
    }
    const lua_Unsigned count = lua_rawlen(state, index);
    std::size_t keys = 0;
    base::Object record;
    for (lua_pushnil(state); lua_next(state, index) != 0; lua_pop(state, 1)) {
        ++keys;
        if (count > 0) {
            continue;
        }
        if (lua_type(state, -2) != LUA_TSTRING) {
            throw base::Error(base::Fault::Input, "a key is a {}, but must be text, or all of 1, 2, 3 …",
                              luaL_typename(state, -2));
        }
        std::string name = text_at(state, -2);
        budget.text_bytes += name.size();
        record.members.push_back({std::move(name), read_at(state, lua_gettop(state), depth + 1, budget), 0});
    }
    if (count > 0) {
        if (keys != count) {
            throw base::Error(base::Fault::Input, "a table is both a list and a record, or a list with gaps");
        }
        return read_list(state, index, count, depth, budget);
    }
    std::sort(record.members.begin(), record.members.end(),
              [](const base::Member& left, const base::Member& right) { return left.name < right.name; });
    return record;
}

base::Value read_at(lua_State* state, int index, int depth, Budget& budget) {
    budget.take(lua_type(state, index) == LUA_TSTRING ? lua_rawlen(state, index) : 0);
    switch (lua_type(state, index)) {
    case LUA_TNONE:
    case LUA_TNIL:
        return nullptr;
    case LUA_TBOOLEAN:
        return lua_toboolean(state, index) != 0;
    case LUA_TNUMBER:
        if (lua_isinteger(state, index) != 0) {
            return std::int64_t{lua_tointeger(state, index)};
        }
        if (!std::isfinite(lua_tonumber(state, index))) {
            throw base::Error(base::Fault::Input, "a number is {}, which is no data",
                              lua_tonumber(state, index));
        }
        return double{lua_tonumber(state, index)};
    case LUA_TSTRING:
        return text_at(state, index);
    case LUA_TTABLE:
        return read_table(state, index, depth, budget);
    default:
        throw base::Error(base::Fault::Input, "a {} stands where data is expected",
                          luaL_typename(state, index));
    }
}

} // namespace

base::Value read(lua_State* state, int index) {
    const int top = lua_gettop(state);
    try {
        Budget budget;
        return read_at(state, lua_absindex(state, index), 0, budget);
    } catch (...) {
        lua_settop(state, top);
        throw;
    }
}

void push(lua_State* state, const base::Value& value) {
    luaL_checkstack(state, 4, "values are nested too deep");
    if (const bool* flag = value.flag()) {
        lua_pushboolean(state, *flag ? 1 : 0);
    } else if (const std::int64_t* whole = value.whole()) {
        lua_pushinteger(state, *whole);
    } else if (const double* number = value.number()) {
        lua_pushnumber(state, *number);
    } else if (const std::string* text = value.text()) {
        lua_pushlstring(state, text->data(), text->size());
    } else if (const base::Array* list = value.array()) {
        lua_createtable(state, static_cast<int>(list->size()), 0);
        lua_Integer position = 0;
        for (const base::Value& item : *list) {
            push(state, item);
            lua_rawseti(state, -2, ++position);
        }
    } else if (const base::Object* record = value.object()) {
        lua_createtable(state, 0, static_cast<int>(record->size()));
        for (const base::Member& member : record->members) {
            lua_pushlstring(state, member.name.data(), member.name.size());
            push(state, member.value);
            lua_rawset(state, -3);
        }
    } else {
        lua_pushnil(state);
    }
}

int line_at(lua_State* state, int level) {
    lua_Debug frame{};
    if (lua_getstack(state, level, &frame) == 0 || lua_getinfo(state, "l", &frame) == 0) {
        return 0;
    }
    return std::max(frame.currentline, 0);
}

void set_lines(base::Value& value, int line) {
    if (value.line == 0) {
        value.line = line;
    }
    if (base::Array* list = value.array()) {
        for (base::Value& item : *list) {
            set_lines(item, line);
        }
    } else if (base::Object* record = value.object()) {
        for (base::Member& member : record->members) {
            member.line = member.line == 0 ? line : member.line;
            set_lines(member.value, line);
        }
    }
}

} // namespace workflows::engine::lua
