// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "workflows/engine/limits.hpp"
#include "workflows/engine/lua.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace workflows::engine {

/// One Lua state that a stranger's text may run in. What there is, is on a list (libraries.cpp): no io, os,
/// package, debug, load, require, collectgarbage, string.dump, metatables, coroutines, chance or clock. Text
/// chunks only. `pairs` and `next` go in sorted order, `sort` is stable, `tostring` shows no address: the
/// same script does the same in every run.
///
/// Bounds: memory by the allocator; time by a budget of steps that instructions (a count hook on every
/// thread), allocated bytes and library calls (by the size of their arguments) draw on. A spent budget is a
/// kill: pcall and xpcall raise it again, and it holds until refill(). Patterns are refused when their worst
/// case is beyond a bound (pattern_cost in text_functions.cpp), whatever their actual course would be.
///
/// One thread. Not copyable, not movable: Lua holds its address.
class Sandbox {
public:
    using Limits = engine::Limits;

    explicit Sandbox(Limits limits);
    Sandbox() : Sandbox(Limits{}) {}
    ~Sandbox();
    Sandbox(const Sandbox&) = delete;
    Sandbox& operator=(const Sandbox&) = delete;

    lua_State* state() const noexcept { return state_; }

    /// Runs `body` so that a Lua error in it becomes base::Error{Input}. `body` owns nothing with a
    /// destructor while it calls Lua. The `passed` values on top of the stack become its own, and are gone
    /// after it.
    void protect(void (*body)(lua_State*, void*), void* argument, int passed = 0);
    /// A further global function.
    void add(const char* name, lua_CFunction function);
    /// Compiles text (never bytecode) and leaves the chunk as a function on the stack. `name` stands in
    /// errors.
    /// @throws base::Error{Input} `name:line: …`.
    void load(std::string_view source, const std::string& name);
    /// Calls what load() left, with a fresh budget; its `results` stay on the stack.
    /// @throws base::Error{Input} `name:line: …`.
    void call(int results);
    /// A thread of this state under the same bounds, left on the stack of the main one.
    lua_State* new_thread();
    /// Ends the thread that new_thread left on top of the stack, wherever it stands, and frees what it held.
    void end_thread();

    /// The names of globals; those that are tables with their members.
    std::map<std::string, std::vector<std::string>> names() const;

    void refill() noexcept;
    bool killed() const noexcept { return killed_; }
    const std::string& name() const noexcept { return name_; }
    std::size_t used_bytes() const noexcept { return used_bytes_; }
    /// What went wrong: the error value on top of `thread` as a sentence, with the place when Lua knows it.
    std::string reason(lua_State* thread, int status) const;

    /// The sandbox that a state or thread belongs to.
    static Sandbox& of(lua_State* state) noexcept;
    /// Draws on the budget. False when it is spent: the caller must raise.
    bool spend(std::int64_t steps) noexcept;

private:
    static void* allocate(void* sandbox, void* block, std::size_t old_size, std::size_t new_size) noexcept;
    static void count(lua_State* state, lua_Debug* frame);

    Limits limits_;
    std::string name_ = "script";
    std::size_t used_bytes_ = 0;
    std::int64_t allocations_ = 0;
    std::int64_t steps_left_;
    std::int64_t began_ = 0;     ///< in Limits::processor_seconds
    bool took_too_long_ = false; ///< by those
    bool killed_ = false;
    int killed_line_ = 0;
    lua_State* state_ = nullptr;
};

/// Builds the allow-list of globals; called once by the constructor, inside protect.
void open_libraries(lua_State* state);
/// Puts bounded versions of Lua's string functions, which are in the table at `original`, into the table on
/// top of the stack, and makes them the methods of strings.
void open_text_functions(lua_State* state, int original);
/// Puts `name` of the table at `original` into the table on top of the stack, paid for by the size of its
/// arguments (see libraries.cpp).
void set_paid(lua_State* state, int original, const char* name, int arguments);
/// Calls upvalue 1 with all arguments; an error that it raises gets the place of the script that called.
int call_original(lua_State* state);
/// Stops a script whose budget is spent.
int raise_spent(lua_State* state);
/// The most steps that a search for `pattern` can take in a subject of so many bytes: every repetition may
/// try every length from every place. Far above what a common search takes; a bound, not an estimate.
double pattern_cost(std::size_t subject_bytes, std::string_view pattern, bool anchored) noexcept;

} // namespace workflows::engine
