// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "workflows/engine/sandbox.hpp"

#include "base/json.hpp"
#include "tests/catch.hpp"
#include "tests/units/workflows/errors.hpp"

using tests::input_error;
using workflows::engine::Sandbox;

namespace {

std::string evaluate(const std::string& source, Sandbox::Limits limits = {}) {
    Sandbox sandbox(limits);
    sandbox.load(source, "attack.lua");
    sandbox.call(1);
    return base::to_json(workflows::engine::lua::read(sandbox.state(), -1));
}

std::string refusal(const std::string& source, Sandbox::Limits limits = {}) {
    return input_error([&] { evaluate(source, limits); });
}

constexpr const char* too_long = "the script ran too long: more than 10000000 steps without a command";

} // namespace

TEST_CASE("a script sees the listed names and nothing else") {
    for (const char* name :
         {"io",         "os",      "package",        "debug",        "load",         "loadfile", "dofile",
          "loadstring", "require", "collectgarbage", "setmetatable", "getmetatable", "rawset",   "rawget",
          "rawequal",   "rawlen",  "coroutine",      "utf8",         "print",        "_G",       "warn"}) {
        CHECK(refusal(std::string("return ") + name)
                  .starts_with(std::string("attack.lua:1: unknown name '") + name + "'"));
    }
    CHECK(evaluate("return string.dump == nil and ('x').dump == nil and string.pack == nil") == "true");
    CHECK(evaluate("return math.random == nil and math.randomseed == nil") == "true");
    CHECK(evaluate("return table.move == nil") == "true");
    CHECK(
        evaluate("local n = '' for name in pairs(_ENV) do n = n .. name .. ' ' end return n") ==
        R"("assert error ipairs math next pairs pcall select string table tonumber tostring type xpcall ")");
}

TEST_CASE("a mistyped name is answered with the nearest one") {
    CHECK(refusal("return tostrin(1)") == "attack.lua:1: unknown name 'tostrin'; did you mean 'tostring'?");
}

TEST_CASE("bytecode is refused") {
    CHECK(refusal(std::string("\x1bLua\x54\0", 6)) ==
          "attack.lua: attempt to load a binary chunk (mode is 't')");
}

TEST_CASE("a source beyond the bound is refused before it is read") {
    CHECK(refusal(std::string(2u << 20, ' ')) ==
          "attack.lua: the script has 2097152 bytes, but at most 1048576 are allowed");
}

TEST_CASE("an endless loop ends with its line, whatever the script catches") {
    CHECK(refusal("while true do end") == std::string("attack.lua:1: ") + too_long);
    CHECK(refusal("while true do\n pcall(function() while true do end end) end").ends_with(too_long));
    CHECK(refusal("xpcall(function() while true do end end, function() while true do end end) return 1")
              .ends_with(too_long));
    CHECK(refusal("local function f() return pcall(f) end f() f() while true do pcall(f) end")
              .ends_with(too_long));
    CHECK(refusal("while true do pcall(error) end").ends_with(too_long));
    CHECK(refusal("table.sort({3, 2, 1}, function() while true do end end)").ends_with(too_long));
    CHECK(refusal("string.gsub('aaa', 'a', function() while true do end end)").ends_with(too_long));
}

TEST_CASE("a script that was killed does not run on in another call") {
    Sandbox sandbox;
    sandbox.load("while true do end", "attack.lua");
    CHECK_THROWS(sandbox.call(0));
    CHECK(sandbox.killed());
    sandbox.load("return 1", "attack.lua");
    sandbox.call(1);
    CHECK_FALSE(sandbox.killed());
}

TEST_CASE("a memory bomb ends within its bound and leaves the host alone") {
    const std::string memory =
        "attack.lua: the script needs more than 64 MiB of memory, or a text of more than 1024 KiB";
    CHECK(refusal("return string.rep('x', 5e8)") == memory);
    CHECK(refusal("return ('x'):rep(1e7)") == memory);
    CHECK(refusal("local s = 'x' while true do s = s .. s end") == memory);
    CHECK(refusal("local t = {} for i = 1, 1e9 do t[i] = i end") == memory);
    CHECK(refusal("local t = {} while true do t = { t, {}, {}, {} } end").find("attack.lua") == 0);
    CHECK(refusal("while true do pcall(string.rep, 'x', 1e6) end").ends_with(too_long));
    CHECK(refusal("return string.format('%s%s', string.rep('x', 9e5), string.rep('y', 9e5))") == memory);
    CHECK(refusal("local t = {} for i = 1, 100 do t[i] = string.rep('x', 1e5) end return table.concat(t)") ==
          memory);
    CHECK(refusal("return string.rep({}, 2)") ==
          "attack.lua:1: bad argument #1 to 'string.rep' (string expected, got table)");
    CHECK(refusal("return string.rep('x', 1 << 62)") == "attack.lua:1: resulting string too large");
}

