// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "workflows/simulator/test_file.hpp"

#include "base/error.hpp"
#include "workflows/engine/sandbox.hpp"
#include "workflows/simulator/expectations.hpp"
#include "workflows/simulator/scenario_of_test.hpp"

#include <optional>

namespace workflows::simulator {

using namespace engine;

namespace {

constexpr const char* host_key = "tiercel.tests";

base::Value summary_of(const Played& played) {
    base::Object counts;
    for (const auto& [state, count] : played.counts) {
        counts.set(state, static_cast<std::int64_t>(count));
    }
    return base::Object{{"outcome", played.outcome},   {"reason", played.reason},
                        {"counts", std::move(counts)}, {"lasted", base::to_text(played.lasted)},
                        {"orders", played.orders},     {"events", played.events}};
}

/// What the functions that Lua calls work on. Their C++ objects live here: Lua's errors jump over theirs.
struct Host {
    const TestSurroundings& surroundings;
    std::string file;
    std::vector<TestResult> results;
    std::optional<Scenario> scenario;
    std::optional<Played> played;
    base::Value summary;
    std::string message;

    /// Nothing, or what is wrong. Nothing of Lua's is raised in here.
    template <class Act> const char* attempt(Act act) noexcept {
        try {
            act();
            return nullptr;
        } catch (const base::Error& error) {
            message = error.message();
        } catch (const std::exception& error) {
            message = error.what();
        }
        return message.c_str();
    }
    const char* simulate(lua_State* state) noexcept {
        return attempt([&] {
            played.reset();
            scenario = scenario_of_test(lua::read(state, 1), surroundings);
            played = play(*scenario);
            summary = summary_of(*played);
        });
    }
    const char* expect(lua_State* state, const char* name) noexcept {
        return attempt([&] {
            if (!played) {
                throw base::Error(base::Fault::Input, "nothing has been simulated yet; write simulate { … }");
            }
            base::Array arguments;
            for (int at = 1; at <= lua_gettop(state); ++at) {
                arguments.push_back(lua::read(state, at));
            }
            simulator::expect(name, arguments, scenario->input, *played);
        });
    }
    const char* no_expectation(const char* name) noexcept {
        return attempt([&] { find_expectation(name); });
    }
    void passed(const char* name) noexcept {
        attempt([&] { results.push_back({name, true, ""}); });
    }
    void failed(const char* name, lua_State* state, int status) noexcept {
        attempt([&] { results.push_back({name, false, Sandbox::of(state).reason(state, status)}); });
    }
};

// ---- Functions that Lua calls: they own nothing (lua.hpp). ----

Host& host_of(lua_State* state) {
    lua_getfield(state, LUA_REGISTRYINDEX, host_key);
    Host* host = static_cast<Host*>(lua_touserdata(state, -1));
    lua_pop(state, 1);
    return *host;
}

int simulate_word(lua_State* state) {
    luaL_checktype(state, 1, LUA_TTABLE);
    Host& host = host_of(state);
    if (const char* wrong = host.simulate(state)) {
        return luaL_error(state, "%s", wrong);
    }
    lua::push(state, host.summary);
    return 1;
}

// Upvalue 1: the name.
int expectation(lua_State* state) {
    if (const char* wrong = host_of(state).expect(state, lua_tostring(state, lua_upvalueindex(1)))) {
        return luaL_error(state, "%s", wrong);
    }
    return 0;
}

int unknown_expectation(lua_State* state) {
    const char* name = luaL_checkstring(state, 2);
    return luaL_error(state, "%s", host_of(state).no_expectation(name));
}

int test_word(lua_State* state) {
    const char* name = luaL_checkstring(state, 1);
    luaL_checktype(state, 2, LUA_TFUNCTION);
    lua_settop(state, 2);
    Host& host = host_of(state);
    host.played.reset();
    Sandbox& sandbox = Sandbox::of(state);
    sandbox.refill(); // each test has a budget of its own
    lua_pushvalue(state, 2);
    const int status = lua_pcall(state, 0, 0, 0);
    if (status == LUA_OK) {
        host.passed(name);
        return 0;
    }
    host.failed(name, state, status);
    lua_settop(state, 2);
    sandbox.refill();
    return 0;
}

void open_words(lua_State* state, void* argument) {
    lua_pushlightuserdata(state, argument);
    lua_setfield(state, LUA_REGISTRYINDEX, host_key);
    lua_pushglobaltable(state);
    lua_pushstring(state, "expect");
    lua_createtable(state, 0, 16);
    for (const std::string& name : expectations()) {
        lua_pushlstring(state, name.data(), name.size());
        lua_pushvalue(state, -1);
        lua_pushcclosure(state, expectation, 1);
        lua_rawset(state, -3);
    }
    lua_createtable(state, 0, 1);
    lua_pushcfunction(state, unknown_expectation);
    lua_setfield(state, -2, "__index");
    lua_setmetatable(state, -2);
    lua_rawset(state, -3);
}

} // namespace

std::vector<TestResult> run_test_file(std::string_view source, const std::string& file,
                                      const TestSurroundings& surroundings) {
    Host host{surroundings, file, {}, std::nullopt, std::nullopt, nullptr, ""};
    Sandbox sandbox;
    sandbox.add("simulate", simulate_word);
    sandbox.add("test", test_word);
    sandbox.protect(open_words, &host);
    try {
        sandbox.load(source, file);
        sandbox.call(0);
    } catch (const base::Error& error) {
        host.results.push_back({file, false, error.message()});
    }
    if (host.results.empty()) {
        host.results.push_back({file, true, ""});
    }
    return std::move(host.results);
}

} // namespace workflows::simulator
