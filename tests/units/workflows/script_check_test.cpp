// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "workflows/engine/script_check.hpp"

#include "base/json.hpp"
#include "tests/catch.hpp"

#include <filesystem>
#include <fstream>
#include <sstream>

using namespace workflows::engine;

namespace {

std::string found(const std::string& source) {
    std::string all;
    for (const Finding& finding : check_script(source)) {
        all += finding.str("t.lua") + "\n";
    }
    return all;
}

// The body of run begins on line 3.
std::string in_run(const std::string& body) {
    return found("return workflow {\n  params = { soak = duration '30s', n = count(0), r = ramp { 1, '100%' "
                 "} }, run = "
                 "function(ctx, params)\n" +
                 body + "\nend }");
}

std::string text_of(const std::filesystem::path& file) {
    std::ifstream stream(file);
    std::stringstream text;
    text << stream.rdbuf();
    return text.str();
}

} // namespace

TEST_CASE("the stock workflows have nothing to complain of") {
    for (const auto& file : std::filesystem::directory_iterator(TIERCEL_SOURCE "/workflows/library")) {
        if (file.path().extension() == ".lua") {
            CHECK(found(text_of(file.path())) == "");
        }
    }
}

TEST_CASE("all that is wrong with a workflow is told at once, each with line and column") {
    CHECK(found("local helper = tostrin\n"
                "return workflow {\n"
                "  sumary = 'x',\n"
                "  params = { soak = duration '30', max = cout(1), n = 3 },\n"
                "  run = function(ctx, params)\n"
                "    ctx:preflight { quorm = '90%' }\n"
                "    for _, level in ipairs(ctx.levels) do\n"
                "      ctx:updat(level)\n"
                "      ctx:update(level, { rampp = { 1 }, soak = 30, max_unavailable = '0%', on_failure = "
                "'halt' })\n"
                "      ctx:wait(params.soka)\n"
                "    end\n"
                "    if ctx.enviroment then ctx:wait() end\n"
                "  end,\n"
                "}\n") ==
          "t.lua:1:16: unknown name 'tostrin'; did you mean 'tostring'?\n"
          "t.lua:3:3: unknown key 'sumary'; did you mean 'summary'?\n"
          "t.lua:4:30: parameter 'soak': '30' is not a duration; write '30s'\n"
          "t.lua:4:42: unknown name 'cout'; did you mean 'count'?\n"
          "t.lua:4:55: parameter 'n' has no type; write ramp { 1, \"100%\" }, duration \"30s\", count(0), "
          "text \"x\" or "
          "flag(true)\n"
          "t.lua:6:21: ctx:preflight: unknown key 'quorm'; did you mean 'quorum'?\n"
          "t.lua:8:11: ctx has no 'updat'; did you mean 'update'?\n"
          "t.lua:9:27: ctx:update: unknown key 'rampp'; did you mean 'ramp'?\n"
          "t.lua:9:49: ctx:update: 'soak' is a number, but must be a duration such as \"30s\"\n"
          "t.lua:9:71: ctx:update: 'max_unavailable': '0%' is not a portion; write a count such as 2, or a "
          "share such "
          "as \"20%\"\n"
          "t.lua:9:90: ctx:update: 'on_failure' is 'halt', but must be 'rollback-all', 'rollback-batch', "
          "'stop' or "
          "'ask'\n"
          "t.lua:10:23: the workflow has no parameter 'soka'; did you mean 'soak'?\n"
          "t.lua:12:12: ctx has no 'enviroment'; did you mean 'environment'?\n"
          "t.lua:12:32: ctx:wait: 'duration' is missing; write ctx:wait(\"30s\")\n");
}

TEST_CASE("errors of syntax do not hide what is wrong elsewhere") {
    CHECK(in_run("ctx:wiat('1s')\nif x y() end\nctx:wait(5)") ==
          "t.lua:3:5: ctx has no 'wiat'; did you mean 'wait'?\n"
          "t.lua:4:4: unknown name 'x'; give it a value first, or write \"x\" if it is text\n"
          "t.lua:4:6: 'then' is missing before 'y'; write if … then … end\n"
          "t.lua:4:6: unknown name 'y'; give it a value first, or write \"y\" if it is text\n"
          "t.lua:5:10: ctx:wait: 'duration' is a number, but must be a duration such as \"30s\"\n");
}