TEST_CASE("allocation may fail anywhere: the state unwinds and the error is a sentence") {
    for (std::size_t kilobytes = 40; kilobytes < 400; kilobytes += 3) {
        Sandbox::Limits limits;
        limits.memory_bytes = kilobytes << 10;
        const std::string said = input_error([&] {
            Sandbox sandbox(limits);
            sandbox.load("local t = {} for i = 1, 1000 do t[i] = { tostring(i), pcall(string.rep, 'x', i) } "
                         "end return #t",
                         "attack.lua");
            sandbox.call(1);
        });
        CHECK((said == "no error" || said.find("of memory") != std::string::npos));
    }
}

TEST_CASE("deep recursion ends in an error, not in the host's stack") {
    CHECK(refusal("local function f() return 1 + f() end return f()") ==
          "attack.lua: the script needs more than 64 MiB of memory, or a text of more than 1024 KiB");
    CHECK(refusal("local function f() return (string.gsub('a', 'a', f)) end return f()")
              .find("C stack overflow") != std::string::npos);
    CHECK(refusal("return " + std::string(500, '(') + "1" + std::string(500, ')')) ==
          "attack.lua: C stack overflow");
    CHECK(refusal("local t = {} for i = 1, 100 do t = { t } end return t") ==
          "tables are nested more than 32 deep");
}

TEST_CASE("patterns whose worst case is beyond the bound are refused, usual ones work") {
    CHECK(refusal("return string.find(string.rep('a', 60), string.rep('a-', 7) .. 'b')") ==
          "attack.lua:1: 'find' could take more than 10000000 steps for this pattern in a text of 60 bytes; "
          "use a shorter "
          "text, fewer of * + - ? or a pattern that begins with ^");
    CHECK(refusal("return ('x'):rep(5000):match('.-.-.-y')").find("'match' could take more than") !=
          std::string::npos);
    CHECK(refusal("for w in ('x'):rep(5000):gmatch('.-.-.-y') do end").find("'gmatch' could take") !=
          std::string::npos);
    CHECK(refusal("return ('x'):rep(5000):gsub('.-.-.-y', '')").find("'gsub' could take more than") !=
          std::string::npos);
    CHECK(refusal("while true do pcall(string.find, ('x'):rep(3000), '.-y') end").ends_with(too_long));
    CHECK(refusal("while true do string.find(('x'):rep(1000), ('x'):rep(500) .. 'y', 1, true) end")
              .ends_with(too_long));
    CHECK(evaluate("return ('  shop/web  '):match('^%s*(.-)%s*$')") == R"("shop/web")");
    CHECK(evaluate("return ('1.2.3'):gsub('%.', '-')") == R"("1-2-3")");
    CHECK(evaluate("local n = 0 for w in ('one two three'):gmatch('%a+') do n = n + 1 end return n") == "3");
    CHECK(evaluate("return ('a.b'):find('.', 1, true)") == "2");
    CHECK(evaluate("return ('[]]x'):find('[]x]', 3)") == "3");
}

TEST_CASE("the cost of a pattern counts what may repeat") {
    using workflows::engine::pattern_cost;
    CHECK(pattern_cost(9, "^abc", true) == 5);
    CHECK(pattern_cost(9, "abc", false) == 40);
    CHECK(pattern_cost(9, "a*", false) == 300);
    CHECK(pattern_cost(9, "%*", false) == 30);
    CHECK(pattern_cost(9, "[*+-]", false) == 60);
    CHECK(pattern_cost(9, "[^]*]?", false) == 700);
    CHECK(pattern_cost(9, "%b()", false) == 500);
    CHECK(pattern_cost(9, "(a)%1", false) == 600);
}

TEST_CASE("library calls over large tables are paid for by their size") {
    CHECK(refusal("local t = {} for i = 1, 200000 do t[i] = i end while true do table.insert(t, 1, 0) end")
              .ends_with(too_long));
    CHECK(evaluate("local t = {} for i = 1, 20000 do table.insert(t, i) end return #t") == "20000");
    CHECK(refusal("return table.unpack({}, 1, 1e6)") == "attack.lua:1: 'unpack' gives at most 1000 values");
    CHECK(refusal("return table.unpack({}, math.mininteger, math.maxinteger)") ==
          "attack.lua:1: 'unpack' gives at most 1000 values");
    CHECK(evaluate("return select('#', table.unpack({1, 2, 3}))") == "3");
}

