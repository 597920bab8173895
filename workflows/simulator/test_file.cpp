// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "workflows/simulator/test_file.hpp"

#include "base/error.hpp"
#include "workflows/engine/sandbox.hpp"
#include "workflows/engine/transitions.hpp"
#include "workflows/simulator/expectations.hpp"
#include "workflows/simulator/fleet.hpp"

#include <algorithm>
#include <limits>
#include <optional>

namespace workflows::simulator {

using namespace engine;

namespace {

constexpr const char* host_key = "tiercel.tests";
constexpr std::int64_t most_nodes = 1'000'000;

OrderKind step_from(const base::Fields& fields, const std::string& step) {
    std::vector<std::string> known;
    for (int kind = 0; kind <= static_cast<int>(OrderKind::Measure); ++kind) {
        if (word(static_cast<OrderKind>(kind)) == step) {
            return static_cast<OrderKind>(kind);
        }
        known.emplace_back(word(static_cast<OrderKind>(kind)));
    }
    const std::optional<std::string> near = base::nearest(step, known);
    fields.fail(step, fmt::format("'{}' is no step; there are: {}{}", step, fmt::join(known, ", "),
                                  near ? "; did you mean '" + *near + "'?" : ""));
}

void read_failures(const base::Fields& fields, Scenario& scenario) {
    const std::optional<base::Fields> fail = fields.record("fail");
    for (const base::Member& component : fail ? fail->members() : std::vector<base::Member>{}) {
        const base::ComponentName name(component.name);
        const bool there =
            std::any_of(scenario.input.targets.begin(), scenario.input.targets.end(),
                        [&](const Desired& desired) { return desired.target.component == name; });
        if (!there) {
            fail->fail(component.name,
                       fmt::format("component '{}' is not in the application", component.name));
        }
        const base::Fields steps = *fail->record(component.name);
        for (const base::Member& step : steps.members()) {
            scenario.fail[name][step_from(steps, step.name)] =
                static_cast<int>(steps.whole(step.name, 0, std::numeric_limits<int>::max()));
        }
    }
}

void read_people(const base::Fields& fields, Scenario& scenario) {
    scenario.person = fields.maybe_text("person");
    for (const base::Fields& signal : fields.records("signals")) {
        scenario.signals.push_back({signal.duration("after", base::Duration{}),
                                    {signal.text("verb"), signal.text("actor", "somebody"),
                                     signal.text("reason", ""), std::nullopt, nullptr}});
        signal.finish();
    }
}

Scenario scenario_of(const base::Value& arguments, const TestSurroundings& surroundings) {
    const base::Fields fields(arguments, "simulate");
    const Workflow workflow = surroundings.workflow(fields.text("workflow"));
    const auto nodes = static_cast<std::size_t>(fields.whole("nodes", 1, most_nodes, 30));
    const std::optional<std::string> app = fields.maybe_text("app");
    const auto levels = static_cast<std::size_t>(fields.whole("levels", 1, 1000, 3));
    const Fleet fleet =
        app ? Fleet::of(surroundings.application(*app), nodes) : Fleet::of_levels(levels, nodes);
    base::Object params;
    if (const std::optional<base::Fields> given = fields.record("params")) {
        for (const base::Member& member : given->members()) {
            params.set(member.name, member.value);
        }
    }
    Scenario scenario{
        fleet.input(workflow.name, workflow.source, params),
        workflow.source,
        Faults::profile(fields.text("faults", "none")),
        static_cast<std::uint64_t>(fields.whole("seed", 0, std::numeric_limits<std::int64_t>::max(), 1)),
        {},
        {},
        {},
        std::nullopt};
    scenario.input.kind = workflow.kind;
    read_failures(fields, scenario);
    read_people(fields, scenario);
    fields.finish();
    return scenario;
}

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
            played = play(scenario_of(lua::read(state, 1), surroundings));
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
            simulator::expect(name, arguments, *played);
        });
    }
    const char* no_expectation(const char* name) noexcept {
        return attempt([&] { simulator::expect(name, {}, Played{}); });
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
    Host host{surroundings, file, {}, std::nullopt, nullptr, ""};
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