TEST_CASE("the shape of a workflow is checked") {
    CHECK(found("") == "t.lua:1:1: not a workflow; write return workflow { … }\n");
    CHECK(found("local x = 1\nworkflow { run = function() end }") ==
          "t.lua:2:1: not a workflow; write return workflow { … }\n");
    CHECK(found("return workflow {}") ==
          "t.lua:1:8: 'run' is missing; write run = function(ctx, params) … end\n");
    CHECK(found("return workflow 'x'") ==
          "t.lua:1:8: 'workflow' takes a record; write workflow { run = function(ctx, params) … end }\n");
    CHECK(found("return workflow { run = 7 }") ==
          "t.lua:1:25: 'run' is a number, but must be a function; write run = function(ctx, params) … end\n");
    CHECK(found("return workflow { 'x', run = function() end, summary = 7 }") ==
          "t.lua:1:19: a workflow has summary, params and run, not a list\n"
          "t.lua:1:56: 'summary' is a number, but must be a string\n");
    CHECK(found("local a = workflow { run = function() end }\nreturn workflow { run = function() end }") ==
          "t.lua:2:8: 'workflow' is written twice; one file describes one workflow\n");
    CHECK(found("return workflow { run = function() end, params = { a = count(), b = flag 'x' } }") ==
          "t.lua:1:56: parameter 'a' has no default; write one behind 'count'\n"
          "t.lua:1:74: parameter 'b': 'x' is not true or false\n");
    CHECK(found("local w = workflow { run = function() end }\nreturn w") == "");
    CHECK(found("return workflow { run = function() end }, error 'x'") == "t.lua:1:1: x\n");
    CHECK(found("local function f(n) return f(n) end\nreturn workflow { run = f, summary = f(1) }")
              .find("the script ran too long") != std::string::npos);
    CHECK(found(std::string(2u << 20, ' ')) ==
          "t.lua:1:1: the script has 2097152 bytes, but at most 1048576 are allowed\n");
}

TEST_CASE("names are known where they are in scope, and from where they are assigned") {
    CHECK(in_run("local a = 1 do local b = a end return b") ==
          "t.lua:3:39: unknown name 'b'; give it a value first, or write \"b\" if it is text\n");
    CHECK(found("function helper() return later end later = 1\nreturn workflow { run = helper }") == "");
    CHECK(in_run("return string.dump, math.random, table.concat, string.fromat") ==
          "t.lua:3:15: string has no 'dump'; known are byte, char, find, format, gmatch, gsub, len, lower, "
          "match, rep, reverse, sub, upper\n"
          "t.lua:3:26: math has no 'random'; write ctx:random()\n"
          "t.lua:3:55: string has no 'fromat'; did you mean 'format'?\n");
    CHECK(in_run("return os.time(), print, _ENV") ==
          "t.lua:3:8: unknown name 'os'; a workflow has ctx:now() and ctx:wait(\"30s\")\nt.lua:3:19: unknown "
          "name 'print'; a workflow writes into the run's story: ctx:log(\"message\")\n");
    CHECK(in_run("for i = 1, 2 do local x <const> = i end for k, v in pairs({}) do f(k, v, i) end") ==
          "t.lua:3:66: unknown name 'f'; give it a value first, or write \"f\" if it is text\nt.lua:3:74: "
          "unknown name 'i'; give it a value first, or write \"i\" if it is text\n");
}

TEST_CASE("ctx and params are known by being run's parameters, whatever their names and depth") {
    CHECK(found("return workflow { params = { a = flag(true) }, run = function(c, p)\n"
                "  local function f() c:wiat('1s') return p.b end\n  f()\nend }") ==
          "t.lua:2:24: ctx has no 'wiat'; did you mean 'wait'?\n"
          "t.lua:2:44: the workflow has no parameter 'b'; known are a\n");
    CHECK(found("local function main(ctx)\n  ctx:wiat('1s')\nend\nreturn workflow { run = main }") ==
          "t.lua:2:7: ctx has no 'wiat'; did you mean 'wait'?\n");
    CHECK(in_run("do local ctx = {} ctx:wiat() end") == "");
    CHECK(in_run("ctx.update(ctx.levels[1])\nctx.wait('1s')\npcall(ctx.wait, ctx, '1s')") ==
          "t.lua:3:5: write ctx:update(…), with a colon\nt.lua:4:5: write ctx:wait(…), with a colon\n");
    CHECK(
        in_run("ctx.levels = {}\nctx:levels()") ==
        "t.lua:3:5: ctx cannot be written to; use a local variable\nt.lua:4:5: 'levels' is no method; write "
        "ctx.levels\n");
    CHECK(in_run("return ctx.levels[1].indx, ctx.components[1].target") ==
          "t.lua:3:22: a level has no 'indx'; did you mean 'index'?\nt.lua:3:46: a component has no "
          "'target'; did you "
          "mean 'targets'?\n");
    CHECK(in_run("for _, c in ipairs(ctx.components) do ctx:log(c.nam) end") ==
          "t.lua:3:49: a component has no 'nam'; did you mean 'name'?\n");
}

