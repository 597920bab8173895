// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "workflows/engine/plan.hpp"

#include "base/json.hpp"
#include "tests/catch.hpp"
#include "tests/fakes/fleet.hpp"
#include "tests/units/workflows/errors.hpp"

using namespace workflows::engine;
using tests::fleet_input;

namespace {

Plan plan(const RunInput& input, const std::string& source,
          const std::map<Target, base::Value>& prepared = {}) {
    Script script(source, "test.lua", {}, ScriptModel::of(input));
    return make_plan(
        input, prepared, [&](const std::optional<Answer>& answer) { return script.resume(answer); },
        base::Time{});
}

std::string batches(const Plan& plan) {
    std::string text;
    for (const Plan::Batch& batch : plan.batches) {
        text += fmt::format("{}: {} ({}); ", batch.level, batch.targets.size(), batch.arithmetic);
    }
    return text;
}

base::Value report(bool changed, const std::string& from) {
    return base::Object{
        {"changed", changed},
        {"installed", true},
        {"packages", base::Array{base::Object{{"name", "shop-app"}, {"from", from}, {"to", "2.0"}}}},
        {"config", base::Array{}},
        {"restart", base::Array{"shop-app"}},
        {"reload", base::Array{}}};
}

} // namespace

TEST_CASE("a plan shows batches with their arithmetic, level by level, and touches nobody") {
    const RunInput input = fleet_input({1, 3, 10});
    const Plan made = plan(input, tests::update_all("ramp = { 1, '20%', '100%' }, soak = '720h'"));
    CHECK(batches(made) == "0: 1 (1 of 1); 1: 1 (1 of 3); 1: 2 (100% of 3 is 3); 2: 1 (1 of 10); 2: 1 (20% "
                           "of 10 is 2); 2: 8 (100% of 10 "
                           "is 10); ");
    CHECK(made.hash == input.hash());
    CHECK(made.targets.size() == 14);
    CHECK(batches(plan(fleet_input({3}), tests::update_all("ramp = { '20%', '100%' }"))) ==
          "0: 1 (20% of 3 is 0.6, rounded up to 1); 0: 2 (100% of 3 is 3); ");
}

TEST_CASE("targets without a change are in no batch, equal differences are one group") {
    const RunInput input = fleet_input({4});
    std::map<Target, base::Value> prepared;
    prepared[input.targets[0].target] = report(true, "1.0");
    prepared[input.targets[1].target] = report(true, "1.0");
    prepared[input.targets[2].target] = report(false, "2.0");
    const Plan made = plan(input, tests::update_all(""), prepared);
    CHECK(batches(made) == "0: 3 (100% of 3 is 3); ");
    const base::Value document = made.to_value();
    const base::Array& groups = *document.object()->find("groups")->array();
    REQUIRE(groups.size() == 2);
    CHECK(base::to_json(*groups[0].object()->find("targets")) == R"(["shop/a0 on a0-1","shop/a0 on a0-2"])");
    CHECK(base::to_json(*groups[0].object()->find("packages")) ==
          R"([{"name":"shop-app","from":"1.0","to":"2.0"}])");
    CHECK(base::to_json(*groups[1].object()->find("targets")) == R"(["shop/a0 on a0-3"])");
    CHECK(base::to_json(*document.object()->find("unreachable")) == R"(["shop/a0 on a0-4"])");
    CHECK(*document.object()->find("hash") == base::Value(input.hash().str()));
}

TEST_CASE("a ramp counts the components of a level each for itself") {
    RunInput input = fleet_input({2, 3});
    input.levels = {{base::ComponentName("shop/a0"), base::ComponentName("shop/a1")}};
    CHECK(
        batches(plan(input, tests::update_all("ramp = { 1, '100%' }"))) ==
        "0: 2 (shop/a0: 1 of 2; shop/a1: 1 of 3); 0: 3 (shop/a0: 100% of 2 is 2; shop/a1: 100% of 3 is 3); ");
}

TEST_CASE("a plan of a rollback needs no script and begins at the top") {
    const RunInput input = fleet_input({1, 2}, RunKind::Rollback);
    const Plan made = make_plan(
        input, {},
        [](const std::optional<Answer>&) -> Script::Step { throw std::logic_error("no script here"); },
        base::Time{});
    CHECK(batches(made) == "1: 2 (100% of 2 is 2); 0: 1 (100% of 1 is 1); ");
}

TEST_CASE("a workflow that cannot run is refused when it is planned, with its line") {
    CHECK(tests::input_error([] { plan(fleet_input({1}), tests::update_all("ramp = { '20' , x = 1 }")); }) ==
          "workflow 'test' cannot run: the workflow failed: test.lua:3: a table is both a list and a record, "
          "or a list with gaps");
    CHECK(tests::input_error([] { plan(fleet_input({1}), tests::update_all("sok = '1s'")); }) ==
          "workflow 'test' cannot run: the workflow failed: test.lua:3: ctx:update: unknown key 'sok'; did "
          "you mean 'soak'?");
}

