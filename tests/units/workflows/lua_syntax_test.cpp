// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// Our own reader of Lua beside Lua itself.
#include "workflows/engine/lua_syntax.hpp"

#include "tests/catch.hpp"
#include "workflows/engine/sandbox.hpp"

#include <filesystem>
#include <fmt/format.h>
#include <fstream>
#include <sstream>

using namespace workflows::engine;

namespace {

bool lua_takes(const std::string& text) {
    lua_State* state = luaL_newstate();
    const bool taken = luaL_loadbufferx(state, text.data(), text.size(), "=t", "t") == LUA_OK;
    lua_close(state);
    return taken;
}

std::string errors_of(const std::string& text) {
    std::string all;
    for (const syntax::SyntaxError& error : syntax::parse(text).errors) {
        all += fmt::format("{}:{}: {}\n", error.place.line, error.place.column, error.message);
    }
    return all;
}

void agrees(const std::string& text) {
    INFO(text << "\n" << errors_of(text));
    CHECK(syntax::parse(text).errors.empty() == lua_takes(text));
}

std::string repeated(const std::string& text, int times) {
    std::string all;
    for (int i = 0; i < times; ++i) {
        all += text;
    }
    return all;
}

// One text a line; each is taken or refused as Lua does.
constexpr const char* snippets[] = {
    "",
    ";",
    ";;;",
    "return",
    "return;",
    "return 1, 2",
    "return 1;;",
    "return return",
    "return 1 x = 2",
    "do return end x = 1",
    "x = 1",
    "x, y = 1, 2",
    "x, y = f()",
    "x",
    "x.y",
    "x = ",
    "= 1",
    "x == 1",
    "f()",
    "f{}",
    "f''",
    "f[[x]]",
    "f()()",
    "f().x = 1",
    "f() = 1",
    "(f)()",
    "(f) = 1",
    "(f()).x = 1",
    "a.b.c = 1",
    "a['b'][1] = 1",
    "a:b()",
    "a:b{}",
    "a:b'x'",
    "a:b = 1",
    "a:b",
    "a.b:c.d()",
    "'x':f()",
    "('x'):f()",
    "{}.x = 1",
    "({}).x = 1",
    "1 = x",
    "nil = x",
    "x = nil",
    "x = true and false or not nil",
    "local x",
    "local x = 1",
    "local x, y = 1",
    "local x <const> = 1",
    "local x <close> = nil",
    "local x <foo> = 1",
    "local x <const>",
    "local x <const> = 1 x = 2",
    "local x <close> = nil x = 2",
    "local x <close>, y <close> = nil",
    "local x <const>, y <const> = 1, 2",
    "local x <const> = 1 local function f() x = 2 end",
    "local x <const> = 1 do local x x = 2 end",
    "local x <const> = 1 function x() end",
    "local x <const> = {} x.y = 1",
    "local x <const> = {} function x.y() end",
    "local x.y = 1",
    "local 1 = x",
    "local",
    "local function",
    "local function f() end",
    "local function f.g() end",
    "function f() end",
    "function f.g.h() end",
    "function f.g:h() end",
    "function f:g:h() end",
    "function f:g.h() end",
    "function () end",
    "x = function() end",
    "x = function f() end",
    "function f(a, b) end",
    "function f(a, b, ...) end",
    "function f(...) end",
    "function f(..., a) end",
    "function f(a,) end",
    "function f(,) end",
    "function f(1) end",
    "function f(a b) end",
    "function f() return ... end",
    "function f(...) return ... end",
    "function f(...) return function() return ... end end",
    "return ...",
    "x = ...",
    "function f(a.b) end",
    "if x then end",
    "if x then else end",
    "if x then elseif y then else end",
    "if x then else else end",
    "if x then else elseif y then end",
    "if x end",
    "if then end",
    "if x then",
    "elseif x then end",
    "else end",
    "end",
    "if x then end end",
    "while x do end",
    "while do end",
    "while x end",
    "while x do",
    "repeat until x",
    "repeat",
    "repeat until",
    "repeat local x until x",
    "until x",
    "do end",
    "do",
    "do do end",
    "for i = 1, 2 do end",
    "for i = 1, 2, 3 do end",
    "for i = 1 do end",
    "for i = 1, 2, 3, 4 do end",
    "for i, j = 1, 2 do end",
    "for i in x do end",
    "for i, j in x, y, z do end",
    "for i in do end",
    "for in x do end",
    "for i do end",
    "for 1 = 1, 2 do end",
    "for a.b = 1, 2 do end",
    "for i = 1, 2 do",
    "for i = 1, 2 do i = 3 end",
    "for (i) = 1, 2 do end",
    "break",
    "while x do break end",
    "for i = 1, 2 do break end",
    "repeat break until x",
    "while x do function f() break end end",
    "while x do if y then break end end",
    "while x do break break end",
    "if x then break end",
    "while x do break; y() end",
    "goto x",
    "goto x ::x::",
    "::x:: goto x",
    "::x::",
    "::x:: ::x::",
    "::x:: do ::x:: end",
    "do ::x:: end ::x::",
    "do ::x:: end do ::x:: end",
    "do ::x:: end goto x",
    "do goto x end ::x::",
    "goto x do ::x:: end",
    "goto x local a ::x::",
    "goto x local a ::x:: a = 1",
    "do goto x local a ::x:: end",
    "do goto x local a ::x:: ; end",
    "do goto x local a ::x:: ::y:: end",
    "do goto x local a ::x:: b() end",
    "goto x local a ::x:: ;;",
    "repeat goto x local a ::x:: until a",
    "repeat goto x local a ::x:: until true",
    "repeat if x then goto c end local a ::c:: until a",
    "while x do goto c ::c:: end",
    "while x do do goto c end local a ::c:: end",
    "function f() goto x end ::x::",
    "::x:: function f() goto x end",
    "::x:: function f() ::x:: end",
    "goto",
    "goto 1",
    "::1::",
    "::x:",
    ":: x ::",
    "goto end",
    "do local a ::l1:: goto l1 end",
    "do goto l1 end local a ::l1:: ::l2:: a = 1",
    "local goto = 1",
    "x = {}",
    "x = {1}",
    "x = {1,}",
    "x = {1;2}",
    "x = {1;2;}",
    "x = {,}",
    "x = {;}",
    "x = {1,,2}",
    "x = {a = 1}",
    "x = {a = 1, 2, [3] = 4}",
    "x = {[1]}",
    "x = {[1] 2}",
    "x = {a.b = 1}",
    "x = {(a) = 1}",
    "x = {a == 1}",
    "x = {1 = 2}",
    "x = {'a' = 2}",
    "x = {...}",
    "x = {f()}",
    "x = {function() end}",
    "x = {",
    "x = {1",
    "x = }",
    "x = {a = }",
    "x = {a b}",
    "x = {[a] = }",
    "x = {nil}",
    "x = {end}",
    "x = {and = 1}",
    "x = 1 + 2",
    "x = 1 + ",
    "x = + 1",
    "x = -1",
    "x = --1",
    "x = - - 1",
    "x = not not x",
    "x = #x",
    "x = ~x",
    "x = ~1 ~ 2",
    "x = 1 ~= 2",
    "x = 1 != 2",
    "x = 1 < 2 < 3",
    "x = a and b or c",
    "x = a && b",
    "x = !a",
    "x = a ? b : c",
    "x = a .. b .. c",
    "x = a ... b",
    "x = 2 ^ -3",
    "x = -2 ^ 2",
    "x = 1 // 2 % 3",
    "x = 1 << 2 >> 3 & 4 | 5",
    "x += 1",
    "x++",
    "x = (1",
    "x = 1)",
    "x = ()",
    "x = (1, 2)",
    "x = ((1))",
    "x = a[1",
    "x = a[]",
    "x = a.1",
    "x = a.'b'",
    "x = a.end",
    "x = a:end()",
    "x = f(",
    "x = f(1,",
    "x = f(1,)",
    "x = f(,1)",
    "x = f(1 2)",
    "f(a)(b)[c].d:e()",
    "x = 1, 2",
    "x, = 1",
    ", x = 1",
    "x, y",
    "x, f() = 1, 2",
    "f(), x = 1, 2",
    "x, y.z, w[1] = 1",
    "x y = 1",
    "x = y z = 1",
    "x = y = z",
    "f\n()",
    "f\n{}",
    "a.b\n(c)",
    "x = f\n'y'",
    "local x = f (1) (2)",
    "local a = {} (f)()",
    "x = 0",
    "x = 00",
    "x = 1.",
    "x = .5",
    "x = 1.5",
    "x = .",
    "x = 1e5",
    "x = 1e+5",
    "x = 1e-5",
    "x = 1e",
    "x = 1e+",
    "x = 1.e5",
    "x = .5e5",
    "x = 0x",
    "x = 0x1",
    "x = 0xF",
    "x = 0xG",
    "x = 0x.1",
    "x = 0x1.",
    "x = 0x.",
    "x = 0x1p4",
    "x = 0x1p",
    "x = 0x1p-4",
    "x = 0xA.8p0",
    "x = 0x1e+1",
    "x = 0xep1",
    "x = 1x",
    "x = 1_000",
    "x = 3and 4",
    "x = 3 and 4",
    "x = 1..2",
    "x = 1 ..2",
    "x = 1.. 2",
    "x = 1...2",
    "x = 1.2.3",
    "x = 0b1",
    "x = 1L",
    "x = 1f",
    "x = 9223372036854775807",
    "x = 9223372036854775808",
    "x = 0xffffffffffffffffff",
    "x = 1e999",
    "x = 08",
    "x = 1..",
    "x = 12e3e4",
    "x = 1e5.5",
    "x = ''",
    "x = '",
    "x = \"",
    "x = 'a\nb'",
    "x = 'a\\\nb'",
    "x = 'a\\nb'",
    "x = '\\q'",
    "x = '\\x41'",
    "x = '\\x4'",
    "x = '\\xg0'",
    "x = '\\065'",
    "x = '\\256'",
    "x = '\\9'",
    "x = '\\999'",
    "x = '\\u{41}'",
    "x = '\\u{7fffffff}'",
    "x = '\\u{80000000}'",
    "x = '\\u{}'",
    "x = '\\u41'",
    "x = '\\u{41'",
    "x = '\\u{g}'",
    "x = '\\z  \n  a'",
    "x = '\\",
    "x = '\\'",
    "x = 'it\\'s'",
    "x = \"it's\"",
    "x = '\\a\\b\\f\\n\\r\\t\\v\\\\\\\"'",
    "x = '\\e'",
    "x = '\\ '",
    "x = '\xff\xfe'",
    "x = 'größe'",
    "x = [[a]]",
    "x = [[a\nb]]",
    "x = [[a",
    "x = [=[a]]b]=]",
    "x = [=[a]=",
    "x = [=a",
    "x = [==",
    "x = [a]",
    "x = [[a]b]]",
    "x = [[]]",
    "x = [=[]]=]",
    "x = a[[[b]]]",
    "x = a[ [[b]] ]",
    "-- x",
    "--",
    "--[[ x ]]",
    "--[[ x",
    "--[[ x\n]] y = 1",
    "--[==[ ]] ]==]",
    "--[=[ ]]",
    "--[ x",
    "x = 1 -- y\nz = 2",
    "---[[ x\ny = 1",
    "größe = 1",
    "x = é",
    "x = $",
    "@",
    "x = `a`",
    "x \\ y",
    "x = 1 # 2",
    "#!/bin/lua",
    "x = a?.b",
    "\tx\t=\v1\f",
    "x=1\r\ny=2\r\n",
    "x=1\n\ry=2",
    "x = 'a\\\r\nb'",
    "x = function() return 1 end()",
    "(function() end)()",
    "x = function() return 1 end .. 'a'",
    "local function f() return f() end",
    "local a <const> = 1; local b <const> = a; return b",
    "return function(...) local a, b = ... end",
    "return {[f()] = g(), h = i; j}",
    "for k, v in next, t do t[k] = nil end",
    "local t <close> = setmetatable({}, {})",
    "return 1 or error'x'",
    "a.b['c'].d = e'f'.g",
    "return not nil == true",
    "if a then return end",
    "if a then return 1; end",
    "if a then return 1 b() end",
    "while a do return end b()",
    "repeat return until a",
    "return -",
    "return - -",
    "return #",
    "if x then goto done end do return end ::done::",
    "x = a.b.c:d'e'.f[g]{h}",
    "x = y\n(z)()",
    "a, b.c, d['e'] = f, g",
    "return (...)",
    "return (a), b",
    "and",
    "x = and",
    "local and = 1",
    "function end() end",
    "x.function = 1",
    "x.f = function",
    "in",
    "for i in in do end",
    "return until",
    "then",
    "not x",
    "x = not",
    "x = 1 not 2",
};

} // namespace