TEST_CASE("ctx, params, levels and answers are known wherever the text hands them on by name") {
    const auto with = [](const std::string& before, const std::string& body) {
        return found(before +
                     "\nreturn workflow { params = { a = flag(true) }, run = function(ctx, params)\n" + body +
                     "\nend }");
    };
    const std::string told = "t.lua:1:28: ctx has no 'wiat'; did you mean 'wait'?\n";
    CHECK(with("local function go(c, l)  c:wiat(l) end",
               "for _, l in ipairs(ctx.levels) do go(ctx, l) end") == told);
    CHECK(with("function go(c)           c:wiat() end", "go(ctx)") == told);
    CHECK(with("local function go(c)     c:wiat() end", "pcall(go, ctx)") == told);
    CHECK(with("local go = function(c)   c:wiat() end", "go(ctx) go(ctx)") == told);
    CHECK(with("local function go(s) s.c:wiat() end", "go({ c = ctx })") ==
          "t.lua:1:26: ctx has no 'wiat'; did you mean 'wait'?\n");
    CHECK(with("local function get(c) return 1, c end", "local n, c = get(ctx) c:wiat()") ==
          "t.lua:3:25: ctx has no 'wiat'; did you mean 'wait'?\n");
    CHECK(with("local function get(c) return c end",
               "get(ctx).levels[1]:x() ctx:log(get(ctx).levels[1].nam)") ==
          "t.lua:3:51: a level has no 'nam'; known are index, components\n");
    CHECK(with("local kept", "kept = ctx kept:wiat()") ==
          "t.lua:3:17: ctx has no 'wiat'; did you mean 'wait'?\n");
    CHECK(with("local function get(p) return p.b end", "get(params)") ==
          "t.lua:1:32: the workflow has no parameter 'b'; known are a\n");
    CHECK(in_run("local done = ctx:update(ctx.levels[1])\nif done.failed > 0 or not ctx:approve('x').aproved "
                 "then end") ==
          "t.lua:4:9: the answer of ctx:update has no 'failed'; known are level, updated, unchanged, "
          "failures, left_out\n"
          "t.lua:4:44: the answer of ctx:approve has no 'aproved'; did you mean 'approved'?\n");
    CHECK(
        in_run("ctx:update(ctx.levels)\nctx:stop(ctx.components[1])\nctx:command('x', ctx.components[1])") ==
        "t.lua:3:12: ctx:update: the first argument is the list of all levels, but must be one of "
        "ctx.levels\n"
        "t.lua:4:10: ctx:stop: the first argument is a component, but must be one of ctx.levels\n"
        "t.lua:5:18: ctx:command: 'component' is a whole component; write its name, as in component.name\n");
    CHECK(in_run("local list = { ctx, 1 } list[1]:wiat()") ==
          "t.lua:3:16: ctx stands in a list, where its calls cannot be checked; hand it on by name, as in { "
          "ctx = ctx }, or as "
          "an argument\n");
}

TEST_CASE("what comes to a place in two ways is not complained of") {
    const auto with = [](const std::string& before, const std::string& body) {
        return found(before + "\nreturn workflow { run = function(ctx)\n" + body + "\nend }");
    };
    CHECK(with("local function go(c) c:wiat() end", "go(ctx) go({ wiat = tostring })") == "");
    CHECK(with("local function go(c) c:wiat() end local function other(f) f({}) end", "go(ctx) other(go)") ==
          "");
    CHECK(with("local function go(c) c:wiat() end local list = { go }", "go(ctx) list[1]({})") == "");
    CHECK(with("local function go(s) s.c:wiat() end", "go({ c = ctx }) go({ c = 5 })") == "");
    CHECK(with("local function get(c, n) if n then return n end return c end", "get(ctx, {}):wiat()") == "");
    CHECK(with("local c = {}", "c = ctx c:wiat()") == "");
    CHECK(with("", "for i = 1, 2 do i = ctx i:wiat() end") == "");
}

