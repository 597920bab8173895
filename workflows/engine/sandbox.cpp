// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "workflows/engine/sandbox.hpp"

#include "base/error.hpp"

#include <algorithm>
#include <cstdlib>

namespace workflows::engine {
namespace {

// Seldom enough to cost nothing, often enough to stop within a millisecond.
constexpr int instructions_per_count = 1000;
// One step of the budget for so many allocated bytes: copying them costs about as much as one instruction.
constexpr std::size_t bytes_per_step = 16;

struct Job {
    void (*body)(lua_State*, void*);
    void* argument;
};

int run_job(lua_State* state) {
    const Job* job = static_cast<const Job*>(lua_touserdata(state, 1));
    lua_remove(state, 1);
    job->body(state, job->argument);
    return 0;
}

void watch(lua_State* state, lua_Hook hook, int every) {
    lua_sethook(state, hook, LUA_MASKCOUNT, every);
}

} // namespace

Sandbox::Sandbox(Limits limits) : limits_(limits), steps_left_(limits.steps) {
    state_ = lua_newstate(&Sandbox::allocate, this);
    if (state_ == nullptr) {
        throw base::Error(base::Fault::Internal, "a Lua state of {} bytes cannot be made",
                          limits_.memory_bytes);
    }
    *static_cast<Sandbox**>(lua_getextraspace(state_)) = this;
    try {
        protect([](lua_State* state, void*) { open_libraries(state); }, nullptr);
    } catch (...) {
        lua_close(state_);
        throw;
    }
    watch(state_, &Sandbox::count, instructions_per_count);
}

Sandbox::~Sandbox() {
    lua_close(state_);
}

Sandbox& Sandbox::of(lua_State* state) noexcept {
    return **static_cast<Sandbox**>(lua_getextraspace(state));
}

void* Sandbox::allocate(void* sandbox, void* block, std::size_t old_size, std::size_t new_size) noexcept {
    Sandbox& self = *static_cast<Sandbox*>(sandbox);
    // For a new block Lua passes the kind of object instead of a size.
    const std::size_t held = block == nullptr ? 0 : old_size;
    if (new_size == 0) {
        std::free(block);
        self.used_bytes_ -= held;
        return nullptr;
    }
    if (new_size > held) {
        const bool too_long =
            block == nullptr && old_size == LUA_TSTRING && new_size > self.limits_.string_bytes;
        if (too_long || self.used_bytes_ + (new_size - held) > self.limits_.memory_bytes ||
            !self.spend(static_cast<std::int64_t>(new_size / bytes_per_step))) {
            return nullptr;
        }
        if (++self.allocations_ >= self.limits_.failing_from && self.limits_.failing > 0) {
            --self.limits_.failing;
            return nullptr;
        }
    }
    void* moved = std::realloc(block, new_size);
    if (moved != nullptr) {
        self.used_bytes_ = self.used_bytes_ - held + new_size;
    }
    return moved;
}

bool Sandbox::spend(std::int64_t steps) noexcept {
    steps_left_ -= steps;
    if (steps_left_ < 0) {
        killed_ = true;
    }
    return !killed_;
}

void Sandbox::refill() noexcept {
    steps_left_ = limits_.steps;
    began_ = limits_.processor_seconds == nullptr ? 0 : limits_.processor_seconds();
    took_too_long_ = false;
    killed_ = false;
    killed_line_ = 0;
    watch(state_, &Sandbox::count, instructions_per_count);
}

void Sandbox::count(lua_State* state, lua_Debug* frame) {
    Sandbox& self = of(state);
    const Limits& limits = self.limits_;
    if (limits.processor_seconds != nullptr && limits.processor_seconds() - self.began_ > limits.seconds) {
        self.took_too_long_ = self.killed_ = true;
    }
    if (self.spend(instructions_per_count)) {
        return;
    }
    // From here on every single instruction of this thread fails, so that no handler of the script gets
    // anywhere.
    watch(state, &Sandbox::count, 1);
    if (self.killed_line_ == 0 && lua_getinfo(state, "l", frame) != 0) {
        self.killed_line_ = frame->currentline;
    }
    lua_pushnil(state); // a message would need memory, which a killed script does not get
    lua_error(state);
}

void Sandbox::protect(void (*body)(lua_State*, void*), void* argument, int passed) {
    Job job{body, argument};
    // lua_pushcfunction without upvalues and light userdata do not allocate: nothing raises outside the
    // protected call.
    lua_pushcfunction(state_, run_job);
    lua_pushlightuserdata(state_, &job);
    lua_rotate(state_, -2 - passed, 2);
    if (const int status = lua_pcall(state_, 1 + passed, 0, 0); status != LUA_OK) {
        std::string message = reason(state_, status);
        lua_pop(state_, 1);
        throw base::Error(base::Fault::Input, std::move(message));
    }
}

void Sandbox::add(const char* name, lua_CFunction function) {
    struct Global {
        const char* name;
        lua_CFunction function;
    } global{name, function};
    protect(
        [](lua_State* state, void* argument) {
            const Global* wanted = static_cast<const Global*>(argument);
            lua_pushglobaltable(state);
            lua_pushstring(state, wanted->name);
            lua_pushcfunction(state, wanted->function);
            lua_rawset(state, -3);
        },
        &global);
}

void Sandbox::load(std::string_view source, const std::string& name) {
    name_ = name;
    if (source.size() > limits_.source_bytes) {
        throw base::Error(base::Fault::Input, "{}: the script has {} bytes, but at most {} are allowed", name,
                          source.size(), limits_.source_bytes);
    }
    refill();
    const std::string chunk = "=" + name;
    const int status = luaL_loadbufferx(state_, source.data(), source.size(), chunk.c_str(), "t");
    if (status != LUA_OK) {
        std::string message = reason(state_, status);
        lua_pop(state_, 1);
        throw base::Error(base::Fault::Input, std::move(message));
    }
}

void Sandbox::call(int results) {
    refill();
    if (const int status = lua_pcall(state_, 0, results, 0); status != LUA_OK) {
        std::string message = reason(state_, status);
        lua_pop(state_, 1);
        throw base::Error(base::Fault::Input, std::move(message));
    }
}

lua_State* Sandbox::new_thread() {
    lua_State* thread = nullptr;
    // Made inside the protected call, handed out by the registry: its stack does not outlive the call.
    protect(
        [](lua_State* state, void* argument) {
            *static_cast<lua_State**>(argument) = lua_newthread(state);
            lua_rawsetp(state, LUA_REGISTRYINDEX, argument);
        },
        &thread);
    lua_rawgetp(state_, LUA_REGISTRYINDEX, &thread);
    lua_pushnil(state_);
    lua_rawsetp(state_, LUA_REGISTRYINDEX, &thread); // the key is there: nothing is allocated
    watch(thread, &Sandbox::count, instructions_per_count);
    return thread;
}

void Sandbox::end_thread() {
    lua_pop(state_, 1);
    lua_gc(state_, LUA_GCCOLLECT);
}

std::map<std::string, std::vector<std::string>> Sandbox::names() const {
    std::map<std::string, std::vector<std::string>> names;
    const int top = lua_gettop(state_);
    lua_pushglobaltable(state_);
    for (lua_pushnil(state_); lua_next(state_, -2) != 0; lua_pop(state_, 1)) {
        std::vector<std::string>& members = names[lua_tostring(state_, -2)];
        if (lua_istable(state_, -1)) {
            for (lua_pushnil(state_); lua_next(state_, -2) != 0; lua_pop(state_, 1)) {
                members.emplace_back(lua_tostring(state_, -2));
            }
        }
        std::sort(members.begin(), members.end());
    }
    lua_settop(state_, top);
    return names;
}

std::string Sandbox::reason(lua_State* thread, int status) const {
    if (killed_) {
        return fmt::format("{}: the script ran too long: more than {} without a command",
                           killed_line_ > 0 ? fmt::format("{}:{}", name_, killed_line_) : name_,
                           took_too_long_ ? fmt::format("{} s of processor time", limits_.seconds)
                                          : fmt::format("{} steps", limits_.steps));
    }
    if (status == LUA_ERRMEM) {
        return fmt::format("{}: the script needs more than {} MiB of memory, or a text of more than {} KiB",
                           name_, limits_.memory_bytes >> 20, limits_.string_bytes >> 10);
    }
    if (lua_type(thread, -1) != LUA_TSTRING) {
        return fmt::format("{}: the script raised a {} instead of a message", name_,
                           luaL_typename(thread, -1));
    }
    std::size_t size = 0;
    const char* text = lua_tolstring(thread, -1, &size);
    const std::string message(text, size);
    return message.starts_with(name_) ? message : name_ + ": " + message;
}

} // namespace workflows::engine
