// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "workflows/engine/script.hpp"

#include "base/json.hpp"
#include "tests/catch.hpp"
#include "tests/fakes/fleet.hpp"
#include "tests/units/workflows/errors.hpp"

#include <fstream>
#include <sstream>

using namespace workflows::engine;
using tests::input_error;

namespace {

const ScriptModel model{
    "prod",
    "shop/2.0",
    "shop/1.0",
    {{base::ComponentName("shop/db")}, {base::ComponentName("shop/app"), base::ComponentName("shop/web")}}};

std::string refusal(const std::string& source, const base::Object& params = {}) {
    return input_error([&] { Script(source, "test.lua", params, model); });
}

// Commands and answers of a script to which everything is answered with `value`.
std::string course(const std::string& body, const base::Value& value = nullptr) {
    Script script("return workflow { run = function(ctx, params)\n" + body + "\nend }", "test.lua", {},
                  model);
    std::string text;
    for (std::optional<Answer> answer;;) {
        const Script::Step step = script.resume(answer);
        if (const ScriptEnded* ended = std::get_if<ScriptEnded>(&step)) {
            return text + (ended->ok ? "end" : ended->error);
        }
        const ScriptCommand& command = std::get<ScriptCommand>(step);
        text += fmt::format("{} {} {}; ", command.sequence, command.kind, base::to_json(command.arguments));
        answer = Answer{command.sequence, true, value, ""};
    }
}

std::string rolling() {
    std::ifstream file(TIERCEL_SOURCE "/workflows/library/rolling.lua");
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
}

} // namespace

TEST_CASE("the stock workflow prepares, then updates level by level with its parameters") {
    Script script(rolling(), "rolling.lua", {{"soak", "5s"}, {"ramp", "1,100%"}, {"max_failures", "2"}},
                  model);
    CHECK_FALSE(script.summary().empty());
    std::map<std::string, std::string> types;
    for (const Script::Parameter& parameter : script.parameters()) {
        types[parameter.name] = parameter.type;
    }
    CHECK(types.at("soak") == "duration");
    CHECK(types.at("ramp") == "ramp");
    CHECK(types.at("max_failures") == "count");
    const ScriptCommand preflight = std::get<ScriptCommand>(script.resume(std::nullopt));
    CHECK(preflight.kind == "preflight");
    CHECK(preflight.sequence == 1);
    for (std::int64_t level = 0; level < 2; ++level) {
        const ScriptCommand update =
            std::get<ScriptCommand>(script.resume(Answer{level + 1, true, nullptr, ""}));
        CHECK(update.kind == "update");
        CHECK(*update.arguments.object()->find("level") == base::Value(level));
        CHECK(base::to_json(*update.arguments.object()->find("ramp")) == R"([1,"100%"])");
        CHECK(*update.arguments.object()->find("soak") == base::Value("5s"));
        CHECK(*update.arguments.object()->find("max_failures") == base::Value(2));
    }
    CHECK(std::get<ScriptEnded>(script.resume(Answer{3, true, nullptr, ""})).ok);
}

TEST_CASE("the stock workflow runs a fleet from end to end") {
    tests::Fleet fleet(tests::fleet_input({1, 3, 2}), rolling());
    fleet.drive();
    CHECK(fleet.outcome() == "succeeded");
    CHECK(fleet.counts() == "6 updated");
}

TEST_CASE("a script sees its levels, environment and releases, and gets answers back") {
    CHECK(
        course(
            "error(ctx.environment .. ' ' .. ctx.release .. ' ' .. ctx.from .. ' ' .. #ctx.levels .. ' ' .. "
            "ctx.levels[2].index .. ' ' .. table.concat(ctx.levels[2].components, ','), 0)") ==
        "test.lua: prod shop/2.0 shop/1.0 2 1 shop/app,shop/web");
    CHECK(course("local got = ctx:preflight{ quorum = '90%' } error(got.ready .. '', 0)",
                 base::Object{{"ready", 6}}) == R"(1 preflight {"quorum":"90%"}; test.lua: 6)");
    CHECK(course("ctx:wait('30s') ctx:wait('1m')") ==
          R"(1 wait {"duration":"30s"}; 2 wait {"duration":"1m"}; end)");
    CHECK(course("for _, level in ipairs(ctx.levels) do ctx:update(level) end") ==
          R"(1 update {"level":0}; 2 update {"level":1}; end)");
    CHECK(course("pcall(function() ctx:preflight() end) ctx:wait('1s')") ==
          R"(1 preflight {}; 2 wait {"duration":"1s"}; end)");
}