TEST_CASE("a text is taken or refused by us as by Lua itself") {
    for (const char* text : snippets) {
        agrees(text);
        agrees(std::string("return workflow { run = function(ctx, params)\n") + text + "\nend }");
        agrees(std::string("do\n") + text + "\nend local z = 1");
        agrees(std::string("while q do ") + text + " end");
    }
    for (const auto& file : std::filesystem::directory_iterator(TIERCEL_SOURCE "/workflows/library")) {
        if (file.path().extension() == ".lua") {
            std::ifstream stream(file.path());
            std::stringstream text;
            text << stream.rdbuf();
            CHECK(lua_takes(text.str()));
            agrees(text.str());
            // Cut anywhere, and with any one character gone.
            for (std::size_t at = 0; at < text.str().size(); at += 3) {
                agrees(text.str().substr(0, at));
                agrees(text.str().substr(0, at) + text.str().substr(at + 1));
            }
        }
    }
}

TEST_CASE("every two tokens of Lua in a row are taken or refused as by Lua") {
    const char* tokens[] = {
        "and",   "break", "do",  "else", "end",    "false",  "for",  "function", "goto",  "if", "in",
        "local", "nil",   "not", "or",   "repeat", "return", "then", "until",    "while", "x",  "1",
        "'s'",   "+",     "-",   "*",    "/",      "%",      "^",    "#",        "&",     "~",  "|",
        "<<",    "//",    "==",  "<",    "=",      "(",      ")",    "{",        "}",     "[",  "]",
        "::",    ";",     ":",   ",",    ".",      "..",     "..."};
    for (const char* first : tokens) {
        for (const char* second : tokens) {
            agrees(std::string(first) + " " + second);
            agrees(std::string("x = y ") + first + " " + second + " z");
            agrees(std::string("f ") + first + " x " + second + " end");
        }
    }
}