TEST_CASE("a call that cannot be is found before the run, on whichever level it stands, and an error of the "
          "script's own is "
          "none") {
    const auto misuse = [](const std::string& body) {
        const RunInput input = fleet_input({1, 2});
        Script script("return workflow { run = function(ctx)\n" + body + "\nend }", "test.lua", {},
                      ScriptModel::of(input));
        return misuse_in(
                   input, [&](const std::optional<Answer>& answer) { return script.resume(answer); },
                   base::Time{})
            .value_or("");
    };
    const std::string update = "ctx:preflight() ctx:update(ctx.levels[1])\n";
    CHECK(misuse(update + "local word = 'ha' ctx:update(ctx.levels[2], { on_failure = word .. 'lt' })") ==
          "test.lua:3: ctx:update: 'on_failure' is 'halt', but must be 'rollback-all', 'rollback-batch', "
          "'stop' or 'ask'");
    CHECK(misuse(update + "ctx:command('nope', 'shop/a1')")
              .find("test.lua:3: ctx:command: no package of component") == 0);
    CHECK(misuse("ctx:update(ctx.levels[1])") ==
          "test.lua:2: ctx:update: nothing is prepared yet; call ctx:preflight() first");
    CHECK(misuse(update + "pcall(ctx.wait, ctx, 'soon') ctx:update(ctx.levels[2])") == "");
    CHECK(misuse("ctx:preflight() ctx:update(ctx.levels[2])") == ""); // nothing may differ on the level below
    CHECK(misuse("ctx:preflight() ctx:update(ctx.levels[2], { hold = true })") == "");
    CHECK(misuse(update + "ctx:update(ctx.levels[2], { hold = true })") == ""); // nothing may be there yet
    CHECK(misuse(update + "error('not today')") == "");
    CHECK(misuse(update + "ctx:update(ctx.levels[2])") == "");
}

TEST_CASE("a plan says which outage is declared and who is asked, and goes on as if they had agreed") {
    const std::string source =
        "return workflow { summary = 's', params = {}, run = function(ctx)\n"
        "  ctx:preflight()\n"
        "  assert(ctx:outage('new schema').approved)\n"
        "  ctx:update(ctx.levels[1], {})\n"
        "  assert(ctx:approve('go on', { count = 2, role = 'manager' }).approved)\n"
        "  assert(ctx:await('switched', '1m').received)\n"
        "  ctx:update(ctx.levels[2], { soak = '1m', analysis = { { name = 'errors', http = { url = "
        "'http://stats/rate', path = 'rate' }, pass = '<= 0.1' } } })\n"
        "end }";
    const base::Value document = plan(fleet_input({1, 1}), source).to_value();
    CHECK(
        base::to_json(*document.object()->find("acts")) ==
        R"([{"kind":"outage","what":"new schema","after_batches":0},)"
        R"({"kind":"approve","what":"go on","after_batches":1},{"kind":"await","what":"switched","after_batches":1}])");
    CHECK(document.object()->find("batches")->array()->size() == 2);
}

TEST_CASE("[ansible-check-mode] a plan is not blind behind a command whose answer the workflow looks at") {
    RunInput input = fleet_input({2, 2});
    input.commands[base::ComponentName("shop/a0")] = {{"count-rows", "shop-app", true},
                                                      {"refresh", "shop-app"}};
    const Plan made = plan(input, "return workflow { run = function(ctx)\n"
                                  "  local ready = ctx:preflight()\n"
                                  "  local rows = ctx:command('count-rows', 'shop/a0')\n"
                                  "  if rows.exit_code ~= 0 or not rows.node then error('blind') end\n"
                                  "  local done = ctx:update(ctx.levels[1])\n"
                                  "  if done.updated ~= ready.ready / 2 then error('blind') end\n"
                                  "  local fresh = ctx:command('refresh', 'shop/a0')\n"
                                  "  if fresh.ran == 2 and ctx:probe(ctx.levels[1]).passed == 2 then\n"
                                  "    ctx:update(ctx.levels[2])\n"
                                  "  end\n"
                                  "end }");
    CHECK(batches(made) == "0: 2 (100% of 2 is 2); 1: 2 (100% of 2 is 2); ");
}

TEST_CASE("a plan says that nobody brings what is to be measured") {
    const auto refusal = [](const std::string& command) {
        RunInput input = fleet_input({2, 2});
        input.commands[base::ComponentName("shop/a1")] = {{"rate", "shop-app"}};
        try {
            plan(input, tests::update_all("soak = '1m', analysis = { { name = 'n', command = '" + command +
                                          "', pass = '<= 1' } }"));
        } catch (const base::Error& error) {
            return error.message();
        }
        return std::string();
    };
    CHECK(refusal("rate").empty());
    CHECK_THAT(refusal("rat"),
               Catch::Matchers::EndsWith("ctx:update: 'analysis': no component has a packaged "
                                         "command 'rat'; did you mean 'rate'?"));
}