TEST_CASE("arguments and options are checked as far as they are written out") {
    CHECK(
        in_run(
            "ctx:update(1)\nctx:update()\nctx:update(ctx.levels[1], {}, 3)\nctx:update(ctx.levels[1], 7)") ==
        "t.lua:3:12: ctx:update: the first argument is a number, but must be one of ctx.levels\n"
        "t.lua:4:5: ctx:update: the first argument is nothing, but must be one of ctx.levels\n"
        "t.lua:5:31: ctx:update takes at most 2 arguments\n"
        "t.lua:6:27: ctx:update: the options are a number, but must be a record, as in ctx:update(level, { "
        "ramp = { "
        "1, \"20%\", \"100%\" }, soak = \"1m\" })\n");
    CHECK(in_run("local level = ctx.levels[1]\nctx:update(level, { soak = params.n, ramp = params.r, "
                 "max_failures = "
                 "params.n,\n  settle = params.r })") ==
          "t.lua:4:28: ctx:update: 'soak' cannot be the count 'n'\nt.lua:5:12: ctx:update: 'settle' cannot "
          "be the "
          "ramp 'r'\n");
    CHECK(
        in_run("ctx:update(ctx.levels[1], { deadlines = { aply = '1m', drain = 5, undo = '0s' },\n"
               "  max_failures = { total = -1, domain = { lable = 'rack', max = '200%' }, sum = 1 },\n"
               "  soak = { '1m', 'soon' }, zone = 5, spread = 3, level = 1, settle = function() end })") ==
        "t.lua:3:43: ctx:update: unknown key 'deadlines.aply'; did you mean 'apply'?\n"
        "t.lua:3:64: ctx:update: 'deadlines.drain' is a number, but must be a duration such as \"30s\"\n"
        "t.lua:3:74: ctx:update: 'deadlines.undo' is no time at all\n"
        "t.lua:4:28: ctx:update: 'max_failures.total' is -1, but must be at least 0\n"
        "t.lua:4:43: ctx:update: unknown key 'max_failures.domain.lable'; did you mean 'label'?\n"
        "t.lua:4:65: ctx:update: 'max_failures.domain.max': '200%' is not a portion; write a count such as "
        "2, or a "
        "share such as \"20%\"\n"
        "t.lua:4:75: ctx:update: unknown key 'max_failures.sum'; known are total, batch, component, domain\n"
        "t.lua:5:18: ctx:update: 'soak': 'soon' is not a duration; write for example '90s' or '1h30m'\n"
        "t.lua:5:35: ctx:update: 'zone' is a number, but must be a string\n"
        "t.lua:5:47: ctx:update: 'spread' is a number, but must be a string\n"
        "t.lua:5:50: ctx:update: unknown key 'level'; it is an argument of its own, as in "
        "ctx:update(level, { ramp = "
        "{ 1, \"20%\", \"100%\" }, soak = \"1m\" })\n"
        "t.lua:5:70: a function stands where data is expected\n");
    CHECK(in_run(
              "ctx:command('x')\nctx:command('x', 'shop')\nctx:approve('go', { count = 0 })\nctx:defer(7)\n"
              "ctx:command('x', 'shop/app', { once = 1 })\nctx:log('x', 3)\nctx:side_effect()\nctx:now(1)") ==
          "t.lua:3:5: ctx:command: 'component' is missing; write ctx:command(\"migrate\", \"shop/app\", { "
          "once = true })\n"
          "t.lua:4:18: ctx:command: 'component': component 'shop' is not two words with one '/' between "
          "them; write "
          "for example 'shop/web'\n"
          "t.lua:5:29: ctx:approve: 'count' is 0, but must be at least 1\n"
          "t.lua:6:11: ctx:defer: the first argument is a number, but must be a function\n"
          "t.lua:7:39: ctx:command: 'once' is a number, but must be true or false\n"
          "t.lua:8:14: ctx:log: 'fields' is a number, but must be a record\n"
          "t.lua:9:5: ctx:side_effect: 'value' is missing; write ctx:side_effect(function() return choice "
          "end)\n"
          "t.lua:10:9: ctx:now takes at most 0 arguments\n");
    // What is not written out is left to the run.
    CHECK(in_run("local level, options = ctx.levels[1], { 1 }\nlocal f = function() return '1s', level end\n"
                 "ctx:update(level, options) ctx:wait(f()) ctx:wait(f) ctx:command(f())\n"
                 "ctx:update(level, { soak = f(), ramp = { f(), '100%' }, [f()] = 1, max_failures = { total "
                 "= f() } })") == "");
}

TEST_CASE("a finding is a record for programs") {
    const std::vector<Finding> findings = check_script("return workflow {}");
    REQUIRE(findings.size() == 1);
    CHECK(
        base::to_json(findings[0].to_value("a.lua")) ==
        R"({"file":"a.lua","line":1,"column":8,"message":"'run' is missing; write run = function(ctx, params) … end"})");
}