TEST_CASE("an answer that says no is an error at the line of the call, which the script may catch") {
    Script script("return workflow { run = function(ctx)\n\n local ok, why = pcall(ctx.update, ctx, "
                  "ctx.levels[1])\n error(why, 0)\nend }",
                  "test.lua", {}, model);
    script.resume(std::nullopt);
    const Script::Step step = script.resume(Answer{1, false, nullptr, "ctx:update: not now"});
    CHECK(std::get<ScriptEnded>(step).error.find("ctx:update: not now") != std::string::npos);

    Script plain("return workflow { run = function(ctx)\n\n ctx:update(ctx.levels[1])\nend }", "test.lua", {},
                 model);
    plain.resume(std::nullopt);
    CHECK(std::get<ScriptEnded>(plain.resume(Answer{1, false, nullptr, "not now"})).error ==
          "test.lua:3: not now");
}

TEST_CASE("each error in a workflow's text says file, line, what, and what to write") {
    CHECK(refusal("return workflow {") == "test.lua:1: unexpected symbol near <eof>");
    CHECK(refusal("return 1") == "test.lua: not a workflow; write return workflow { … }");
    CHECK(refusal("workflow { run = function() end }") ==
          "test.lua: not a workflow; write return workflow { … }");
    CHECK(refusal("workflow { run = function() end }\nreturn workflow { run = function() end }") ==
          "test.lua:2: 'workflow' is written twice; one file describes one workflow");
    CHECK(refusal("return workflow {}") ==
          "test.lua:1: 'run' is missing; write run = function(ctx, params) … end");
    CHECK(refusal("\nreturn workflow { run = 7 }") ==
          "test.lua:2: 'run' is missing; write run = function(ctx, params) … end");
    CHECK(refusal("return workflow { run = function() end, sumary = 'x' }") ==
          "test.lua:1: unknown key 'sumary'; did you mean 'summary'?");
    CHECK(refusal("return workflow { run = function() end, 'x' }") ==
          "test.lua:1: a workflow has summary, params and run, not a list");
    CHECK(refusal("return workflow { run = function() end, summary = 7 }") ==
          "test.lua:1: 'summary' is a number, but must be a string");
    CHECK(refusal("return workflow { run = function() end, summary = function() end }") ==
          "test.lua:1: 'summary': a function stands where data is expected");
    CHECK(refusal("return workflo { }") == "test.lua:1: unknown name 'workflo'; did you mean 'workflow'?");
    CHECK(refusal("return workflow 'x'") ==
          "test.lua:1: bad argument #1 to 'workflow' (table expected, got string)");
}

TEST_CASE("a portion that a person gives as a number is the text of that number") {
    Script script("return workflow { params = { most = text '25%' }, run = function(ctx, params)\n"
                  "ctx:log(params.most) end }",
                  "test.lua", {{"most", 2}}, model);
    const Script::Step step = script.resume(std::nullopt);
    CHECK(base::to_json(std::get<ScriptCommand>(step).arguments).find("\"2\"") != std::string::npos);
}

TEST_CASE("each error in a parameter says file, line or workflow, what, and what to write") {
    const auto with = [](const std::string& params) {
        return "return workflow { run = function() end,\nparams = { " + params + " } }";
    };
    CHECK(refusal(with("soak = 30")) == "test.lua:1: parameter 'soak' has no type; write ramp { 1, \"100%\" "
                                        "}, duration \"30s\", count(0), text \"x\" or flag(true)");
    CHECK(refusal(with("soak = duration '30'")) ==
          "test.lua:2: parameter 'soak': '30' is not a duration; write '30s'");
    CHECK(refusal(with("soak = duration(30)")) ==
          "test.lua:2: parameter 'soak': a number is not a duration; write for example \"30s\"");
    CHECK(refusal(with("n = count(-1)")) ==
          "test.lua:2: parameter 'n': -1 is not a count; write a whole number such as 2");
    CHECK(refusal(with("r = ramp {}")) ==
          "test.lua:2: parameter 'r': a ramp is empty; write for example { 1, \"20%\", \"100%\" }");
    CHECK(refusal(with("t = text(true)")) == "test.lua:2: parameter 't': true or false is not a text");
    CHECK(refusal(with("f = flag('yes')")) == "test.lua:2: parameter 'f': 'yes' is not true or false");
    CHECK(refusal(with("r = ramp()")) == "test.lua:2: bad argument #1 to 'ramp' (value expected)");

    const std::string good = with("soak = duration '30s', n = count(0), f = flag(true), t = text 'x'");
    CHECK(refusal(good, {{"soka", "1s"}}) ==
          "workflow 'test.lua': unknown parameter 'soka'; did you mean 'soak'?");
    CHECK(refusal(good, {{"soak", "1"}}) ==
          "workflow 'test.lua': parameter 'soak': '1' is not a duration; write '1s'");
    CHECK(refusal(good, {{"n", "x"}}) ==
          "workflow 'test.lua': parameter 'n': 'x' is not a count; write a whole number such as 2");
    CHECK(refusal(good, {{"n", "99999999999999999999"}}) ==
          "workflow 'test.lua': parameter 'n': '99999999999999999999' is not a count; write a whole number "
          "such as 2");
    CHECK(refusal(good, {{"f", "false"}, {"n", 3}, {"soak", "90s"}}) == "no error");
}

