// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "workflows/engine/script.hpp"

#include "base/error.hpp"
#include "base/fields.hpp"
#include "base/json.hpp"
#include "workflows/engine/context.hpp"
#include "workflows/engine/parameters.hpp"
#include "workflows/engine/sandbox.hpp"

namespace workflows::engine {
namespace {

constexpr const char* workflow_key = "tiercel.workflow";
constexpr const char* line_key = "tiercel.workflow.line";

// ---- The words of a workflow's file. Functions that Lua calls: they own nothing (lua.hpp). ----

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

struct Word {
    const char* name;
    lua_CFunction function;
};
constexpr Word words[] = {{"workflow", workflow_word}, {"ramp", ramp_word}, {"duration", duration_word},
                          {"count", count_word},       {"text", text_word}, {"flag", flag_word}};

// ---- What is done where Lua may raise. ----

// What the file has returned, which is passed.
struct Written {
    bool workflow = false;
    bool run = false;
    int line = 0;
};

void look_at_workflow(lua_State* state, void* argument) {
    Written& written = *static_cast<Written*>(argument);
    lua_getfield(state, LUA_REGISTRYINDEX, workflow_key);
    written.workflow = lua_type(state, -1) == LUA_TTABLE && lua_rawequal(state, -1, 1) != 0;
    if (written.workflow) {
        lua_pushliteral(state, "run");
        written.run = lua_rawget(state, 1) == LUA_TFUNCTION;
        lua_getfield(state, LUA_REGISTRYINDEX, line_key);
        written.line = static_cast<int>(lua_tointeger(state, -1));
    }
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
    push_context(state, call.ctx);
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

struct Deferred {
    lua_State* thread;
    const char* outcome;
    bool found = false;
};

void push_next_deferred(lua_State* state, void* argument) {
    Deferred& deferred = *static_cast<Deferred*>(argument);
    deferred.found = push_deferred(state, deferred.thread, deferred.outcome);
}

constexpr std::string_view failure = "fail";

std::string deferrable_methods() {
    std::string list;
    for (const Method& method : methods()) {
        if (method.deferrable) {
            list += fmt::format("{}ctx:{}", list.empty() ? "" : ", ", method.name);
        }
    }
    return list;
}

} // namespace

bool is_failure(const ScriptCommand& command) noexcept {
    return command.kind == failure;
}

std::optional<ScriptEnded> end_in(const Script::Step& step) {
    if (const auto* ended = std::get_if<ScriptEnded>(&step)) {
        return *ended;
    }
    const auto& command = std::get<ScriptCommand>(step);
    if (!is_failure(command)) {
        return std::nullopt;
    }
    const base::Fields fields(command.arguments, "failure");
    return ScriptEnded{false, fields.text("error"), fields.flag("misused", false)};
}

const std::vector<std::string>& workflow_words() {
    static const std::vector<std::string> names = [] {
        std::vector<std::string> list;
        for (const Word& word : words) {
            list.emplace_back(word.name);
        }
        return list;
    }();
    return names;
}

ScriptModel ScriptModel::of(const RunInput& input) {
    ScriptModel model{input.environment.str(),
                      input.release.str(),
                      input.from ? input.from->str() : "",
                      input.levels,
                      std::string(word(input.kind)),
                      {}};
    std::map<base::ComponentName, std::size_t> targets;
    for (const Desired& desired : input.targets) {
        ++targets[desired.target.component];
    }
    for (std::size_t level = 0; level < input.levels.size(); ++level) {
        for (const base::ComponentName& name : input.levels[level]) {
            Component component{name, level, targets[name], {}, ""};
            if (const auto commands = input.commands.find(name); commands != input.commands.end()) {
                for (const PackagedCommand& command : commands->second) {
                    component.commands.push_back(command.name);
                }
            }
            if (const auto migrate = input.migrate.find(name); migrate != input.migrate.end()) {
                component.migrate = migrate->second;
            }
            model.components.push_back(std::move(component));
        }
    }
    return model;
}

base::Value ScriptModel::to_value() const {
    base::Array list;
    for (std::size_t index = 0; index < levels.size(); ++index) {
        base::Array names;
        for (const base::ComponentName& component : levels[index]) {
            names.push_back(component.str());
        }
        list.push_back(
            base::Object{{"index", static_cast<std::int64_t>(index)}, {"components", std::move(names)}});
    }
    base::Array described;
    for (const Component& component : components) {
        described.push_back(base::Object{
            {"name", component.name.str()},
            {"level", static_cast<std::int64_t>(component.level)},
            {"targets", static_cast<std::int64_t>(component.targets)},
            {"commands", component.commands},
            {"migrate", component.migrate.empty() ? base::Value(false) : base::Value(component.migrate)}});
    }
    return base::Object{{"kind", kind}, {"environment", environment}, {"release", release},
                        {"from", from}, {"levels", std::move(list)},  {"components", std::move(described)}};
}

ScriptModel ScriptModel::from_value(const base::Value& value) {
    const base::Fields fields(value, "model");
    ScriptModel model{fields.text("environment"),    fields.text("release"),
                      fields.text("from", ""),       {},
                      fields.text("kind", "deploy"), {}};
    for (const base::Fields& level : fields.records("levels")) {
        model.levels.emplace_back();
        for (const std::string& component : level.texts("components")) {
            model.levels.back().emplace_back(component);
        }
    }
    constexpr std::int64_t most = std::numeric_limits<std::int32_t>::max();
    for (const base::Fields& component : fields.records("components")) {
        const base::Value* migrate = component.any("migrate");
        model.components.push_back(
            {base::ComponentName(component.text("name")),
             static_cast<std::size_t>(component.whole("level", 0, most)),
             static_cast<std::size_t>(component.whole("targets", 0, most)), component.texts("commands"),
             migrate == nullptr || migrate->text() == nullptr ? "" : *migrate->text()});
    }
    return model;
}

struct Script::State {
    explicit State(Limits limits)
        : sandbox(limits), most_commands(limits.commands), most_bytes(limits.command_bytes) {}

