// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "tests/units/workflows/attacks.hpp"

namespace tests {
namespace {

constexpr const char* too_long = "the script ran too long: more than 10000000 steps without a command";
constexpr const char* memory = "the script needs more than 64 MiB of memory, or a text of more than 1024 KiB";

std::string repeated(const std::string& text, int times) {
    std::string all;
    all.reserve(text.size() * static_cast<std::size_t>(times));
    for (int i = 0; i < times; ++i) {
        all += text;
    }
    return all;
}

// In the body of `run`, on line 2.
constexpr struct {
    const char* body;
    const char* said;
} bodies[] = {
    // Ways out: globals, environments, metatables, bytecode.
    {"return _G.io", "attack.lua:2: unknown name '_G'"},
    {"return io.open('/etc/passwd')", "unknown name 'io'"},
    {"os.exit(1)", "unknown name 'os'"},
    {"return load('return 1')()", "unknown name 'load'"},
    {"return load('\\27Lua')", "unknown name 'load'"},
    {"return loadstring 'x'", "unknown name 'loadstring'"},
    {"dofile('/etc/passwd')", "unknown name 'dofile'"},
    {"require 'os'", "unknown name 'require'"},
    {"package.loadlib('x', 'y')", "unknown name 'package'"},
    {"debug.sethook()", "unknown name 'debug'"},
    {"debug.getregistry()", "unknown name 'debug'"},
    {"collectgarbage('stop')", "unknown name 'collectgarbage'"},
    {"getmetatable('').__index = nil", "unknown name 'getmetatable'"},
    {"setmetatable({}, { __gc = function() while true do end end })", "unknown name 'setmetatable'"},
    {"rawset(ctx, 'update', nil)", "unknown name 'rawset'"},
    {"coroutine.wrap(function() while true do end end)()", "unknown name 'coroutine'"},
    {"string.dump(function() end)", "attempt to call a nil value (field 'dump')"},
    {"('').dump(function() end)", "attempt to call a nil value"},
    {"return ('').__index.x", "attempt to index a nil value"},
    {"_ENV = nil return tostring(1)", "attempt to index a nil value (upvalue '_ENV')"},
    {"local _ENV = {} return tostring(1)", "attempt to call a nil value (global 'tostring')"},
    {"local e = _ENV for name in pairs(e) do if name == 'io' then error(name) end end", ""},
    {"string.rep = function() return 'mine' end if ('x'):rep(2) ~= 'mine' then error('two') end", ""},
    {"pairs, next, pcall = nil while true do end", too_long},
    {"for _, f in pairs(ctx) do if type(f) == 'function' then f() end end", "with a colon"},
    {"for _, f in pairs(ctx) do if type(f) == 'function' then f(ctx, {}, {}, {}, {}) end end",
     "attack.lua:2: ctx:"},
    {"ctx.update = nil ctx:update()", "ctx has no 'update'"},
    {"ctx.levels = nil for _ in ipairs(ctx.levels) do end", "ctx has no 'levels'"},
    {"local x <close> = { __close = function() while true do end end }",
     "variable 'x' got a non-closable value"},
    {"local x <close> = nil while true do end", too_long},
    {"for i in tostring, nil, nil, { __close = 1 } do end", "attack.lua"},
    {"ctx:side_effect(function() while true do end end)", too_long},
    {"ctx:side_effect(function() return function() end end)", "a function stands where data is expected"},
    {"ctx:side_effect(function() local t = {} t.t = t return t end)", "tables are nested more than 32 deep"},
    {"local t = {} for i = 1, 30 do t = { t, t } end ctx:log('x', { t = t })",
     "data of more than 10000 values"},
    {"local t, s = {}, ('x'):rep(1e6) for i = 1, 30 do t[i] = s end ctx:log('x', { t = t })",
     "or 2 MiB of text"},
    {"ctx:log('x', { f = print_nothing or ctx.now })", "unknown name 'print_nothing'"},
    {"('a'):gsub('a', function() ctx:wait('1s') end)", "attempt to yield across a C-call boundary"},
    // Texts that grow.
    {"return string.rep('x', 5e8)", memory},
    {"return ('x'):rep(1e7, 'y')", memory},
    {"return ('x'):rep(1 << 62)", "resulting string too large"},
    {"local s = 'x' while true do s = s .. s end", memory},
    {"local s = 'x' while true do s = s .. 'x' end", too_long},
    {"local t = {} for i = 1, 100 do t[i] = ('x'):rep(1e5) end return table.concat(t)", memory},
    {"return table.concat({}, 'x', 1, 1e9)", "in table for 'concat'"},
    {"return string.format('%999d', 1)", "invalid conversion"},
    {"return string.format('%99.99f', 1e308)", ""},
    {"return string.format(('%s'):rep(30), ('x'):rep(1e5), ('x'):rep(1e5))", "attack.lua:2: bad argument"},
    {"local s = ('x'):rep(1e5) return string.format(('%s'):rep(12), s, s, s, s, s, s, s, s, s, s, s, s)",
     memory},
    {"local s = 'x' for i = 1, 40 do s = s:gsub('x', 'xx') end", memory},
    {"local s = ('x'):rep(1e6) while true do s:upper() end", too_long},
    {"while true do pcall(string.rep, 'x', 1e6) end", too_long},
    {"return string.char(table.unpack({}, 1, 1000))", "bad argument #1"},
    // Patterns that take for ever.
    {"return ('a'):rep(60):find(('a-'):rep(7) .. 'b')", "'find' could take more than 10000000 steps"},
    {"return ('a'):rep(5000):match('(a-)*b(.-)(.-)(.-)c')", "'match' could take more than"},
    {"for x in ('a'):rep(5000):gmatch('.-.-.-y') do end", "'gmatch' could take more than"},
    {"return ('a'):rep(5000):gsub('.-.-.-y', '')", "'gsub' could take more than"},
    {"return ('('):rep(1e5):find('%b()%b()%b()')", "'find' could take more than"},
    {"while true do ('a'):rep(1000):find('.-y') end", too_long},
    {"while true do ('a'):rep(1000):find(('a'):rep(500) .. 'y', 1, true) end", too_long},
    {"return ('x'):find('[')", "malformed pattern"},
    {"return ('x'):find('%')", "malformed pattern"},
    {"return ('x'):find(('('):rep(40))", "attack.lua:2: "},
    {"return ('x'):rep(250000):find(('x?'):rep(250000))", "'find' could take more than"},
    // Errors that are caught.
    {"while true do pcall(function() while true do end end) end", too_long},
    {"while true do pcall(error) end", too_long},
    {"while true do xpcall(error, function() while true do end end) end", too_long},
    {"xpcall(function() while true do end end, function() while true do end end) ctx:wait('1s')", too_long},
    {"local function h(m) return xpcall(error, h) end xpcall(error, h)", ""},
    {"local function f() return pcall(f) end f() f() while true do pcall(f) end", too_long},
    {"local function f() pcall(f) return f() end f()", too_long},
    {"pcall(function() local s = 'x' while true do s = s .. s end end) while true do end", too_long},
    {"local t = {} while true do pcall(function() while true do t[#t + 1] = {} end end) end",
     "attack.lua:2: "},
    {"error({})", "the script raised a table instead of a message"},
    {"error()", "the script raised a nil instead of a message"},
    {"error(setmetatable)", "unknown name 'setmetatable'"},
    {"error('x', 1e9)", "attack.lua: x"},
    // Loops and numbers.
    {"::a:: goto a", too_long},
    {"::a:: do local x <const> = 1 goto a end", too_long},
    {"repeat until false", too_long},
    {"for i = math.mininteger, math.maxinteger do end", too_long},
    {"for i = 1, math.huge do end", too_long},
    {"for i = 1.0, 1e308 do end", too_long},
    {"for i = 1, 2, 0 do end", "'for' step is zero"},
    {"for i = math.maxinteger - 1, math.maxinteger do end", ""},
    {"for i = math.mininteger, math.mininteger + 1, math.maxinteger do end", ""},
    {"for i = 'a', 2 do end", "'for' initial value"},
    {"return 1 // 0", "attempt to"},
    {"return math.mininteger // -1, math.mininteger % -1", ""},
    {"return 1 << 1e300", "number has no integer representation"},
    {"return math.fmod(math.mininteger, -1)", ""},
    {"return math.fmod(1, 0)", "bad argument #2"},
    {"return tostring(-(0/0)) .. math.maxinteger + 1", ""},
    {"return tonumber(('9'):rep(1e5))", ""},
    {"return tonumber('z', 99)", "base out of range"},
    // Tables.
    {"local t = {} for i = 1, 1e9 do t[i] = i end", memory},
    {"local t = {} for i = 1, 1e9 do t['k' .. i] = i end", "attack.lua"},
    {"local t = {} while true do t = { t } end", "attack.lua"},
    {"local t = {} while true do t[#t + 1] = function() return t end end", "attack.lua"},
    {"local t = {} t[0/0] = 1", "index is NaN"},
    {"local t = {} t[1 << 62] = 1 return #t", ""},
    {"local t = {} table.insert(t, 1 << 53, 1)", "position out of bounds"},
    {"return table.unpack({}, 1, 1e8)", "'unpack' gives at most 1000 values"},
    {"return table.unpack({}, math.mininteger, math.maxinteger)", "'unpack' gives at most 1000 values"},
    {"return select(-1e300, 1)", "number has no integer representation"},
    {"return select(-5, 1)", "index out of range"},
    {"local t = {} for i = 1, 2e5 do t[i] = i end while true do table.remove(t, 1) end", too_long},
    {"local t = {} for i = 1, 2e5 do t[i] = i end while true do for k in pairs(t) do break end end",
     too_long},
    {"local t = {} for i = 1, 100 do t[i] = 100 - i end table.sort(t, function() return true end)", ""},
    {"local t = {} for i = 1, 100 do t[i] = i % 7 end table.sort(t, function(a, b) return a <= b end)", ""},
    {"table.sort({ 3, 2, 1 }, function() while true do end end)", too_long},
    {"table.sort({ 3, 2, 1 }, function() error('no', 0) end)", "attack.lua: no"},
    {"table.sort({ 1, 'a', {} })", "attempt to compare"},
    {"local t = { 3, 2, 1 } table.sort(t, function(a, b) t[1] = nil return false end)", ""},
    {"local t = { a = 1, b = 2 } for k in pairs(t) do t[k .. 'x'] = 1 end", ""},
    {"for k in pairs({ [{}] = 1 }) do end", "use text or numbers as keys"},
    {"return next({}, 'x')", "'next' was given a key that the table does not have"},
    // Recursion.
    {"local function f() return 1 + f() end f()", memory},
    {"local function f(...) return 1 + f(1, ...) end f()", "attack.lua"},
    {"local function f() return f() end f()", too_long},
    {"local function f() return (('a'):gsub('a', f)) end f()", "C stack overflow"},
    {"local function f() table.sort({ 1, 2 }, f) end f()", "attack.lua"},
    {"local function f() return select(2, pcall(f)) end f()", ""},
    {"local function f() return select(2, xpcall(f, f)) end f()", ""},
    // What one step does to much data, what pretends to be data of ours, and other ways to be long or large.
    {"local function f(...) return f(1, ...) end f()", "s of processor time"},
    {"local a, b = ('x'):rep(1e6), ('x'):rep(1e6) .. 'y' while a < b do end", "s of processor time"},
    {"local s = ('x'):rep(1000) for i = 1, 20 do s = s:gsub('.', s) end", memory},
    {"local t = { x = ('y'):rep(1e6) } return ('x'):rep(1e5):gsub('x', t)", memory},
    {"('a'):rep(1e5):gsub('a', function() for i = 1, 1e6 do end end)", too_long},
    {"return ('a '):rep(1e5):find('%f[%w]%w-%f[%W].-%f[%w].-%f[%W].-zz')", "'find' could take more than"},
    {"return ('a'):rep(1e5):find('(.-)(.-)%1%2(.-)%3z')", "'find' could take more than"},
    {"return ('a'):rep(1e5):gsub('()', '%1%1%1%1%1%1%1%1')", memory},
    {"return string.format('%q', ('\\0'):rep(1e6))", memory},
    {"return string.format('%*d', 99999999, 1)", "invalid conversion '%*' to 'format'"},
    {"return string.format('%n%n%n%n', 1, 2, 3, 4)", "invalid conversion '%n' to 'format'"},
    {"return table.move({}, 1, 1e9, 2)", "attempt to call a nil value (field 'move')"},
    {"local t = {} for i = 1, 1e5 do table.insert(t, 1, i) end", too_long},
    {"local t = {} for i = 1, 1e9 do t[i % 65536] = i t[i % 65536 + 1] = nil end", too_long},
    {"local f = function() end for i = 1, 1e6 do local g = f f = function() return pcall(g) end end f()",
     memory},
    {"local function h() error(h) end for i = 1, 1e9 do xpcall(error, h, 1) end", too_long},
    {"error({ __tostring = function() while true do end end })",
     "the script raised a table instead of a message"},
    {"local i = 0 ::a:: i = i + 1 if i % 2 == 0 then goto b end goto a ::b:: goto a", too_long},
    {"local t = {} for i = 1, 1e9 do t[i] = function() return i, t end end", memory},
    {"local t, s = {}, 'k' for i = 1, 1e9 do s = s .. i t[s] = s end", memory},
    {"local _ENV = { pcall = pcall } while true do pcall(function() x() end) end", too_long},
    {"local t = { [ctx] = 1 } for k in pairs(t) do end", "use text or numbers as keys"},
    {"ctx:wait(tostring(0 / 0) .. 's')", "is not a duration"},
    {"ctx:wait('99999999999999999999d')", "is not a duration"},
    {"ctx:command('../../bin/sh', 'shop/db; rm -rf /')", "is not two words with one '/' between them"},
    {"local f = ctx.update f(ctx) f(nil) f({})", "ctx:update: the first argument is nothing"},
    {"local l = ctx.levels[1] l:update()", "a level has no 'update'"},
    {"return string.format('%p', {})", "'format' has no %p here"},
    {"return utf8.char(1)", "unknown name 'utf8'"},
    {"local a = ('x'):rep(1e6) while (a .. 'y') == (a .. 'y') do end", too_long},
    {"return ('x'):rep(1e6):byte(1, -1)", "string slice too long"},
    {"local s = ('9'):rep(1e6) while tonumber(s) do end", too_long},
    {"local t = table.pack(table.unpack({}, 1, 1000)) while true do t = table.pack(table.unpack(t, 1, t.n)) "
     "end",
     too_long},
    {"ctx:log('a\\n{\"ended\":{\"ok\":true}}\\n', { nul = '\\0\\xff' })", ""},
    {"local x = 1 while x do x = x // 1 end", too_long},
    // What is deferred.
    {"ctx:defer(function() while true do end end)",
     "a deferred function failed: attack.lua:2: the script ran too long"},
    {"ctx:defer(function() ctx:defer(function() end) end)",
     "a deferred function failed: attack.lua:2: ctx:defer: a deferred function can only use ctx:probe, "
     "ctx:command, "
     "ctx:wait, ctx:now, ctx:log"},
    {"while true do ctx:defer(function() end) end", "ctx:defer: at most 100 functions can be deferred"},
    {"while true do pcall(ctx.defer, ctx, pcall) end", too_long},
    {"while true do pcall(ctx.now, ctx) end", "the script gave more than 100000 commands"},
    {"while true do ctx:log(('x'):rep(60000)) end", "the script has said more than 8388608 bytes to ctx"},
    {"while true do pcall(ctx.wait, ctx) end", too_long},
    {"while true do pcall(function() return ctx.updat end) end", too_long},
};

} // namespace

std::vector<Attack> attacks() {
    std::vector<Attack> list;
    for (const auto& [body, said] : bodies) {
        const std::string text = body;
        list.push_back({"return workflow { run = function(ctx, params)\n" + text + "\nend }", said,
                        text.starts_with("while true do ctx:defer") ||
                            text.starts_with("while true do pcall(ctx.defer") ||
                            text.starts_with("while true do pcall(ctx.now") ||
                            text.starts_with("while true do ctx:log")});
    }
    // Sources.
    const std::string shell = "return workflow { run = function() end, summary = ";
    list.push_back({std::string("\x1bLua\x54\x00\x19\x93\r\n\x1a\n", 12), "attempt to load a binary chunk"});
    list.push_back({"return " + repeated("(", 100'000) + "1" + repeated(")", 100'000), "C stack overflow"});
    list.push_back({"return " + repeated("{", 100'000), "C stack overflow"});
    list.push_back({repeated("do ", 100'000), "C stack overflow"});
    list.push_back({repeated("function f() ", 50'000), "C stack overflow"});
    list.push_back({"return " + repeated("not ", 100'000) + "1", "C stack overflow"});
    list.push_back({"return 'x'" + repeated(" .. 'x'", 100'000), "C stack overflow"});
    list.push_back({repeated("local x = 1 ", 201), "too many local variables"});
    list.push_back({"return " + std::string(200'000, 'x'), "unknown name"});
    list.push_back({"return '" + std::string(500'000, 'x') + "'", "not a workflow"});
    list.push_back({"-- " + std::string(1'000'000, 'x'), "not a workflow"});
    list.push_back(
        {std::string(2u << 20, '\n'), "the script has 2097152 bytes, but at most 1048576 are allowed"});
    list.push_back({repeated("x = 1 ", 170'000), "not a workflow"});
    list.push_back({"local t = { " + repeated("{}, ", 250'000) + "}", "attack.lua"});
    list.push_back({"return 1" + repeated(" + 1", 200'000), "not a workflow"});
    list.push_back({"\xEF\xBB\xBFreturn 1", "unexpected symbol"});
    list.push_back({std::string("return '\0'", 10), "not a workflow"});
    list.push_back({"return '", "unfinished string"});
    list.push_back({shell + "('x'):rep(1e9) }", memory});
    list.push_back({"while true do end", too_long});
    list.push_back({"while true do pcall(workflow, { run = pcall }) end", too_long});
    list.push_back({shell + "(function() while true do end end)() }", too_long});
    list.push_back({"local t = {} t.t = t return workflow { run = function() end, params = t }",
                    "tables are nested more than"});
    list.push_back(
        {"local t = {} for i = 1, 1e5 do t['p' .. i] = flag(true) end return workflow { run = function() "
         "end, params = t }",
         "attack.lua:1: 'params': data of more than 10000 values"});
    return list;
}

} // namespace tests