TEST_CASE("a slip of the pen in ctx, params or an argument is an error with its line") {
    CHECK(course("ctx:updat(ctx.levels[1])") == "test.lua:2: ctx has no 'updat'; did you mean 'update'?");
    CHECK(course("return ctx.enviroment") ==
          "test.lua:2: ctx has no 'enviroment'; did you mean 'environment'?");
    CHECK(course("return params.soak") == "test.lua:2: the workflow has no parameter 'soak'");
    CHECK(course("ctx.update(ctx.levels[1])") == "test.lua:2: write ctx:update(…), with a colon");
    CHECK(course("ctx:update(1)") ==
          "test.lua:2: ctx:update: the first argument is a number, but must be one of ctx.levels");
    CHECK(course("ctx:update()") ==
          "test.lua:2: ctx:update: the first argument is nothing, but must be one of ctx.levels");
    CHECK(course("ctx:update(ctx.levels[1], 7)") == "test.lua:2: ctx:update: the options are a number, but "
                                                    "must be a record, as in ctx:update(level, { ramp = "
                                                    "{ 1, \"20%\", \"100%\" }, soak = \"1m\" })");
    CHECK(course("ctx:update(ctx.levels[1], { level = 2 })") ==
          "test.lua:2: ctx:update: unknown key 'level'; it is an argument of its own, as in "
          "ctx:update(level, { ramp "
          "= { 1, \"20%\", \"100%\" }, soak = \"1m\" })");
    CHECK(course("ctx:update(ctx.levels[1], { ramp = function() end })") ==
          "test.lua:2: a function stands where data is expected");
    CHECK(course("ctx:update(ctx.levels[1], {}, {})") == "test.lua:2: ctx:update takes at most 2 arguments");
    CHECK(course("ctx:preflight(7)") == "test.lua:2: ctx:preflight: the options are a number, but must be a "
                                        "record, as in ctx:preflight { quorum = \"90%\" }");
    CHECK(course("ctx.levels[1].indx = 1") ==
          "test.lua:2: a level has no 'indx', and nothing can be added; use a local variable");
    CHECK(course("return ctx.levels[1].indx") == "test.lua:2: a level has no 'indx'; did you mean 'index'?");
    CHECK(course("ctx.mine = 1") ==
          "test.lua:2: ctx has no 'mine', and nothing can be added; use a local variable");
    CHECK(course("ctx:defer(7)") ==
          "test.lua:2: ctx:defer: the first argument is a number, but must be a function");
    CHECK(course("ctx:side_effect()").find("test.lua:2: ctx:side_effect: the first argument is a nil, but") ==
          0);
    CHECK(course("ctx:command('x')") == "test.lua:2: ctx:command: 'component' is missing; write "
                                        "ctx:command(\"migrate\", \"shop/app\", { once = true })");
    CHECK(course("ctx:log('x', 7)") == "test.lua:2: ctx:log: 'fields' is a number, but must be a record");
    CHECK(course("ctx:approve('go', { count = 0 })") ==
          "test.lua:2: ctx:approve: 'count' is 0, but must be at least 1");
    CHECK(course("ctx:await('backup')") ==
          "test.lua:2: ctx:await: 'timeout' is missing; write ctx:await(\"backup-done\", \"2h\")");
}

