// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// Lua's string functions with bounds: patterns by their worst case, format without addresses.
#include "workflows/engine/sandbox.hpp"

#include <cmath>

namespace workflows::engine {
namespace {

// A pattern step takes about 10 ns: 0.1 s at most for one call.
constexpr double most_pattern_steps = 1e7;
constexpr double pattern_steps_per_step = 16;

// Draws the worst case of a search on the budget, or raises.
void pay_for_search(lua_State* state, const char* function, bool plain, bool may_anchor) {
    std::size_t subject_size = 0;
    std::size_t pattern_size = 0;
    luaL_checklstring(state, 1, &subject_size);
    const char* pattern = luaL_checklstring(state, 2, &pattern_size);
    const bool anchored = may_anchor && pattern_size > 0 && pattern[0] == '^';
    const double cost = plain ? static_cast<double>(subject_size + 1) * static_cast<double>(pattern_size + 1)
                              : pattern_cost(subject_size, {pattern, pattern_size}, anchored);
    if (cost > most_pattern_steps) {
        luaL_error(state,
                   "'%s' could take more than %d steps for this pattern in a text of %d bytes; use a shorter "
                   "text, fewer of * + - ? or "
                   "a pattern that begins with ^",
                   function, static_cast<int>(most_pattern_steps), static_cast<int>(subject_size));
    }
    if (!Sandbox::of(state).spend(static_cast<std::int64_t>(cost / pattern_steps_per_step) + 1)) {
        raise_spent(state);
    }
}

int find(lua_State* state) {
    pay_for_search(state, "find", lua_toboolean(state, 4) != 0, true);
    return call_original(state);
}

int match(lua_State* state) {
    pay_for_search(state, "match", false, true);
    return call_original(state);
}

int gmatch(lua_State* state) {
    pay_for_search(state, "gmatch", false, false);
    return call_original(state);
}

int gsub(lua_State* state) {
    pay_for_search(state, "gsub", false, true);
    return call_original(state);
}

// Addresses differ from run to run: no %p, and what is no text or number is shown as the name of its type.
int format(lua_State* state) {
    const char* text = luaL_checkstring(state, 1);
    for (const char* at = text; *at != '\0'; ++at) {
        if (at[0] == '%' && at[1] == '%') {
            ++at;
        } else if (at[0] == '%') {
            while (at[1] != '\0' &&
                   std::string_view("-+ #0123456789.").find(at[1]) != std::string_view::npos) {
                ++at;
            }
            if (at[1] == 'p') {
                return luaL_error(state, "'format' has no %%p here: addresses differ from run to run");
            }
        }
    }
    for (int i = 2; i <= lua_gettop(state); ++i) {
        const int type = lua_type(state, i);
        if (type == LUA_TTABLE || type == LUA_TFUNCTION || type == LUA_TUSERDATA || type == LUA_TTHREAD) {
            lua_pushstring(state, luaL_typename(state, i));
            lua_replace(state, i);
        }
    }
    return call_original(state);
}

void set_bounded(lua_State* state, int original, const char* name, lua_CFunction function) {
    lua_getfield(state, original, name);
    lua_pushcclosure(state, function, 1);
    lua_setfield(state, -2, name);
}

} // namespace

double pattern_cost(std::size_t subject_bytes, std::string_view pattern, bool anchored) noexcept {
    int repetitions = anchored ? 0 : 1; // from every place of the subject is one factor too
    for (std::size_t i = 0; i < pattern.size(); ++i) {
        switch (pattern[i]) {
        case '%':
            // %b, %f and back references walk over the subject, too.
            ++i;
            if (i < pattern.size() &&
                std::string_view("bf0123456789").find(pattern[i]) != std::string_view::npos) {
                ++repetitions;
            }
            break;
        case '[': {
            // Inside a set they are plain characters. An unclosed set counts to the end: Lua refuses it
            // anyway.
            i += pattern.substr(i + 1).starts_with('^') ? 2 : 1;
            for (bool first = true; i < pattern.size() && (first || pattern[i] != ']'); ++i, first = false) {
                i += pattern[i] == '%' ? 1 : 0;
            }
            break;
        }
        case '*':
        case '+':
        case '-':
        case '?':
            ++repetitions;
            break;
        default:
            break;
        }
    }
    return static_cast<double>(pattern.size() + 1) *
           std::pow(static_cast<double>(subject_bytes + 1), repetitions);
}

void open_text_functions(lua_State* state, int original) {
    for (const char* name : {"byte", "char", "len", "lower", "rep", "reverse", "sub", "upper"}) {
        set_paid(state, original, name, 1);
    }
    set_bounded(state, original, "find", find);
    set_bounded(state, original, "match", match);
    set_bounded(state, original, "gmatch", gmatch);
    set_bounded(state, original, "gsub", gsub);
    set_bounded(state, original, "format", format);

    // What a literal's methods are: ours, too. Lua's own table would bring dump and unbounded patterns back
    // in.
    lua_pushliteral(state, "");
    lua_getmetatable(state, -1);
    lua_pushvalue(state, -3);
    lua_setfield(state, -2, "__index");
    lua_pop(state, 2);
}

} // namespace workflows::engine