TEST_CASE("bounds on nesting and local variables are Lua's, or a little tighter") {
    for (const int depth : {10, 100, 180}) {
        agrees("x = " + repeated("(", depth) + "1" + repeated(")", depth));
        agrees(repeated("do ", depth) + repeated("end ", depth));
        agrees("x = " + repeated("{", depth) + repeated("}", depth));
        agrees("x = 1" + repeated(" .. 1", depth));
        agrees("x = " + repeated("- ", depth) + "1");
        agrees("x = " + repeated("function() return ", depth / 2) + "1" + repeated(" end", depth / 2));
    }
    for (const int depth : {200, 1000, 100'000}) {
        agrees("x = " + repeated("(", depth) + "1" + repeated(")", depth));
        agrees(repeated("do ", depth) + repeated("end ", depth));
        agrees("x = " + repeated("{", depth));
        agrees("x = " + repeated("not ", depth) + "1");
        agrees(repeated("if x then ", depth));
        agrees(repeated("function f() ", depth));
    }
    agrees(repeated("local x = 1 ", 200));
    agrees(repeated("local x = 1 ", 201));
    agrees("x = 1" + repeated(" + 1", 4000));
    CHECK(errors_of("x = 1" + repeated(" + 1", 300'000)) ==
          "1:5: an expression has more than 5000 parts in a row\n");
    CHECK(errors_of("f" + repeated("()", 300'000)) ==
          "1:1: an expression has more than 5000 parts in a row\n");
    CHECK(errors_of(repeated("x = 1 ", 100'000)).empty());
}

TEST_CASE("any bytes are read to their end") {
    std::uint32_t chance = 7;
    for (int run = 0; run < 2000; ++run) {
        std::string text;
        for (int i = 0; i < 40; ++i) {
            chance = chance * 1664525 + 1013904223;
            text += (chance >> 28) < 3 ? static_cast<char>(chance >> 20)
                                       : " x=1(){}[]'\"\\-.,;:functionendlocal"[(chance >> 16) % 35];
        }
        agrees(text);
    }
}

TEST_CASE("each error of syntax says where and what to write, and the rest of the text is read") {
    CHECK(
        errors_of("local a = 1\nif a ctx:wait('1s') end\nlocal b = \nlocal c = (1 + 2\nfoo bar\nreturn a") ==
        "2:6: 'then' is missing before 'ctx'; write if … then … end\n"
        "4:1: 'local' stands where a value is expected\n"
        "5:1: ')' is missing before 'foo'; it closes the '(' of line 4\n");
    CHECK(errors_of("foo bar\n\nbaz qux\n") ==
          "1:5: 'bar' stands where '=' or the arguments of a call are expected\n"
          "3:5: 'qux' stands where '=' or the arguments of a call are expected\n");
    CHECK(errors_of("function f()\n  while x do\n  end\n") ==
          "4:1: 'end' is missing before <eof>; it closes the 'function' of line 1\n");
    CHECK(errors_of("x = { f = function()\n if a then\n end }") ==
          "3:6: 'end' is missing before '}'; it closes the 'function' of line 1\n");
    CHECK(errors_of("x = 'größe'; y = 'a") == "1:18: this text has no end; write ' at its end\n");
    CHECK(errors_of("x = 1 $ 2") == "1:7: '$' means nothing here\n");
    CHECK(errors_of("x = 3x") == "1:5: '3x' is no number\n");
    CHECK(errors_of("x = '\\q'") ==
          "1:6: '\\q' means nothing in a text; write '\\\\q' for the two characters\n");
    CHECK(errors_of("x = '\\x1'") == "1:6: '\\x' needs two hexadecimal digits; write '\\x1B'\n");
    CHECK(errors_of("x = '\\u{}'") ==
          "1:6: '\\u' needs a character's number below 80000000; write '\\u{20AC}'\n");
    CHECK(errors_of("x = '\\300'") == "1:6: '\\300' is no byte; at most '\\255'\n");
    CHECK(errors_of("x = [[a") == "1:5: this text has no end; write ']]' at its end\n");
    CHECK(errors_of("--[=[ a") == "1:1: this comment has no end; write ']=]' at its end\n");
    CHECK(errors_of("x = [=a") == "1:5: a long text begins with '[[' or '[=['\n");
    CHECK(errors_of("end") == "1:1: 'end' closes nothing\n");
    CHECK(errors_of("return 1\nx = 2") ==
          "2:1: 'x' stands after 'return', which ends its block; write do return … end\n");
    CHECK(errors_of("break") == "1:1: 'break' stands in no loop\n");
    CHECK(errors_of("goto a") == "1:6: no label 'a' can be seen from here; write ::a::\n");
    CHECK(errors_of("::a::\n::a::") == "2:1: label 'a' stands on line 1 already\n");
    CHECK(errors_of("goto a local b ::a:: b = 1") == "1:6: 'goto a' jumps into the scope of local 'b'\n");
    CHECK(errors_of("local a <const> = 1 a = 2") == "1:21: 'a' is constant and cannot be assigned to\n");
    CHECK(errors_of("local a <cost> = 1") ==
          "1:10: unknown attribute 'cost'; there are <const> and <close>\n");
    CHECK(errors_of("local a <close>, b <close> = nil") ==
          "1:21: only one variable of a list may be <close>\n");
    CHECK(errors_of("f() = 1") == "1:1: only names and members of tables can be assigned to\n");
    CHECK(errors_of("function f() return ... end") ==
          "1:21: '...' stands in a function that does not end its parameters with '...'\n");
    CHECK(errors_of("for i = 1 do end") ==
          "1:9: a loop that counts has a first and a last number, and perhaps a "
          "step; write for i = 1, 10 do … end\n");
    CHECK(errors_of("for i do end") ==
          "1:7: 'in' is missing before 'do'; write for i = 1, 10 do … end, or for "
          "_, value in ipairs(list) do … end\n");
    CHECK(errors_of("a:b") == "1:4: the arguments of 'b' are missing before <eof>; write b()\n");
    CHECK(errors_of("function f(a,) end") == "1:14: ')' stands where the name of a parameter is expected\n");
    CHECK(errors_of("local 1") == "1:7: '1' stands where the name of a variable is expected\n");
}

TEST_CASE("texts have the value that Lua gives them") {
    const char* texts[] = {"'\\65\\066\\x43\\u{20AC}\\z  \n  d\\\ne'", "[==[\n\r\na]]\rb]==]",
                           "\"\\a\\b\\f\\n\\r\\t\\v\\\\\\\"\\'\"",
                           "'\\u{7FFFFFFF}\\u{10FFFF}\\u{7ff}\\u{800}'"};
    for (const char* text : texts) {
        Sandbox sandbox;
        sandbox.load(std::string("return ") + text, "t");
        sandbox.call(1);
        const syntax::Chunk chunk = syntax::parse(std::string("return ") + text);
        REQUIRE(chunk.statements.size() == 1);
        CHECK(lua::read(sandbox.state(), -1) == base::Value(chunk.statements[0].values[0]->text));
    }
}