TEST_CASE("pairs and next go in sorted order in every run") {
    const std::string keys = "local t = { zebra = 1, apple = 2, [10] = 3, [2] = 4, [1.5] = 5, [true] = 6, "
                             "[false] = 7, mango = 8 } ";
    const std::string expected = R"("1.5 2 10 apple mango zebra false true ")";
    for (int run = 0; run < 20; ++run) {
        CHECK(evaluate(keys + "local s = '' for k in pairs(t) do s = s .. tostring(k) .. ' ' end return s") ==
              expected);
        CHECK(
            evaluate(
                keys +
                "local s, k = '', nil repeat k = next(t, k) if k ~= nil then s = s .. tostring(k) .. ' ' end "
                "until k == nil return s") == expected);
    }
    CHECK(evaluate("return next({}) == nil") == "true");
    CHECK(evaluate("local t, s = { a = 1, b = 2, c = 3 }, '' for k in pairs(t) do t[k] = nil t.b = nil s = s "
                   ".. k end return s") == R"("ac")");
    CHECK(refusal("for k in pairs({ [{}] = 1 }) do end") ==
          "attack.lua:1: 'pairs' over a table with a table as key, whose order would differ from run to run; "
          "use text or "
          "numbers as keys");
    CHECK(refusal("return next({ [print_nothing or tostring] = 1 })") ==
          "attack.lua:1: unknown name 'print_nothing'; give it a value first, or write \"print_nothing\" if "
          "it is text");
    CHECK(refusal("return next({ [tostring] = 1 })").find("with a function as key") != std::string::npos);
    CHECK(refusal("for k in pairs(nil) do end") ==
          "attack.lua:1: bad argument #1 to 'pairs' (table expected, got nil)");
    CHECK(refusal("local k = next({ a = 1 }, 'b') return k") ==
          "attack.lua:1: 'next' was given a key that the table does not have");
}

TEST_CASE("sort is stable, and sorts what a reference sorts") {
    CHECK(evaluate("local t = { 5, 3, 9, 1, 7, 7, 2 } table.sort(t) return table.concat(t, ' ')") ==
          R"("1 2 3 5 7 7 9")");
    CHECK(evaluate("local t = {} for i = 1, 300 do t[i] = { i, i % 3 } end "
                   "table.sort(t, function(a, b) return a[2] < b[2] end) "
                   "for i = 2, 300 do if t[i-1][2] == t[i][2] and t[i-1][1] > t[i][1] then return false end "
                   "end return #t") == "300");
    CHECK(evaluate("local t = { 'b', 'a' } table.sort(t, function(a, b) return a > b end) return t[1]") ==
          R"("b")");
    CHECK(evaluate("local t = {} table.sort(t) return #t") == "0");
}

TEST_CASE("nothing that a script can print shows an address") {
    CHECK(evaluate("return tostring({}) .. tostring(tostring) .. tostring(nil) .. tostring(1.5) .. "
                   "tostring(true)") == R"("tablefunctionnil1.5true")");
    CHECK(evaluate("return string.format('%s %s %d %5.1f %q', {}, tostring, 3, 2.5, 'x')") ==
          R"("table function 3   2.5 \"x\"")");
    CHECK(refusal("return string.format('%p', {})") ==
          "attack.lua:1: 'format' has no %p here: addresses differ from run to run");
    CHECK(refusal("return ('%-20p'):format({})") ==
          "attack.lua:1: 'format' has no %p here: addresses differ from run to run");
    CHECK(evaluate("return string.format('100%%p')") == R"("100%p")");
    CHECK(refusal("error({})") == "attack.lua: the script raised a table instead of a message");
    CHECK(evaluate("local ok, e = pcall(function() return {} .. 'x' end) return e") ==
          R"("attack.lua:1: attempt to concatenate a table value")");
}

TEST_CASE("pcall and xpcall still do their work") {
    CHECK(evaluate("local ok, e = pcall(error, 'x', 0) return tostring(ok) .. e") == R"("falsex")");
    CHECK(evaluate("return select('#', pcall(function() return 1, 2, 3 end))") == "4");
    CHECK(evaluate("local ok, e = xpcall(function(a) error(a, 0) end, function(m) return m .. '!' end, 'x') "
                   "return e") == R"("x!")");
    CHECK(evaluate("local ok, a, b = xpcall(function(...) return ... end, tostring, 4, 5) return a + b") ==
          "9");
}

TEST_CASE("what a script does to the string table harms only itself") {
    CHECK(evaluate("string.rep = nil return tostring(('x').rep)") == R"("nil")");
    CHECK(evaluate("return ('x'):rep(3)") == R"("xxx")");
}

TEST_CASE("data that is not data is refused") {
    CHECK(refusal("return { [1] = 1, a = 2 }") == "a table is both a list and a record, or a list with gaps");
    CHECK(refusal("return { [{}] = 1 }") == "a key is a table, but must be text, or all of 1, 2, 3 …");
    CHECK(refusal("return tostring") == "a function stands where data is expected");
    CHECK(evaluate("return { b = { 1, 2.5, 'x', true }, a = {} }") == R"({"a":{},"b":[1,2.5,"x",true]})");
}