TEST_CASE("each error in what a command asks for reaches the script with its line, and nothing is started") {
    const auto told = [](const std::string& body) {
        tests::Fleet fleet(tests::fleet_input({1, 1}),
                           "return workflow { run = function(ctx)\n ctx:preflight()\n " + body + "\nend }");
        fleet.drive();
        CHECK(fleet.outcome() == "refused");
        CHECK(fleet.counts() == "2 not_started");
        const std::string story = fleet.told();
        const std::string mark = "ended refused the workflow failed: ";
        const std::size_t at = story.find(mark);
        return at == std::string::npos
                   ? story
                   : story.substr(at + mark.size(), story.find('\n', at) - at - mark.size());
    };
    CHECK(told("ctx:update(ctx.levels[1], { rampp = 1 })") ==
          "test.lua:3: ctx:update: unknown key 'rampp'; did you mean 'ramp'?");
    CHECK(told("ctx:update(ctx.levels[1], { ramp = { '200%' } })") ==
          "test.lua:3: ctx:update: 'ramp': '200%' is not a portion; write a count such as 2, or a share such "
          "as \"20%\"");
    CHECK(told("ctx:update(ctx.levels[1], { max_unavailable = 0 })") ==
          "test.lua:3: ctx:update: 'max_unavailable': '0' is not a portion; write a count such as 2, or a "
          "share such as \"20%\"");
    CHECK(told("ctx:update(ctx.levels[1], { max_failures = -1 })") ==
          "test.lua:3: ctx:update: 'max_failures' is -1, but must be at least 0");
    CHECK(told("ctx:update(ctx.levels[1], { soak = '30' })") ==
          "test.lua:3: ctx:update: 'soak': '30' is not a duration; write '30s'");
    CHECK(told("ctx:update(ctx.levels[1], { on_failure = 'rolback-all' })") ==
          "test.lua:3: ctx:update: 'on_failure' is 'rolback-all', but must be 'rollback-all', "
          "'rollback-batch', 'stop' or 'ask'; did you mean 'rollback-all'?");
    CHECK(told("ctx:update(ctx.levels[1], { deadlines = { aply = '1m' } })") ==
          "test.lua:3: ctx:update: unknown key 'deadlines.aply'; did you mean 'apply'?");
    CHECK(told("ctx:update(ctx.levels[1], { deadlines = { apply = '0s' } })") ==
          "test.lua:3: ctx:update: 'deadlines.apply' is no time at all");
    CHECK(told("ctx:update({ index = 7 })") ==
          "test.lua:3: ctx:update: 'level' is 7, but must be from 0 to 1");
    CHECK(told("ctx:preflight()") ==
          "test.lua:3: ctx:preflight: everything is prepared already; call it once");
    CHECK(told("ctx:wait()") == "test.lua:3: ctx:wait: 'duration' is missing; write ctx:wait(\"30s\")");
    CHECK(told("ctx:wait('soon')") ==
          "test.lua:3: ctx:wait: 'duration': 'soon' is not a duration; write for example '90s' or '1h30m'");

    tests::Fleet early(tests::fleet_input({1}),
                       "return workflow { run = function(ctx)\n ctx:update(ctx.levels[1])\nend }");
    early.drive();
    CHECK(early.told().find("test.lua:2: ctx:update: nothing is prepared yet; call ctx:preflight() first") !=
          std::string::npos);
    tests::Fleet quorum(tests::fleet_input({1}),
                        "return workflow { run = function(ctx)\n ctx:preflight { quorum = 'most' }\nend }");
    quorum.drive();
    CHECK(quorum.told().find("test.lua:2: ctx:preflight: 'quorum': 'most' is not a portion") !=
          std::string::npos);
}

TEST_CASE("a script that computes for ever is ended, also in the middle of a run, and says where") {
    CHECK(
        course("ctx:wait('1s')\nwhile true do pcall(function() while true do end end) end") ==
        R"(1 wait {"duration":"1s"}; test.lua:3: the script ran too long: more than 10000000 steps without a command)");
    tests::Fleet fleet(tests::fleet_input({1, 1}),
                       "return workflow { run = function(ctx)\n ctx:preflight()\n ctx:update(ctx.levels[1])\n"
                       " while true do end\nend }");
    fleet.drive();
    CHECK(fleet.outcome() == "needs_person");
    CHECK(fleet.counts() == "1 not_started, 1 updated");
}