    Sandbox sandbox;
    std::int64_t most_commands;
    std::size_t most_bytes;
    std::size_t bytes = 0; ///< of the arguments so far
    std::string name;
    std::string summary;
    std::vector<Parameter> parameters;
    Call call{};
    lua_State* thread = nullptr; ///< of the function that is running; on top of the sandbox's stack
    bool started = false;
    bool deferred = false; ///< the function that is running is a deferred one
    const char* outcome = "succeeded";
    std::vector<std::string> errors;
    std::string refusal; ///< of the last call that could not be
    bool misused = false;
    bool failing = false; ///< that the function `run` failed is still to be said
    bool ready = false;   ///< it was said, and what is deferred waits for the answer
    std::optional<ScriptEnded> ended;
    std::int64_t sequence = 0;

    // The table that `workflow` was given stays in the registry; here is what can be read of it.
    void read_workflow(std::string_view source) {
        for (const Word& word : words) {
            sandbox.add(word.name, word.function);
        }
        sandbox.load(source, name);
        sandbox.call(1);
        lua_State* state = sandbox.state();
        Written written_there;
        lua_pushvalue(state, -1);
        sandbox.protect(look_at_workflow, &written_there, 1);
        if (!written_there.workflow) {
            throw base::Error(base::Fault::Input, "{}: not a workflow; write return workflow {{ … }}", name);
        }
        if (!written_there.run) {
            throw base::Error(base::Fault::Input,
                              "{}:{}: 'run' is missing; write run = function(ctx, params) … end", name,
                              written_there.line);
        }
        base::Value fields = declared_fields(state, written_there.line);
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

    // Runs what is on the thread until it wants something, or all is done. A refused call gets no new budget:
    // a loop around it would never end.
    Step go_on(int arguments) {
        while (true) {
            int results = 0;
            const int status = lua_resume(thread, sandbox.state(), arguments, &results);
            if (status == LUA_YIELD && sequence >= most_commands) {
                failed(fmt::format("{}: the script gave more than {} commands", name, most_commands));
            } else if (status == LUA_YIELD) {
                std::optional<ScriptCommand> command = command_of(results);
                bytes += command ? base::to_json(command->arguments).size() : 0;
                if (command && bytes <= most_bytes) {
                    return *std::move(command);
                }
                if (command) {
                    --sequence;
                    failed(
                        fmt::format("{}: the script has said more than {} bytes to ctx", name, most_bytes));
                } else if (reply(false, refusal)) {
                    arguments = 2;
                    continue;
                }
            } else if (status != LUA_OK) {
                failed(sandbox.reason(thread, status));
            }
            if (!next_function()) {
                return *ended;
            }
            if (failing) {
                return failure_command();
            }
            arguments = 1;
        }
    }

    std::optional<ScriptCommand> command_of(int results) {
        try {
            const ContextCall given = read_call(thread, results);
            base::Value command = command_arguments(*given.method, given.arguments, given.options);
            if (!deferred || given.method->deferrable) {
                return ScriptCommand{++sequence, std::string(given.method->command), std::move(command)};
            }
            refusal = fmt::format("ctx:{}: a deferred function can only use {}", given.method->name,
                                  deferrable_methods());
        } catch (const base::Error& error) {
            refusal = error.message();
        }
        return std::nullopt;
    }

    // False when there is no memory for it: that ends the function.
    bool reply(bool ok, base::Value value) {
        Reply what{thread, ok, std::move(value)};
        try {
            sandbox.protect(push_reply, &what);
            return true;
        } catch (const base::Error& error) {
            failed(error.message());
            return false;
        }
    }

    void failed(const std::string& error) {
        errors.push_back(deferred ? "a deferred function failed: " + error : error);
        if (!deferred) {
            outcome = "failed";
            misused = !refusal.empty() && error.find(refusal) != std::string::npos;
            failing = true;
        }
    }

    // What is deferred stands ready, and is called when the run has ended: that is the answer.
    ScriptCommand failure_command() {
        failing = false;
        ready = true;
        base::Object why{{"error", std::exchange(errors, {}).front()}};
        if (misused) {
            why.set("misused", true);
        }
        return {++sequence, std::string(failure), std::move(why)};
    }

    // The function that was running is over, or is left where it stands: nothing of it can run again. False
    // when there is no further one.
    bool next_function() {
        deferred = true;
        sandbox.end_thread();
        try {
            sandbox.refill();
            thread = sandbox.new_thread();
            Deferred next{thread, outcome};
            sandbox.protect(push_next_deferred, &next);
            if (next.found) {
                return true;
            }
        } catch (const base::Error& error) {
            failed(error.message());
        }
        ended = ScriptEnded{errors.empty(), fmt::format("{}", fmt::join(errors, "; ")), misused};
        return false;
    }

    Step run_deferred() {
        if (!next_function()) {
            return *ended;
        }
        return failing ? Step(failure_command()) : go_on(1);
    }
};

Script::Script(std::string_view source, const std::string& name, const base::Object& params,
               const ScriptModel& model, Limits limits)
    : state_(std::make_unique<State>(limits)) {
    state_->name = name;
    state_->read_workflow(source);
    state_->call = {nullptr, model.to_value(), apply_parameters(state_->parameters, params, name)};
    state_->thread = state_->sandbox.new_thread();
    state_->call.thread = state_->thread;
}

Script::~Script() = default;

Script::Step Script::resume(const std::optional<Answer>& answer) {
    State& state = *state_;
    if (state.ended) {
        return *state.ended;
    }
    if (!state.started) {
        state.started = true;
        try {
            state.sandbox.refill();
            state.sandbox.protect(push_call, &state.call);
        } catch (const base::Error& error) {
            state.failed(error.message());
            return state.run_deferred();
        }
        return state.go_on(2);
    }
    if (!answer || answer->sequence != state.sequence) {
        throw base::Error(base::Fault::Internal, "workflow '{}' waits for the answer to its command {}",
                          state.name, state.sequence);
    }
    if (state.ready) {
        state.ready = false;
        return state.go_on(1);
    }
    if (answer->stopped) {
        state.outcome = "stopped";
        return state.run_deferred();
    }
    state.sandbox.refill();
    if (!answer->ok) {
        state.refusal = answer->error;
    }
    const bool taken = state.reply(answer->ok, answer->ok ? answer->value : base::Value(answer->error));
    return taken ? state.go_on(2) : state.run_deferred();
}

const std::vector<Script::Parameter>& Script::parameters() const {
    return state_->parameters;
}

const std::string& Script::summary() const {
    return state_->summary;
}

} // namespace workflows::engine
