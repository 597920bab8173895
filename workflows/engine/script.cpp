// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "workflows/engine/script.hpp"

#include "base/error.hpp"
#include "base/fields.hpp"
#include "workflows/engine/parameters.hpp"
#include "workflows/engine/sandbox.hpp"

#include <array>
#include <utility>

namespace workflows::engine {

namespace {

constexpr const char* result_key = "tiercel.workflow";
constexpr const char* run_key = "tiercel.run";

// ---- Functions that the script calls. They own nothing: an error in Lua is a longjmp. ----

int parameter_word(lua_State* state) {
    luaL_checkany(state, 1);
    lua_settop(state, 1);
    lua_createtable(state, 0, 2);
    lua_pushvalue(state, lua_upvalueindex(1));
    lua_setfield(state, -2, "@");
    lua_pushvalue(state, 1);
    lua_setfield(state, -2, "value");
    return 1;
}

int workflow_word(lua_State* state) {
    luaL_checktype(state, 1, LUA_TTABLE);
    if (lua_getfield(state, LUA_REGISTRYINDEX, result_key) != LUA_TNIL) {
        return luaL_error(state, "'workflow' is written twice; one file describes one workflow");
    }
    lua_pushvalue(state, 1);
    lua_setfield(state, LUA_REGISTRYINDEX, result_key);
    lua_pushvalue(state, 1);
    return 1;
}

/// After the host has answered: (true, value) or (false, sentence).
int answered(lua_State* state, int, lua_KContext) {
    if (lua_toboolean(state, -2) != 0) {
        return 1;
    }
    luaL_where(state, 1);
    lua_insert(state, -2);
    lua_concat(state, 2);
    return lua_error(state);
}

/// Leaves kind, arguments and line for the host and waits for its answer. The arguments are the table on top.
int give(lua_State* state, const char* kind) {
    lua_pushstring(state, kind);
    lua_insert(state, -2);
    lua_pushinteger(state, lua::line_at(state, 1));
    return lua_yieldk(state, 3, 0, answered);
}

/// Methods are called with ':'; a '.' in its place shows as another first argument.
void check_self(lua_State* state, const char* method) {
    if (luaL_getmetafield(state, 1, "__name") == LUA_TNIL) {
        luaL_error(state, "write ctx:%s(…), with a colon", method);
    }
    lua_pop(state, 1);
}

int preflight(lua_State* state) {
    check_self(state, "preflight");
    lua_settop(state, 2);
    if (lua_isnil(state, 2)) {
        lua_newtable(state);
    }
    luaL_checktype(state, -1, LUA_TTABLE);
    return give(state, "preflight");
}

int update(lua_State* state) {
    check_self(state, "update");
    luaL_argexpected(state, lua_istable(state, 2), 2, "level");
    lua_settop(state, 3);
    lua_newtable(state);
    if (!lua_isnil(state, 3)) {
        luaL_checktype(state, 3, LUA_TTABLE);
        lua_pushnil(state);
        while (lua_next(state, 3) != 0) {
            lua_pushvalue(state, -2);
            lua_insert(state, -2);
            lua_settable(state, 4);
        }
    }
    if (lua_getfield(state, 2, "index") != LUA_TNUMBER) {
        return luaL_error(state, "the first argument of ctx:update is a level, one of ctx.levels");
    }
    // Lua counts from 1, the run from 0.
    lua_pushinteger(state, lua_tointeger(state, -1) - 1);
    lua_setfield(state, 4, "level");
    lua_settop(state, 4);
    return give(state, "update");
}

int wait(lua_State* state) {
    check_self(state, "wait");
    luaL_checktype(state, 2, LUA_TSTRING);
    lua_settop(state, 2);
    lua_createtable(state, 0, 1);
    lua_pushvalue(state, 2);
    lua_setfield(state, -2, "duration");
    return give(state, "wait");
}

constexpr std::array<std::pair<const char*, lua_CFunction>, 3> methods{
    {{"preflight", preflight}, {"update", update}, {"wait", wait}}};

int unknown_member(lua_State* state) {
    const char* member = lua_type(state, 2) == LUA_TSTRING ? lua_tostring(state, 2) : "?";
    return luaL_error(state,
                      "ctx has no '%s'; it has: preflight, update, wait, levels, environment, release, from",
                      member);
}

// ---- Building the state; each runs inside Sandbox::protect. ----

void add_words(lua_State* state, void*) {
    lua_pushglobaltable(state);
    for (const char* word : {"ramp", "duration", "count", "text", "flag"}) {
        lua_pushstring(state, word);
        lua_pushcclosure(state, parameter_word, 1);
        lua_setfield(state, -2, word);
    }
}

struct Opening {
    lua_State* thread;
    const base::Value* context;
    const base::Value* params;
};

/// Puts run, ctx and params onto the thread.
void open_run(lua_State* state, void* argument) {
    const Opening& opening = *static_cast<const Opening*>(argument);
    lua_getfield(state, LUA_REGISTRYINDEX, run_key);
    lua::push(state, *opening.context);
    for (const auto& [name, function] : methods) {
        lua_pushcfunction(state, function);
        lua_setfield(state, -2, name);
    }
    lua_createtable(state, 0, 2);
    lua_pushcfunction(state, unknown_member);
    lua_setfield(state, -2, "__index");
    lua_pushstring(state, "ctx");
    lua_setfield(state, -2, "__name");
    lua_setmetatable(state, -2);
    lua::push(state, *opening.params);
    lua_xmove(state, opening.thread, 3);
}

struct Reply {
    lua_State* thread;
    bool ok;
    const base::Value* value;
    const std::string* error;
};

void push_reply(lua_State* state, void* argument) {
    const Reply& reply = *static_cast<const Reply*>(argument);
    lua_pushboolean(state, reply.ok ? 1 : 0);
    if (reply.ok) {
        lua::push(state, *reply.value);
    } else {
        lua_pushlstring(state, reply.error->data(), reply.error->size());
    }
    lua_xmove(state, reply.thread, 2);
}

/// Takes the workflow's table apart: leaves summary and params on the stack for reading, run in the registry,
/// and the name of the first unknown key (or nil).
void open_workflow(lua_State* state, void*) {
    lua_getfield(state, LUA_REGISTRYINDEX, result_key);
    const int table = lua_gettop(state);
    lua_getfield(state, table, "run");
    lua_setfield(state, LUA_REGISTRYINDEX, run_key);
}

} // namespace

base::Value ScriptModel::to_value() const {
    base::Array list;
    for (const auto& level : levels) {
        std::vector<std::string> components;
        for (const base::ComponentName& component : level) {
            components.push_back(component.str());
        }
        list.push_back(base::Object{{"components", components}});
    }
    return base::Object{
        {"environment", environment}, {"release", release}, {"from", from}, {"levels", std::move(list)}};
}

ScriptModel ScriptModel::from_value(const base::Value& value) {
    const base::Fields fields(value, "model of the run");
    ScriptModel model{fields.text("environment"), fields.text("release"), fields.text("from", ""), {}};
    for (const base::Fields& level : fields.records("levels")) {
        model.levels.emplace_back();
        for (const std::string& component : level.texts("components")) {
            model.levels.back().emplace_back(component);
        }
    }
    return model;
}

struct Script::State {
    Sandbox sandbox;
    std::string name;
    std::string summary;
    std::vector<Parameter> parameters;
    base::Value params;
    base::Value context;
    lua_State* thread = nullptr;
    bool started = false;
    std::int64_t sequence = 0;