TEST_CASE("a script that updates only a canary leaves the rest, and says so") {
    tests::Fleet fleet(tests::fleet_input({3}), "return workflow { run = function(ctx)\n ctx:preflight()\n "
                                                "ctx:update(ctx.levels[1], { ramp = { 1 } })\nend }");
    fleet.drive();
    CHECK(fleet.outcome() == "succeeded_with_left_out");
    CHECK(fleet.counts() == "2 not_started, 1 updated");
}

TEST_CASE("a ramp goes on where the update before it stopped") {
    tests::Fleet fleet(tests::fleet_input({4}),
                       "return workflow { run = function(ctx)\n ctx:preflight()\n"
                       " ctx:update(ctx.levels[1], { ramp = { 1 } })\n ctx:wait('1h')\n"
                       " ctx:update(ctx.levels[1], { ramp = { '50%', '100%' } })\nend }");
    fleet.drive();
    CHECK(fleet.outcome() == "succeeded");
    REQUIRE(fleet.run().batches().size() == 3);
    CHECK(fleet.run().batches()[1].arithmetic == "50% of 4 is 2");
    CHECK(fleet.run().batches()[1].targets.size() == 1);
    CHECK(fleet.run().batches()[2].targets.size() == 2);
}

TEST_CASE("the same script and answers give the same commands every time") {
    const std::string body =
        "local t = { z = 1, a = 2, m = 3, q = 4 } for key, value in pairs(t) do ctx:wait(value .. 's') end";
    const std::string once = course(body);
    CHECK(
        once ==
        R"(1 wait {"duration":"2s"}; 2 wait {"duration":"3s"}; 3 wait {"duration":"4s"}; 4 wait {"duration":"1s"}; end)");
    for (int run = 0; run < 100; ++run) {
        REQUIRE(course(body) == once);
    }
}

TEST_CASE("what a script sees of the run goes through workflow-vm unharmed") {
    CHECK(ScriptModel::from_value(model.to_value()).to_value() == model.to_value());
}

namespace {

// A run whose script gets these answers, in order; then its end.
std::string told(const std::string& body, std::vector<Answer> answers) {
    Script script("return workflow { run = function(ctx, params)\n" + body + "\nend }", "test.lua", {},
                  model);
    std::string text;
    Script::Step step = script.resume(std::nullopt);
    for (std::size_t at = 0;; ++at) {
        if (const ScriptEnded* ended = std::get_if<ScriptEnded>(&step)) {
            return text + (ended->ok ? "end" : "failed") + (ended->error.empty() ? "" : ": " + ended->error);
        }
        const ScriptCommand& command = std::get<ScriptCommand>(step);
        text += fmt::format("{} {} {}; ", command.sequence, command.kind, base::to_json(command.arguments));
        Answer answer = at < answers.size() ? answers[at] : Answer{0, true, nullptr, ""};
        answer.sequence = command.sequence;
        step = script.resume(answer);
    }
}

const Answer yes{0, true, nullptr, ""};
const Answer no{0, false, nullptr, "not now"};
const Answer stopped{0, false, nullptr, "cancelled by somebody", true};

} // namespace

TEST_CASE("each method of ctx gives its command with its arguments") {
    CHECK(course("ctx:restart(ctx.levels[1], { max_unavailable = 1, spread = 'rack' })") ==
          R"(1 restart {"level":0,"max_unavailable":1,"spread":"rack"}; end)");
    CHECK(
        course(
            "ctx:stop(ctx.levels[2], { on_failure = 'ask' }) ctx:start(ctx.levels[2], { settle = '5s' })") ==
        R"(1 stop {"level":1,"on_failure":"ask"}; 2 start {"level":1,"settle":"5s"}; end)");
    CHECK(course("ctx:probe(ctx.levels[1], { deadlines = { probe = '1m' } })") ==
          R"(1 probe {"level":0,"deadlines":{"probe":"1m"}}; end)");
    CHECK(course("ctx:command('migrate', 'shop/app', { once = true, max_failures = '5%' })") ==
          R"(1 command {"name":"migrate","component":"shop/app","max_failures":"5%","once":true}; end)");
    CHECK(
        course("ctx:approve('go on?', { count = 2, role = 'dba' }) ctx:outage('no way around', { expires = "
               "'1h' })") ==
        R"(1 approve {"what":"go on?","count":2,"role":"dba"}; 2 outage {"reason":"no way around","expires":"1h"}; end)");
    CHECK(course("ctx:await('backup-done', '2h') ctx:now() ctx:random() ctx:uuid()") ==
          R"(1 await {"signal":"backup-done","timeout":"2h"}; 2 now {}; 3 random {}; 4 uuid {}; end)");
    CHECK(course("ctx:log('well') ctx:log('well', { errors = 0 })") ==
          R"(1 log {"message":"well"}; 2 log {"message":"well","fields":{"errors":0}}; end)");
    CHECK(
        course("ctx:update(ctx.levels[1], { window = 'sliding', soak = { '1m', '5m' }, where = 'color=blue', "
               "analysis = { { name = 'e', command = 'errors', pass = '<= 1' } }, max_failures = { batch = "
               "1, domain = "
               "{ label = 'rack', max = 1 } } })") ==
        R"(1 update {"level":0,"analysis":[{"command":"errors","name":"e","pass":"<= 1"}],"max_failures":{"batch":1,"domain":{"label":"rack","max":1}},"soak":["1m","5m"],"where":"color=blue","window":"sliding"}; end)");
}

