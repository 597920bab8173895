// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "workflows/engine/script.hpp"

#include "base/error.hpp"
#include "base/fields.hpp"
#include "workflows/engine/parameters.hpp"
#include "workflows/engine/sandbox.hpp"

#include <algorithm>
#include <cstring>

namespace workflows::engine {
namespace {

constexpr const char* workflow_key = "tiercel.workflow";
constexpr const char* line_key = "tiercel.workflow.line";

// ---- What scripts call. Functions that Lua calls: they own nothing (lua.hpp). ----

int workflow_word(lua_State* state) {
    luaL_checktype(state, 1, LUA_TTABLE);
    lua_settop(state, 1);
    if (lua_getfield(state, LUA_REGISTRYINDEX, workflow_key) != LUA_TNIL) {
        return luaL_error(state, "'workflow' is written twice; one file describes one workflow");
    }
    lua_settop(state, 1);
    lua_pushvalue(state, 1);
    lua_setfield(state, LUA_REGISTRYINDEX, workflow_key);
    lua_pushinteger(state, lua::line_at(state, 1));
    lua_setfield(state, LUA_REGISTRYINDEX, line_key);
    return 1;
}

int parameter_word(lua_State* state, const char* type) {
    luaL_checkany(state, 1);
    lua_createtable(state, 0, 3);
    lua_pushstring(state, type);
    lua_setfield(state, -2, "type");
    lua_pushvalue(state, 1);
    lua_setfield(state, -2, "default");
    lua_pushinteger(state, lua::line_at(state, 1));
    lua_setfield(state, -2, "line");
    return 1;
}

int ramp_word(lua_State* state) {
    return parameter_word(state, "ramp");
}

int duration_word(lua_State* state) {
    return parameter_word(state, "duration");
}

int count_word(lua_State* state) {
    return parameter_word(state, "count");
}

int text_word(lua_State* state) {
    return parameter_word(state, "text");
}

int flag_word(lua_State* state) {
    return parameter_word(state, "flag");
}

// The host resumes with (true, value) or (false, message).
int answered(lua_State* state, int, lua_KContext) {
    if (lua_toboolean(state, -2) == 0) {
        return luaL_error(state, "%s", lua_tostring(state, -1));
    }
    return 1;
}

// Upvalue 1: ctx itself. Gives (kind, argument, options) to the host.
int give_command(lua_State* state, const char* kind, int arguments) {
    if (lua_rawequal(state, 1, lua_upvalueindex(1)) == 0) {
        return luaL_error(state, "write ctx:%s(…), with a colon", kind);
    }
    if (lua_gettop(state) > 1 + arguments) {
        return luaL_error(state, "ctx:%s takes at most %d arguments", kind, arguments);
    }
    lua_settop(state, 3);
    lua_pushstring(state, kind);
    lua_replace(state, 1);
    return lua_yieldk(state, 3, 0, answered);
}

int preflight_method(lua_State* state) {
    return give_command(state, "preflight", 1);
}

int update_method(lua_State* state) {
    return give_command(state, "update", 2);
}

int wait_method(lua_State* state) {
    return give_command(state, "wait", 1);
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
    const std::optional<std::string> near = base::nearest(wanted, names);
    const std::string text = near ? "; did you mean '" + *near + "'?" : std::string();
    std::strncpy(said, text.c_str(), size - 1);
}

// __index of ctx and params: a slip of the pen must not read as "absent".
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

void be_strict(lua_State* state, const char* complaint) {
    lua_createtable(state, 0, 1);
    lua_pushstring(state, complaint);
    lua_pushcclosure(state, unknown_member, 1);
    lua_setfield(state, -2, "__index");
    lua_setmetatable(state, -2);
}

void set_method(lua_State* state, const char* name, lua_CFunction method) {
    lua_pushvalue(state, -1);
    lua_pushcclosure(state, method, 1);
    lua_setfield(state, -2, name);
}

// What run(ctx, params) is called with, moved to the thread that it runs on.
struct Call {
    lua_State* thread;
    base::Value ctx;
    base::Value params;
};

void push_call(lua_State* state, void* argument) {
    const Call& call = *static_cast<const Call*>(argument);
    lua_getfield(state, LUA_REGISTRYINDEX, workflow_key);
    lua_getfield(state, -1, "run");
    lua::push(state, call.ctx);
    be_strict(state, "ctx has no");
    set_method(state, "preflight", preflight_method);
    set_method(state, "update", update_method);
    set_method(state, "wait", wait_method);
    lua::push(state, call.params);
    be_strict(state, "the workflow has no parameter");
    lua_xmove(state, call.thread, 3);
}

struct Reply {
    lua_State* thread;
    bool ok;
    base::Value value;
};

void push_reply(lua_State* state, void* argument) {
    const Reply& reply = *static_cast<const Reply*>(argument);
    lua_pushboolean(state, reply.ok ? 1 : 0);
    lua::push(state, reply.value);
    lua_xmove(state, reply.thread, 2);
}

// ---- What the host makes of it. ----

base::Value record_at(lua_State* state, int index, std::string_view what) {
    base::Value value = lua::read(state, index);
    if (value.is_null()) {
        return base::Object{};
    }
    if (value.object() == nullptr) {
        throw base::Error(base::Fault::Input, "{} are {}, but must be a record such as {{ soak = \"30s\" }}",
                          what, value.kind());
    }
    return value;
}

// (kind, argument, options) on top of the thread → the command's arguments.
base::Value arguments_of(lua_State* thread, const std::string& kind) {
    if (kind == "wait") {
        const base::Value duration = lua::read(thread, -2);
        return duration.is_null() ? base::Object{} : base::Object{{"duration", duration}};
    }
    if (kind == "preflight") {
        return record_at(thread, -2, "the options of ctx:preflight");
    }
    const base::Value level = lua::read(thread, -2);
    const base::Value* index = level.object() == nullptr ? nullptr : level.object()->find("index");
    if (index == nullptr) {
        throw base::Error(base::Fault::Input,
                          "ctx:update: the first argument is {}, but must be one of ctx.levels",
                          level.kind());
    }
    base::Value options = record_at(thread, -1, "the options of ctx:update");
    if (options.object()->find("level") != nullptr) {
        throw base::Error(base::Fault::Input,
                          "ctx:update: unknown key 'level'; the level is the first argument");
    }
    options.object()->set("level", *index);
    return options;
}

} // namespace

base::Value ScriptModel::to_value() const {
    base::Array list;
    for (std::size_t index = 0; index < levels.size(); ++index) {
        base::Array components;
        for (const base::ComponentName& component : levels[index]) {
            components.push_back(component.str());
        }
        list.push_back(
            base::Object{{"index", static_cast<std::int64_t>(index)}, {"components", std::move(components)}});
    }
    return base::Object{
        {"environment", environment}, {"release", release}, {"from", from}, {"levels", std::move(list)}};
}

ScriptModel ScriptModel::from_value(const base::Value& value) {
    const base::Fields fields(value, "model");
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
    lua_State* thread = nullptr;
    Call call;
    bool started = false;
    std::optional<ScriptEnded> ended;
    std::int64_t sequence = 0;

    // The table that `workflow` was given stays in the registry; here is what can be read of it.
    void read_workflow(std::string_view source) {
        sandbox.add("workflow", workflow_word);
        sandbox.add("ramp", ramp_word);
        sandbox.add("duration", duration_word);
        sandbox.add("count", count_word);
        sandbox.add("text", text_word);
        sandbox.add("flag", flag_word);
        sandbox.load(source, name);
        sandbox.call(1);
        lua_State* state = sandbox.state();
        lua_getfield(state, LUA_REGISTRYINDEX, workflow_key);
        if (lua_type(state, -1) != LUA_TTABLE || lua_rawequal(state, -1, -2) == 0) {
            throw base::Error(base::Fault::Input, "{}: not a workflow; write return workflow {{ … }}", name);
        }
        lua_getfield(state, LUA_REGISTRYINDEX, line_key);
        const int line = static_cast<int>(lua_tointeger(state, -1));
        lua_pop(state, 1);

        lua_pushliteral(state, "run");
        if (lua_rawget(state, -2) != LUA_TFUNCTION) {
            throw base::Error(base::Fault::Input,
                              "{}:{}: 'run' is missing; write run = function(ctx, params) … end", name, line);
        }
        lua_pop(state, 1);
        base::Value fields = declared_fields(state, line);
        lua_settop(state, 0);
        const base::Fields written(fields, name);
        summary = written.text("summary", "");
        parameters = read_parameters(written);
        written.finish();
    }

    // All but `run`, as data with the line of the call.
    base::Value declared_fields(lua_State* state, int line) const {
        base::Object record;
        for (lua_pushnil(state); lua_next(state, -2) != 0; lua_pop(state, 1)) {
            if (lua_type(state, -2) != LUA_TSTRING) {
                throw base::Error(base::Fault::Input,
                                  "{}:{}: a workflow has summary, params and run, not a list", name, line);
            }
            const std::string key = lua_tostring(state, -2);
            if (key == "run") {
                continue;
            }
            try {
                record.set(key, lua::read(state, lua_gettop(state)));
            } catch (const base::Error& error) {
                throw base::Error(base::Fault::Input, "{}:{}: '{}': {}", name, line, key, error.message());
            }
        }
        base::Value value = std::move(record);
        lua::set_lines(value, line);
        return value;
    }

    Step resume(int arguments) {
        while (true) {
            sandbox.refill();
            int results = 0;
            const int status = lua_resume(thread, sandbox.state(), arguments, &results);
            if (status != LUA_YIELD) {
                ended = status == LUA_OK ? ScriptEnded{true, ""}
                                         : ScriptEnded{false, sandbox.reason(thread, status)};
                return *ended;
            }
            const std::string kind = lua_tostring(thread, -3);
            try {
                base::Value given = arguments_of(thread, kind);
                lua_pop(thread, results);
                return ScriptCommand{++sequence, kind, std::move(given)};
            } catch (const base::Error& error) {
                lua_pop(thread, results);
                arguments = reply(false, error.message());
            }
        }
    }

    int reply(bool ok, base::Value value) {
        Reply what{thread, ok, std::move(value)};
        sandbox.protect(push_reply, &what);
        return 2;
    }
};

Script::Script(std::string_view source, const std::string& name, const base::Object& params,
               const ScriptModel& model)
    : state_(std::make_unique<State>()) {
    state_->name = name;
    state_->read_workflow(source);
    state_->call = {nullptr, model.to_value(), apply_parameters(state_->parameters, params, name)};
    state_->thread = state_->sandbox.new_thread();
    state_->call.thread = state_->thread;
}

Script::~Script() = default;

Script::Step Script::resume(const std::optional<Answer>& answer) {
    if (state_->ended) {
        return *state_->ended;
    }
    if (!state_->started) {
        state_->started = true;
        state_->sandbox.protect(push_call, &state_->call);
        return state_->resume(2);
    }
    if (!answer || answer->sequence != state_->sequence) {
        throw base::Error(base::Fault::Internal, "workflow '{}' waits for the answer to its command {}",
                          state_->name, state_->sequence);
    }
    return state_->resume(state_->reply(answer->ok, answer->ok ? answer->value : base::Value(answer->error)));
}

const std::vector<Script::Parameter>& Script::parameters() const {
    return state_->parameters;
}

const std::string& Script::summary() const {
    return state_->summary;
}

} // namespace workflows::engine