    void read_workflow() {
        lua_State* state = sandbox.state();
        if (lua_getfield(state, LUA_REGISTRYINDEX, result_key) != LUA_TTABLE) {
            throw base::Error(
                base::Fault::Input,
                "{}: no workflow; write return workflow {{ run = function(ctx, params) … end }}", name);
        }
        const int table = lua_gettop(state);
        if (lua_getfield(state, table, "run") != LUA_TFUNCTION) {
            throw base::Error(base::Fault::Input,
                              "{}: the workflow has no 'run'; write run = function(ctx, params) … end", name);
        }
        if (lua_getfield(state, table, "summary") == LUA_TSTRING) {
            summary = *lua::read(state, -1).text();
        }
        lua_getfield(state, table, "params");
        base::Value declared = lua::read(state, -1);
        if (declared.array() != nullptr && declared.array()->empty()) {
            declared = base::Object{};
        }
        parameters = declared_parameters(declared, name);
        refuse_unknown_keys(state, table);
        sandbox.protect(open_workflow, nullptr);
        lua_settop(state, 0);
    }

    void refuse_unknown_keys(lua_State* state, int table) const {
        static const std::vector<std::string> known{"summary", "params", "run"};
        lua_pushnil(state);
        while (lua_next(state, table) != 0) {
            lua_pop(state, 1);
            const std::string key = lua_type(state, -1) == LUA_TSTRING ? *lua::read(state, -1).text() : "1";
            if (std::find(known.begin(), known.end(), key) == known.end()) {
                const auto near = base::nearest(key, known);
                throw base::Error(base::Fault::Input, "{}: unknown key '{}' in the workflow{}", name, key,
                                  near ? "; did you mean '" + *near + "'?"
                                       : "; it has summary, params and run");
            }
        }
    }
};

Script::Script(std::string_view source, const std::string& name, const base::Object& params,
               const ScriptModel& model)
    : state_(std::make_unique<State>()) {
    state_->name = name;
    state_->sandbox.protect(add_words, nullptr);
    lua_settop(state_->sandbox.state(), 0);
    state_->sandbox.add("workflow", workflow_word);
    state_->sandbox.load(source, name);
    state_->sandbox.call(0);
    state_->read_workflow();
    state_->params = resolve_parameters(state_->parameters, params, name);

    base::Value context = model.to_value();
    std::int64_t index = 0;
    for (base::Value& level : *context.object()->find("levels")->array()) {
        level.object()->set("index", ++index);
    }
    state_->context = std::move(context);
}

Script::~Script() = default;

Script::Step Script::resume(const std::optional<Answer>& answer) {
    State& self = *state_;
    int arguments = 2;
    self.sandbox.refill();
    if (!self.started) {
        self.started = true;
        self.thread = self.sandbox.new_thread();
        Opening opening{self.thread, &self.context, &self.params};
        self.sandbox.protect(open_run, &opening);
    } else {
        if (!answer) {
            throw base::Error(base::Fault::Internal, "script '{}' was resumed without an answer", self.name);
        }
        lua_settop(self.thread, 0);
        Reply reply{self.thread, answer->ok, &answer->value, &answer->error};
        self.sandbox.protect(push_reply, &reply);
    }
    int results = 0;
    const int status = lua_resume(self.thread, self.sandbox.state(), arguments, &results);
    if (status == LUA_OK) {
        return ScriptEnded{true, {}};
    }
    if (status != LUA_YIELD) {
        return ScriptEnded{false, self.sandbox.reason(self.thread, status)};
    }
    ScriptCommand command;
    command.sequence = ++self.sequence;
    command.kind = *lua::read(self.thread, -3).text();
    const int line = static_cast<int>(lua_tointeger(self.thread, -1));
    try {
        command.arguments = lua::read(self.thread, -2);
    } catch (const base::Error& error) {
        return ScriptEnded{false, fmt::format("{}:{}: {}", self.name, line, error.message())};
    }
    lua::set_lines(command.arguments, line);
    return command;
}

const std::vector<Script::Parameter>& Script::parameters() const {
    return state_->parameters;
}
const std::string& Script::summary() const {
    return state_->summary;
}

} // namespace workflows::engine