TEST_CASE("a script sees the kind of its run, and each component with its level, targets and commands") {
    ScriptModel more = model;
    more.kind = "operation";
    more.components = {{base::ComponentName("shop/db"), 0, 2, {"backup", "migrate"}, "migrate"},
                       {base::ComponentName("shop/app"), 1, 5, {}, ""}};
    CHECK(ScriptModel::from_value(more.to_value()).to_value() == more.to_value());
    Script script(
        "return workflow { run = function(ctx) local t = { ctx.kind } for _, c in ipairs(ctx.components) do "
        "t[#t + 1] = c.name .. ' ' .. c.level .. ' ' .. c.targets .. ' ' .. table.concat(c.commands, '+') "
        ".. ' ' .. tostring(c.migrate) end error(table.concat(t, '; '), 0) end }",
        "test.lua", {}, more);
    CHECK(std::get<ScriptEnded>(script.resume(std::nullopt)).error ==
          "test.lua: operation; shop/db 0 2 backup+migrate migrate; shop/app 1 5  false");
    RunInput input = tests::fleet_input({2, 3});
    input.commands[base::ComponentName("shop/a1")] = {{"backup", "shop-app"}};
    input.migrate[base::ComponentName("shop/a1")] = "backup";
    const ScriptModel made = ScriptModel::of(input);
    REQUIRE(made.components.size() == 2);
    CHECK(made.kind == "deploy");
    CHECK(made.components[1].targets == 3);
    CHECK(made.components[1].level == 1);
    CHECK(made.components[1].commands == std::vector<std::string>{"backup"});
    CHECK(made.components[1].migrate == "backup");
}

TEST_CASE("what a function with side effects returns is recorded, nil and false too, and the record is the "
          "answer") {
    CHECK(
        told("local a = ctx:side_effect(function() return { 1, x = nil } end) local b = "
             "ctx:side_effect(function() end)"
             " local c = ctx:side_effect(function() return false end) error(tostring(a) .. tostring(b) .. "
             "tostring(c), 0)",
             {{0, true, "first", ""}, {0, true, nullptr, ""}, {0, true, false, ""}}) ==
        R"(1 record {"value":[1]}; 2 record {}; 3 record {"value":false}; failed: test.lua: firstnilfalse)");
    CHECK(course("ctx:side_effect(function() error('no choice') end)") == "test.lua:2: no choice");
    CHECK(course("ctx:side_effect(function() ctx:wait('1s') return 1 end)") ==
          R"(1 wait {"duration":"1s"}; 2 record {"value":1}; end)");
}

TEST_CASE("what is deferred runs at the end, the last one first, and is told how the run ended") {
    const std::string two =
        "ctx:defer(function(o) ctx:log('one ' .. o) end) ctx:defer(function(o) ctx:log('two ' .. o) end) ";
    CHECK(
        told(two, {}) ==
        R"(1 defer {}; 2 defer {}; 3 log {"message":"two succeeded"}; 4 log {"message":"one succeeded"}; end)");
    CHECK(
        told(two + "error 'broken'", {}) ==
        R"(1 defer {}; 2 defer {}; 3 fail {"error":"test.lua:2: broken"}; 4 log {"message":"two failed"}; 5 log {"message":"one failed"}; end)");
    CHECK(
        told(two + "while true do end", {})
            .find(
                R"(3 fail {"error":"test.lua:2: the script ran too long: more than 10000000 steps without a command"}; 4 log {"message":"two failed"}; 5 log {"message":"one failed"}; end)") !=
        std::string::npos);
    CHECK(told("ctx:defer(function() ctx:probe(ctx.levels[1]) end)", {}) ==
          R"(1 defer {}; 2 probe {"level":0}; end)");
}

