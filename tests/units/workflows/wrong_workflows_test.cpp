// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// What people write wrong into workflows, and what they are told: where, what, and what to write instead.
#include "tests/catch.hpp"
#include "workflows/engine/script_check.hpp"

using namespace workflows::engine;

namespace {

struct Wrong {
    const char* text;
    const char* told; ///< all findings
};

// clang-format off
constexpr Wrong in_run[] = {
    {"    if params.x = 1 then end",
     "t.lua:5:17: '=' stands in a condition; write == to compare"},
    {"    if 1 != 2 then end",
     "t.lua:5:10: '!=' means nothing here; write ~="},
    {"    local i = 1 i++",
     "t.lua:5:18: '+' stands where '=' or the arguments of a call are expected; write name = name + 1"},
    {"    local i = 1 i += 1",
     "t.lua:5:19: '+' stands where '=' or the arguments of a call are expected; write name = name + 1"},
    {"    local i = null",
     "t.lua:5:15: unknown name 'null'; write nil"},
    {"    if !true then end",
     "t.lua:5:8: '!' means nothing here; write not"},
    {"    // hello",
     "t.lua:5:5: '//' stands where a value is expected; a comment begins with --"},
    {"    # hello",
     "t.lua:5:5: '#' stands where a value is expected; a comment begins with --"},
    {"    break",
     "t.lua:5:5: 'break' stands in no loop"},
    {"    goto done",
     "t.lua:5:10: no label 'done' can be seen from here; write ::done::"},
    {"    local x <const> = 1 x = 2",
     "t.lua:5:25: 'x' is constant and cannot be assigned to"},
    {"    local x <konst> = 1",
     "t.lua:5:14: unknown attribute 'konst'; there are <const> and <close>"},
    {"    ctx:log(ctx.relase)",
     "t.lua:5:17: ctx has no 'relase'; did you mean 'release'?"},
    {"    ctx.x = 1",
     "t.lua:5:9: ctx cannot be written to; use a local variable"},
    {"    ctx:update()",
     "t.lua:5:9: ctx:update: the first argument is nothing, but must be one of ctx.levels"},
    {"    ctx:update(1)",
     "t.lua:5:16: ctx:update: the first argument is a number, but must be one of ctx.levels"},
    {"    ctx:update(ctx.levels)",
     "t.lua:5:16: ctx:update: the first argument is the list of all levels, but must be one of ctx.levels"},
    {"    for _, c in ipairs(ctx.components) do ctx:update(c) end",
     "t.lua:5:54: ctx:update: the first argument is a component, but must be one of ctx.levels"},
    {"    ctx:command(\"x\", ctx.components[1])",
     "t.lua:5:22: ctx:command: 'component' is a whole component; write its name, as in component.name"},
    {"    ctx:command(\"x\", \"web\")",
     "t.lua:5:22: ctx:command: 'component': component 'web' is not two words with one '/' between them; write for example 'shop/web'"},
    {"    ctx:wait()",
     "t.lua:5:9: ctx:wait: 'duration' is missing; write ctx:wait(\"30s\")"},
    {"    ctx:wait(5)",
     "t.lua:5:14: ctx:wait: 'duration' is a number, but must be a duration such as \"30s\""},
    {"    ctx:wait(\"soon\")",
     "t.lua:5:14: ctx:wait: 'duration': 'soon' is not a duration; write for example '90s' or '1h30m'"},
    {"    ctx:approve()",
     "t.lua:5:9: ctx:approve: 'what' is missing; write ctx:approve(\"go on to production\", { count = 2, role = \"release-manager\" })"},
    {"    ctx:approve(\"x\", { count = \"2\" })",
     "t.lua:5:32: ctx:approve: 'count' is a string, but must be a whole number"},
    {"    ctx:outage()",
     "t.lua:5:9: ctx:outage: 'reason' is missing; write ctx:outage(\"the schema changes under running servers\")"},
    {"    ctx:await(\"x\")",
     "t.lua:5:9: ctx:await: 'timeout' is missing; write ctx:await(\"backup-done\", \"2h\")"},
    {"    ctx:defer(\"x\")",
     "t.lua:5:15: ctx:defer: the first argument is a string, but must be a function"},
    {"    ctx:log({ a = 1 })",
     "t.lua:5:13: ctx:log: 'message' is a record, but must be a string"},
    {"    ctx:log(\"x\", \"y\")",
     "t.lua:5:18: ctx:log: 'fields' is a string, but must be a record"},
    {"    ctx:side_effect(5)",
     "t.lua:5:21: ctx:side_effect: the first argument is a number, but must be a function"},
    {"    ctx:preflight { quorum = \"0%\" }",
     "t.lua:5:30: ctx:preflight: 'quorum': '0%' is not a portion; write a count such as 2, or a share such as \"20%\""},
    {"    ctx:preflight(\"100%\")",
     "t.lua:5:19: ctx:preflight: the options are a string, but must be a record, as in ctx:preflight { quorum = \"90%\" }"},
    {"    ctx:preflight { deadline = 10 }",
     "t.lua:5:32: ctx:preflight: 'deadline' is a number, but must be a duration such as \"30s\""},
    {"    local t = os.time()",
     "t.lua:5:15: unknown name 'os'; a workflow has ctx:now() and ctx:wait(\"30s\")"},
    {"    print(\"x\")",
     "t.lua:5:5: unknown name 'print'; a workflow writes into the run's story: ctx:log(\"message\")"},
    {"    math.random()",
     "t.lua:5:10: math has no 'random'; write ctx:random()"},
    {"    string.fromat(\"x\")",
     "t.lua:5:12: string has no 'fromat'; did you mean 'format'?"},
    {"    coroutine.yield()",
     "t.lua:5:5: unknown name 'coroutine'; scripts have a part of Lua's library, which docs/workflows.md names"},
    {"    helper(ctx)",
     "t.lua:5:5: unknown name 'helper'; give it a value first, or write \"helper\" if it is text"},
    {"    ctx:log(msg)",
     "t.lua:5:13: unknown name 'msg'; give it a value first, or write \"msg\" if it is text"},
    {"    local c = ctx\n    c:upate(c.levels[1])",
     "t.lua:6:7: ctx has no 'upate'; did you mean 'update'?"},
    {"    local t = { ctx }\n    t[1]:upate(1)",
     "t.lua:5:17: ctx stands in a list, where its calls cannot be checked; hand it on by name, as in { ctx = ctx }, or as an argument"},
    {"    local t = { c = ctx }\n    t.c:upate(1)",
     "t.lua:6:9: ctx has no 'upate'; did you mean 'update'?"},
    {"    local levels = ctx.levels\n    for i = 1, #levels do ctx:log(levels[i].nam) end",
     "t.lua:6:45: a level has no 'nam'; known are index, components"},
    {"    local l = ctx.levels[1]\n    ctx:log(l.nam)",
     "t.lua:6:15: a level has no 'nam'; known are index, components"},
    {"    local r = ctx:preflight()\n    if r.redy > 1 then end",
     "t.lua:6:10: the answer of ctx:preflight has no 'redy'; did you mean 'ready'?"},
    {"    if not ctx:approve(\"go\").aproved then end",
     "t.lua:5:30: the answer of ctx:approve has no 'aproved'; did you mean 'approved'?"},
    {"		ctx:upate(1)",
     "t.lua:5:7: ctx has no 'upate'; did you mean 'update'?"},
};

constexpr Wrong for_each_level[] = {
    {"      ctx:update(level, { soak = \"1s\" ramp = { 1 } })",
     "t.lua:7:39: ',' or '}' is missing before 'ramp', or quotes around it; the '{' of line 7 is open"},
    {"      ctx:update(level, { soak: \"1s\" })",
     "t.lua:7:33: '\"1s\"' stands where the name of a method is expected; a table has name = value"},
    {"      continue",
     "t.lua:7:7: 'end' stands where '=' or the arguments of a call are expected; write goto next, and ::next:: at the end of the loop"},
    {"      ctx.update(level)",
     "t.lua:7:11: write ctx:update(…), with a colon"},
    {"      ctx:upate(level)",
     "t.lua:7:11: ctx has no 'upate'; did you mean 'update'?"},
    {"      ctx:deploy(level)",
     "t.lua:7:11: ctx has no 'deploy'; known are preflight, update, restart, stop, start, probe, command, wait, approve, outage, await, now, random, uuid, side_effect, log, defer"},
    {"      ctx:log(level.name)",
     "t.lua:7:21: a level has no 'name'; known are index, components"},
    {"      ctx:update(level, { ramp = { \"50%\", \"20%\" } })",
     "t.lua:7:34: ctx:update: 'ramp': a ramp goes from 50% to 20%, but each entry counts from the beginning and must grow"},
    {"      ctx:update(level, { ramp = { 0 } })",
     "t.lua:7:34: ctx:update: 'ramp': '0' is not a portion; write a count such as 2, or a share such as \"20%\""},
    {"      ctx:update(level, { ramp = { \"200%\" } })",
     "t.lua:7:34: ctx:update: 'ramp': '200%' is not a portion; write a count such as 2, or a share such as \"20%\""},
    {"      ctx:update(level, { ramp = {} })",
     "t.lua:7:34: ctx:update: 'ramp': a ramp is empty; write for example { 1, \"20%\", \"100%\" }"},
    {"      ctx:update(level, { soak = 30 })",
     "t.lua:7:34: ctx:update: 'soak' is a number, but must be a duration such as \"30s\""},
    {"      ctx:update(level, { soak = \"30\" })",
     "t.lua:7:34: ctx:update: 'soak': '30' is not a duration; write '30s'"},
    {"      ctx:update(level, { soak = \"999999999999d\" })",
     "t.lua:7:34: ctx:update: 'soak': duration '999999999999d' is longer than 36500 days"},
    {"      ctx:update(level, { window = \"slide\" })",
     "t.lua:7:36: ctx:update: 'window' is 'slide', but must be 'barrier' or 'sliding'"},
    {"      ctx:update(level, { where = \"rack\" })",
     "t.lua:7:35: ctx:update: 'where' is 'rack', but must name a label and its value; write for example \"rack=a\""},
    {"      ctx:update(level, { where = 1 })",
     "t.lua:7:35: ctx:update: 'where' is a number, but must be a string"},
    {"      ctx:update(level, { max_unavailable = 0 })",
     "t.lua:7:45: ctx:update: 'max_unavailable': '0' is not a portion; write a count such as 2, or a share such as \"20%\""},
    {"      ctx:update(level, { max_unavailable = 1.5 })",
     "t.lua:7:45: ctx:update: 'max_unavailable': '1.5' is not a portion; write a count such as 2, or a share such as \"20%\""},
    {"      ctx:update(level, { max_failures = -1 })",
     "t.lua:7:42: ctx:update: 'max_failures' is -1, but must be at least 0"},
    {"      ctx:update(level, { max_failures = { rack = 1 } })",
     "t.lua:7:44: ctx:update: unknown key 'max_failures.rack'; known are total, batch, component, domain"},
    {"      ctx:update(level, { on_failure = \"rollback\" })",
     "t.lua:7:40: ctx:update: 'on_failure' is 'rollback', but must be 'rollback-all', 'rollback-batch', 'stop' or 'ask'"},
    {"      ctx:update(level, { deadlines = { install = \"5m\" } })",
     "t.lua:7:41: ctx:update: unknown key 'deadlines.install'; known are drain, apply, restart, probe, undrain, undo"},
    {"      ctx:update(level, { deadlines = \"5m\" })",
     "t.lua:7:39: ctx:update: 'deadlines' is a string, but must be a record"},
    {"      ctx:update(level, { \"20%\" })",
     "t.lua:7:25: ctx:update: the options are a list, but must be a record, as in ctx:update(level, { ramp = { 1, \"20%\", \"100%\" }, soak = \"1m\" })"},
    {"      ctx:update(level, \"fast\")",
     "t.lua:7:25: ctx:update: the options are a string, but must be a record, as in ctx:update(level, { ramp = { 1, \"20%\", \"100%\" }, soak = \"1m\" })"},
    {"      ctx:update(level, { batch = 1 })",
     "t.lua:7:27: ctx:update: unknown key 'batch'; known are ramp, window, soak, settle, hold, where, standby, max_failures, max_unavailable, spread, zone, zone_soak, on_failure, deadlines, analysis"},
    {"      ctx:update(level, { analysis = { { name = \"x\", command = \"y\" } } })",
     "t.lua:7:40: ctx:update: 'analysis[0].pass' is missing; write pass = \"<= 0.01\""},
    {"      ctx:update(level, { analysis = { { name = \"x\", command = \"y\", pass = \"1\" } } })",
     "t.lua:7:76: ctx:update: 'analysis[0].pass' is '1', but must compare with a number; write for example \"<= 0.01\""},
    {"      ctx:update(level, { analysis = { { name = \"x\", command = \"y\", http = { url = \"http://x\", path = \"a\" }, pass = \"< 1\" } } })",
     "t.lua:7:40: ctx:update: 'analysis[0]' must come from one of command = \"…\", http = { url, path } and prometheus = { url, query }"},
    {"      ctx:update(level, { analysis = { { name = \"x\", pass = \"< 1\" } } })",
     "t.lua:7:40: ctx:update: 'analysis[0]' must come from one of command = \"…\", http = { url, path } and prometheus = { url, query }"},
    {"      ctx:update(level, { analysis = { { name = \"x\", command = \"y\", compare = \"peer\", pass = \"< 1\" } } })",
     "t.lua:7:79: ctx:update: 'analysis[0].compare' is 'peer', but must be 'peers' or 'peers-difference'; did you mean 'peers'?"},
    {"      ctx:update(level, { analysis = { { name = \"x\", command = \"y\", pas = \"< 1\" } } })",
     "t.lua:7:40: ctx:update: 'analysis[0].pass' is missing; write pass = \"<= 0.01\"\nt.lua:7:69: ctx:update: unknown key 'analysis[0].pas'; did you mean 'pass'?"},
};

constexpr Wrong files[] = {
    {"",
     "t.lua:1:1: not a workflow; write return workflow { … }"},
    {"return workflow {\n  summary = \"x\",\n  params = { soak = duration \"30s\" },\n  run = function(ctx, params)\n    ctx:wait(params.soka)\n  end,\n}",
     "t.lua:5:21: the workflow has no parameter 'soka'; did you mean 'soak'?"},
    {"return workflow {\n  summary = \"x\",\n  params = { n = count(1) },\n  run = function(ctx, params)\n    ctx:wait(params.n)\n  end,\n}",
     "t.lua:5:14: ctx:wait: 'duration' cannot be the count 'n'"},
    {"return workflow {\n  summary = \"x\",\n  params = { soak = \"30s\" },\n  run = function(ctx, params)\n\n  end,\n}",
     "t.lua:3:21: parameter 'soak' has no type; write ramp { 1, \"100%\" }, duration \"30s\", count(0), text \"x\" or flag(true)"},
    {"return workflow {\n  summary = \"x\",\n  params = { soak = duration(30) },\n  run = function(ctx, params)\n\n  end,\n}",
     "t.lua:3:30: parameter 'soak': a number is not a duration; write for example \"30s\""},
    {"return workflow {\n  summary = \"x\",\n  params = { n = count(-1) },\n  run = function(ctx, params)\n\n  end,\n}",
     "t.lua:3:24: parameter 'n': -1 is not a count; write a whole number such as 2"},
    {"return workflow {\n  summary = \"x\",\n  params = { f = flag \"yes\" },\n  run = function(ctx, params)\n\n  end,\n}",
     "t.lua:3:23: parameter 'f': 'yes' is not true or false"},
    {"return workflow {\n  summary = \"x\",\n  params = { f = bool(true) },\n  run = function(ctx, params)\n\n  end,\n}",
     "t.lua:3:18: unknown name 'bool'; give it a value first, or write \"bool\" if it is text"},
    {"return workflow {\n  summary = \"x\",\n  params = { duration \"1s\" },\n  run = function(ctx, params)\n\n  end,\n}",
     "t.lua:1:1: 'params' is a list, but must be a record"},
    {"workflow { run = function(ctx) end }",
     "t.lua:1:1: not a workflow; write return workflow { … }"},
    {"return workflow { run = \"x\" }",
     "t.lua:1:25: 'run' is a string, but must be a function; write run = function(ctx, params) … end"},
    {"return workflow { summary = \"x\" }",
     "t.lua:1:8: 'run' is missing; write run = function(ctx, params) … end"},
    {"return workflow { summary = 1, run = function(ctx) end }",
     "t.lua:1:29: 'summary' is a number, but must be a string"},
    {"return workflow { description = \"x\", run = function(ctx) end }",
     "t.lua:1:19: unknown key 'description'; known are summary, params, run"},
    {"return workflow(function(ctx) end)",
     "t.lua:1:8: 'workflow' takes a record; write workflow { run = function(ctx, params) … end }"},
    {"local w = {} function w:run(ctx) ctx:preflight() end\nreturn workflow(w)",
     "t.lua:2:8: 'workflow' takes a record; write workflow { run = function(ctx, params) … end }"},
    {"return workflow { run = function() ctx:preflight() end }",
     "t.lua:1:36: unknown name 'ctx'; give it a value first, or write \"ctx\" if it is text"},
    {"return workflow { run = function(ctx) end }\nreturn 1",
     "t.lua:2:1: 'return' stands after 'return', which ends its block; write do return … end"},
    {"local x = require \"x\"\nreturn workflow {\n  summary = \"x\",\n  params = {  },\n  run = function(ctx, params)\n\n  end,\n}",
     "t.lua:1:11: unknown name 'require'; a script is one text, and nothing is loaded into it"},
    {"local function help(c) c:upate(1) end\nreturn workflow {\n  summary = \"x\",\n  params = {  },\n  run = function(ctx, params)\n    help(ctx)\n  end,\n}",
     "t.lua:1:26: ctx has no 'upate'; did you mean 'update'?"},
    {"local function get(c) return c end\nreturn workflow {\n  summary = \"x\",\n  params = {  },\n  run = function(ctx, params)\n    get(ctx):upate(1)\n  end,\n}",
     "t.lua:6:14: ctx has no 'upate'; did you mean 'update'?"},
    {"﻿return workflow {\n  summary = \"x\",\n  params = {  },\n  run = function(ctx, params)\n\n  end,\n}",
     "t.lua:1:1: '<feff>' means nothing here; save the text as UTF-8 without a byte order mark"},
};

// clang-format on

std::string told(const std::string& text) {
    std::string all;
    for (const Finding& finding : check_script(text)) {
        all += (all.empty() ? "" : "\n") + finding.str("t.lua");
    }
    return all;
}

// The body of run begins on line 5.
std::string workflow_of(const std::string& body) {
    return "return workflow {\n  summary = \"x\",\n  params = {  },\n  run = function(ctx, params)\n" + body +
           "\n  end,\n}\n";
}

} // namespace

TEST_CASE("each of many wrong workflows is told with line, column, what is wrong and what to write instead") {
    for (const Wrong& wrong : in_run) {
        INFO(wrong.text);
        CHECK(told(workflow_of(wrong.text)) == wrong.told);
    }
    for (const Wrong& wrong : for_each_level) {
        INFO(wrong.text);
        CHECK(
            told(workflow_of(std::string("    ctx:preflight()\n    for _, level in ipairs(ctx.levels) do\n") +
                             wrong.text + "\n    end")) == wrong.told);
    }
    for (const Wrong& wrong : files) {
        INFO(wrong.text);
        CHECK(told(wrong.text) == wrong.told);
    }
}