TEST_CASE(
    "a run that stopped ends its script where it stands, whatever that catches, and what is deferred runs") {
    const std::string deferred = "ctx:defer(function(o) ctx:log(o) end) ";
    CHECK(
        told(deferred + "while true do pcall(ctx.wait, ctx, '1s') end", {yes, yes, stopped}) ==
        R"(1 defer {}; 2 wait {"duration":"1s"}; 3 wait {"duration":"1s"}; 4 log {"message":"stopped"}; end)");
    CHECK(
        told(deferred +
                 "xpcall(function() ctx:wait('1s') end, function() ctx:log('handler') end) ctx:log('after')",
             {yes, stopped}) == R"(1 defer {}; 2 wait {"duration":"1s"}; 3 log {"message":"stopped"}; end)");
    CHECK(told(deferred + "table.sort({ 2, 1 }, function() ctx:wait('1s') end) ctx:log('after')",
               {yes, stopped}) ==
          R"(1 defer {}; 2 wait {"duration":"1s"}; 3 log {"message":"stopped"}; end)");
    CHECK(told(deferred + "ctx:side_effect(function() ctx:wait('1s') end)", {yes, stopped}) ==
          R"(1 defer {}; 2 wait {"duration":"1s"}; 3 log {"message":"stopped"}; end)");
    CHECK(told("ctx:defer(function(o) ctx:log(o) end)", {stopped}) ==
          R"(1 defer {}; 2 log {"message":"stopped"}; end)");
    CHECK(told("ctx:wait('1s')", {stopped}) == R"(1 wait {"duration":"1s"}; end)");
    // Also while deferred functions run: the one that is running ends, the others are told.
    CHECK(told("ctx:defer(function(o) ctx:log('one ' .. o) end) ctx:defer(function(o) ctx:wait('1s') "
               "ctx:log('two') end)",
               {yes, yes, stopped}) ==
          R"(1 defer {}; 2 defer {}; 3 wait {"duration":"1s"}; 4 log {"message":"one stopped"}; end)");
}

TEST_CASE("an error in one deferred function prevents no other one, and is reported") {
    CHECK(
        told("ctx:defer(function() ctx:log('last') end) ctx:defer(function() error('second', 0) end) "
             "ctx:defer(function()\n error('first') end)",
             {}) ==
        R"(1 defer {}; 2 defer {}; 3 defer {}; 4 log {"message":"last"}; failed: a deferred function failed: test.lua:3: first; a deferred function failed: test.lua: second)");
    CHECK(
        told("ctx:defer(function() ctx:log('last') end) ctx:defer(function() while true do end end) error "
             "'broken'",
             {})
            .find(
                R"(3 fail {"error":"test.lua:2: broken"}; 4 log {"message":"last"}; failed: a deferred function failed: test.lua:2: the script ran too long)") !=
        std::string::npos);
    CHECK(told("ctx:defer(function() ctx:update(ctx.levels[1]) end)", {}) ==
          "1 defer {}; failed: a deferred function failed: test.lua:2: ctx:update: a deferred function can "
          "only use "
          "ctx:probe, ctx:command, ctx:wait, ctx:now, ctx:log");
    CHECK(told("ctx:defer(function() pcall(ctx.update, ctx, ctx.levels[1]) ctx:log('on') end)", {}) ==
          R"(1 defer {}; 2 log {"message":"on"}; end)");
}

TEST_CASE("a function whose deferral is refused does not run") {
    CHECK(told("pcall(ctx.defer, ctx, function() ctx:log('never') end) ctx:wait('1s')", {no}) ==
          R"(1 defer {}; 2 wait {"duration":"1s"}; end)");
    CHECK(
        told(
            "ctx:defer(function() ctx:log('one') end) pcall(ctx.defer, ctx, function() ctx:log('never') end)",
            {yes, no}) == R"(1 defer {}; 2 defer {}; 3 log {"message":"one"}; end)");
}
