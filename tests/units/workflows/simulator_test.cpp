// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// The simulator itself: what it promises to people who test their workflows with it.
#include "base/json.hpp"
#include "tests/catch.hpp"
#include "tests/fakes/fleet.hpp"
#include "tests/fakes/laws.hpp"
#include "tests/fakes/stock_workflows.hpp"
#include "tests/units/workflows/errors.hpp"
#include "workflows/simulator/expectations.hpp"
#include "workflows/simulator/fleet.hpp"
#include "workflows/simulator/test_file.hpp"

#include <algorithm>
#include <map>

#include <fmt/format.h>

using namespace workflows::simulator;
using namespace workflows::engine;
using namespace std::chrono_literals;

namespace {

const char* const shop = R"(application "shop" {
  component "db"  { packages = { "shop-db" },  produces = { sql = {} } },
  component "app" { packages = { "shop-app" }, consumes = { db = "sql" }, produces = { http = {} } },
  component "web" { packages = { "shop-web" }, consumes = { backends = "http" } },
})";

std::vector<TestResult> run_tests(const std::string& source) {
    return run_test_file(
        source, "rolling_test.lua",
        {[](const std::string& name) {
             if (name == "rollback") {
                 return Workflow{name, "", RunKind::Rollback};
             }
             if (name == "muting") {
                 return Workflow{
                     name, "return workflow { run = function(ctx) ctx:command('mute', 'shop/web') end }",
                     RunKind::Operation};
             }
             return Workflow{name, tests::update_all("ramp = { 1, '100%' }"), RunKind::Deploy};
         },
         [](const std::string&) {
             return Application::evaluate(shop, "app.lua");
         }});
}

// "" when it passed.
std::string judged(const std::string& source) {
    const std::vector<TestResult> results = run_tests(source);
    REQUIRE(results.size() == 1);
    CHECK(results.front().passed == results.front().message.empty());
    return results.front().message;
}

std::string after(const std::string& expectation) {
    return judged("simulate { workflow = 'w', app = 'a', nodes = 12 }\n" + expectation);
}

std::string ending(const Played& played) {
    std::string text = played.outcome;
    for (const TargetView& view : played.targets) {
        text += "\n" + view.target.str() + " " + std::string(word(view.state));
    }
    return text;
}

// And why, and what all nodes were told; what is told at one moment has no order.
std::string course(const Played& played) {
    std::string text = ending(played);
    for (const TargetView& view : played.targets) {
        text += "\n" + view.reason;
    }
    std::map<std::string, int> steps;
    for (const Step& step : played.steps) {
        ++steps[fmt::format("{} {} {}", word(step.kind), step.target, step.command)];
    }
    for (const auto& [step, times] : steps) {
        text += fmt::format("\n{} times {}", times, step);
    }
    return text;
}

} // namespace

TEST_CASE("nodes are dealt out to the components in turn, with zones and racks") {
    const RunInput input = Fleet::of(Application::evaluate(shop, "app.lua"), 100)
                               .input({"rolling", "return 1", RunKind::Deploy}, {});
    CHECK(input.targets.size() == 100);
    CHECK(input.levels.size() == 3);
    CHECK(input.targets.front().target.str() == "shop/db on db-1");
    CHECK(input.targets.back().target.str() == "shop/web on web-33");
    const base::Value& labels = *input.targets[1].document.object()->find("node")->object()->find("labels");
    CHECK(*labels.object()->find("zone") == base::Value("b"));
    CHECK(*labels.object()->find("rack") == base::Value("b-1"));
    CHECK(tests::input_error([] { Fleet::of(Application::evaluate(shop, "app.lua"), 2); }) ==
          "application 'shop' has 3 components, but 2 nodes are to be simulated; there must be one for each");
    CHECK(tests::input_error([] { Fleet::of_levels(4, 3); }) ==
          "3 nodes on 4 levels cannot be simulated; there must be at least one of each, and a node for each "
          "level");
}

TEST_CASE("a migration that app.lua names runs once in a simulation, too") {
    Scenario scenario = random_scenario({"w", tests::update_all(""), RunKind::Deploy}, 1);
    scenario.input =
        Fleet::of(Application::evaluate("application 'shop' { component 'db' { packages = { 'shop-db' }, "
                                        "migrate = 'to-two' } }",
                                        "app.lua"),
                  5)
            .input({"w", scenario.source, RunKind::Deploy}, {});
    scenario.faults = Faults{};
    const Played played = play(scenario, nullptr, true);
    CHECK(played.outcome == "succeeded");
    CHECK(played.broken == std::vector<std::string>{});
    CHECK(played.story.find(
              "command succeeded {\"command\":\"to-two\",\"exit_code\":0,\"changed\":true,\"output\":"
              "\"\"} shop/db on db-1") != std::string::npos);
    CHECK(played.story.find("command to shop/db on db-2") == std::string::npos);
}

TEST_CASE("a profile of faults that does not exist is refused with those that do") {
    CHECK(tests::input_error([] { Faults::profile("rogh"); }) ==
          "'rogh' is no profile of faults; there are: none, light, rough, hostile; did you mean 'rough'?");
}

TEST_CASE("kill -9 at every journal write ends like the undisturbed run", "[law-7]") {
    for (const std::uint64_t seed : {3u, 4u, 5u, 6u, 7u}) {
        Scenario scenario = random_scenario(random_workflow(seed), seed);
        scenario.faults = Faults{};
        scenario.faults.refuses = 0.1;
        scenario.faults.unchanged = 0.1;
        scenario.faults.away = 0.1;
        const Played undisturbed = play(scenario);
        INFO("seed " << seed << " " << undisturbed.events << " events");
        CHECK(undisturbed.broken == std::vector<std::string>{});
        for (std::int64_t event = 0; event < undisturbed.events; ++event) {
            for (const bool before : {true, false}) {
                Scenario killed = scenario;
                killed.crashes = {{event, before}};
                const Played played = play(killed);
                INFO("killed " << (before ? "before" : "after") << " event " << event);
                CHECK(played.crashes == 1);
                CHECK(played.broken == std::vector<std::string>{});
                CHECK(ending(played) == ending(undisturbed));
            }
        }
    }
}

TEST_CASE("the same holds for every stock workflow, and when the script's process dies after each command",
          "[law-7]") {
    for (const Workflow& workflow : tests::workflows_of(std::string(TIERCEL_SOURCE) + "/workflows/library")) {
        Scenario scenario = random_scenario(workflow, 11);
        scenario.faults = Faults{};
        scenario.faults.refuses = 0.03;
        const Played undisturbed = play(scenario);
        INFO(workflow.name << " " << undisturbed.events << " events");
        Scenario without_script = scenario;
        without_script.faults.script_crashes = 1;
        CHECK(course(play(without_script)) == course(undisturbed));
        for (std::int64_t event = 0; event < undisturbed.events; ++event) {
            Scenario killed = scenario;
            killed.crashes = {{event, event % 2 == 0}, {event + 2, event % 3 == 0}};
            const Played played = play(killed);
            INFO("killed at events " << event << " and " << event + 2);
            CHECK(played.broken == std::vector<std::string>{});
            CHECK(course(played) == course(undisturbed));
        }
    }
}

TEST_CASE("a script's part of the journal is as long as its statements, whatever the number of nodes") {
    const std::string source = tests::update_all("ramp = { 1, '20%', '100%' }, soak = '30s'");
    const auto said = [&](std::size_t nodes) {
        Simulation::Settings settings;
        settings.keep_journal = true;
        Simulation simulation(Fleet::of_levels(4, nodes).input({"w", source, RunKind::Deploy}, {}), source,
                              settings);
        simulation.drive();
        CHECK(simulation.outcome() == "succeeded");
        CHECK(simulation.journal.size() > 10 * nodes);
        std::vector<std::string> lines;
        for (const auto& [event, time] : simulation.journal) {
            if (std::holds_alternative<ScriptCommand>(event) || std::holds_alternative<ScriptEnded>(event)) {
                lines.push_back(base::to_json(to_value(event)));
            }
        }
        return lines;
    };
    const std::vector<std::string> few = said(10);
    CHECK(few.size() == 6); // preflight, four levels, the end
    CHECK(said(1000) == few);
    CHECK(said(10'000) == few);
}

TEST_CASE("a law that breaks is seen: more out of service than the workflow allows", "[law-4]") {
    BlastRadius radius;
    const std::size_t web = radius.add("shop/web", Bound{true, 29}, true);
    radius.group(web).members = 100;
    for (int taken = 0; taken < 29; ++taken) {
        radius.change({web}, true);
        CHECK_FALSE(radius.taken_out(web));
    }
    radius.change({web}, true);
    CHECK(radius.taken_out(web) == "30 of shop/web are out of service, 29 may be");
    radius.lift();
    CHECK_FALSE(radius.taken_out(web));
    CHECK(radius.groups()[web].most_out == 30);
}

TEST_CASE("a run of ten thousand nodes is read in a page: batches with numbers of targets") {
    const Workflow workflow{"w", tests::update_all("ramp = { 1, '100%' }, max_unavailable = '50%'"),
                            RunKind::Deploy};
    Scenario scenario = random_scenario(workflow, 1);
    scenario.input = Fleet::of_levels(2, 300).input(workflow, {});
    scenario.faults = Faults{};
    Timeline timeline(false);
    CHECK(play(scenario, &timeline).outcome == "succeeded");
    CHECK(timeline.lines().size() < 40);
    const auto has = [&](const std::string& what, const std::string& detail) {
        return std::any_of(timeline.lines().begin(), timeline.lines().end(), [&](const Timeline::Line& line) {
            return line.what == what && line.detail.find(detail) != std::string::npos;
        });
    };
    CHECK(has("batch started", "targets 149"));
    CHECK(has("", "149 updated"));
    CHECK(has("run ended", "succeeded"));
    CHECK(clock_text(3h + 2min + 1s) == "3:02:01");
}

TEST_CASE("a test file's expectations hold for a good run") {
    CHECK(after("expect.outcome('succeeded')\nexpect.laws()\nexpect.count('updated', 12)\n"
                "expect.count('failed', 0)\nexpect.order('shop/db', 'shop/app', 'shop/web')\n"
                "expect.never_below('shop/web', '75%')\nexpect.never_below('shop/web', 3)\n"
                "expect.state('web-3', 'updated')\nexpect.state('zone=a', 'updated')\nexpect.within('10m')\n"
                "expect.times('apply shop/web', 4)\nexpect.times('undo', 0)\nexpect.times('drain web-3', 1)\n"
                "expect.order('drain db-1', 'apply db-1', 'undrain db-1', '0s', 'drain shop/db')\n"
                "expect.order('shop/web on web-1', 'shop/web zone=b', 'web-3')\n"
                "expect.only('drain', 'apply', 'restart', 'undrain')\n"
                "expect.only('shop/db', 'shop/app', 'color=blue', 'web-2', 'web-4')\n"
                "expect.most_at_once('apply shop/web', 1)\nexpect.most_at_once('apply', '10%')") == "");
    CHECK(judged("local sim = simulate { workflow = 'w', app = 'a', nodes = 12, seed = 7, faults = 'none',\n"
                 "  fail = { ['shop/app'] = { apply = 1 } } }\n"
                 "if sim.outcome ~= 'rolled_back' or sim.counts.rolled_back ~= 5 then error(sim.reason) end\n"
                 "expect.outcome('rolled_back')\nexpect.laws()\nexpect.reason('apply')\n"
                 "expect.untouched('web-3')\nexpect.untouched('shop/web')\n"
                 "expect.order('undo shop/app', 'undo shop/db')") == "");
    CHECK(judged(
              "simulate { workflow = 'w', levels = 2, nodes = 4, signals = { { after = '3s', verb = 'cancel' "
              "} } }\nexpect.outcome('cancelled')") == "");
}

TEST_CASE("an expectation that does not hold says what was, at its line") {
    CHECK(after("expect.outcome('stopped')") == "rolling_test.lua:2: the outcome is succeeded, not stopped");
    CHECK(after("expect.count('updated', 3)") ==
          "rolling_test.lua:2: 12 targets are updated, not 3: 12 updated");
    CHECK(after("expect.never_below('shop/web', '100%')") ==
          "rolling_test.lua:2: 3 of 4 targets of shop/web were in service at one time, not 4");
    CHECK(after("expect.order('shop/web', 'shop/db')") ==
          "rolling_test.lua:2: there was 'drain' of shop/db on db-1 at 0:00:01, before 'shop/web' was over "
          "with "
          "'undrain' of shop/web on web-4 at 0:01:05");
    CHECK(after("expect.order('shop/db', 'undo shop/db')") ==
          "rolling_test.lua:2: 'undo shop/db' never happened");
    CHECK(after("expect.order('shop/db', '1m', 'shop/app')") ==
          "rolling_test.lua:2: 1s lie between 'shop/db' and 'shop/app', not 1m");
    CHECK(after("expect.times('apply shop/web', 3)") ==
          "rolling_test.lua:2: 'apply shop/web' happened 4 times, not 3");
    CHECK(after("expect.only('shop/db', 'restart')") ==
          "rolling_test.lua:2: there was 'drain' of shop/app on app-1 at 0:00:23, which is not among "
          "'shop/db', 'restart'");
    CHECK(after("expect.most_at_once('apply shop/web', 2)") ==
          "rolling_test.lua:2: 'apply shop/web' was under way 1 times at once, not 2");
    CHECK(after("expect.untouched('shop/web zone=a')") ==
          "rolling_test.lua:2: 'shop/web zone=a' was touched: there was 'drain' of shop/web on web-1 at "
          "0:00:45");
    CHECK(after("expect.untouched('web-9')") == "rolling_test.lua:2: step or node 'web-9' is not in the "
                                                "simulation; did you mean 'web-1'?");
    CHECK(after("expect.state('web-1', 'failed')") ==
          "rolling_test.lua:2: shop/web on web-1 is updated, not failed");
    CHECK(after("expect.within('1s')").find(", more than 1s") != std::string::npos);
    CHECK(after("expect.reason('disk')") == "rolling_test.lua:2: the reason is '', without 'disk'");
    Played played;
    played.broken = {"law 4: too many", "law 5: left drained"};
    const RunInput input = Fleet::of_levels(1, 1).input({"w", "", RunKind::Deploy}, {});
    CHECK(tests::input_error([&] { expect("laws", {}, input, played); }) == "law 4: too many");
}

TEST_CASE("a step that nobody answered is over when the run goes on without it") {
    CHECK(judged("simulate { workflow = 'w', app = 'a', nodes = 12, fail = { ['web-1'] = { drain = 1 } } }\n"
                 "expect.order('drain web-1', 'undo shop/app')") == "");
    CHECK(judged("simulate { workflow = 'w', app = 'a', nodes = 12, signals = { { after = '2s', verb = "
                 "'cancel' } } }\nexpect.order('drain db-1', 'undrain db-1')") == "");
}

TEST_CASE("a slip of the pen in a test file is an error with the nearest word, at its line") {
    CHECK(after("expect.outcme('succeeded')") ==
          "rolling_test.lua:2: expect has no 'outcme'; did you mean 'outcome'?");
    CHECK(after("expect.never_below('shop/wep', '75%')") ==
          "rolling_test.lua:2: component 'shop/wep' is not in the simulation; there are: shop/app, shop/db, "
          "shop/web; did you mean 'shop/web'?");
    CHECK(after("expect.never_below('shop/web')") ==
          "rolling_test.lua:2: expect.never_below: argument 2 must be a portion such as \"75%\" or 3");
    CHECK(after("expect.never_below('zone=a', 1)") ==
          "rolling_test.lua:2: expect.never_below: argument 1 must be a component such as \"shop/web\"");
    CHECK(after("expect.count('updated')") ==
          "rolling_test.lua:2: expect.count: argument 2 must be a number");
    CHECK(after("expect.times('aply shop/web', 1)") ==
          "rolling_test.lua:2: step or node 'aply' is not in the simulation; did you mean 'apply'?");
    CHECK(after("expect.times('apply wep-1', 1)") ==
          "rolling_test.lua:2: node 'wep-1' is not in the simulation; did you mean 'web-1'?");
    CHECK(after("expect.times('apply zone=z', 1)") == "rolling_test.lua:2: no node of the simulation has the "
                                                      "label 'zone=z'; there are: zone=a, zone=b, zone=c");
    CHECK(after("expect.times('apply shop/db web-1', 1)") ==
          "rolling_test.lua:2: no target of the simulation is 'apply shop/db web-1'");
    CHECK(after("expect.times('command mute', 1)") ==
          "rolling_test.lua:2: no component has a command 'mute'; there are: measure, refresh");
    CHECK(after("expect.times('command', 1)") ==
          "rolling_test.lua:2: 'command' must be followed by the command's name");
    CHECK(after("expect.times('', 1)") ==
          "rolling_test.lua:2: '' names nothing; write a step, a component, a "
          "node or a label, such as 'stop shop/db'");
    CHECK(after("expect.untouched('apply shop/db')") ==
          "rolling_test.lua:2: expect.untouched: 'apply shop/db' names a step, but must name targets only");
    CHECK(after("expect.order('shop/db')") ==
          "rolling_test.lua:2: expect.order: argument 2 must be steps such as \"start shop/db\"");
    CHECK(judged("expect.laws()") ==
          "rolling_test.lua:1: nothing has been simulated yet; write simulate { … }");
    CHECK(judged("simulate { workflow = 'w', nods = 3 }") ==
          "rolling_test.lua:1: simulate: unknown key 'nods'; did you mean 'nodes'?");
    CHECK(judged("simulate { workflow = 'w', fail = { ['app/level-0'] = { aply = 1 } } }") ==
          "rolling_test.lua:1: 'aply' is no step; there are: prepare, drain, apply, restart, probe, "
          "undrain, undo, settle, stop, start, command, cancel, measure; did you mean 'apply'?");
    CHECK(judged("simulate { workflow = 'w', fail = { ['shop/x'] = { apply = 1 } } }") ==
          "rolling_test.lua:1: component 'shop/x' is not in the simulation; there are: app/level-0, "
          "app/level-1, app/level-2");
    CHECK(judged("simulate { workflow = 'w', fail = { ['apply'] = { apply = 1 } } }") ==
          "rolling_test.lua:1: simulate: 'apply' names a step, but must name targets only");
    CHECK(
        judged("simulate { workflow = 'w', app = 'a', finds = { ['web-1'] = 'package' } }") ==
        "rolling_test.lua:1: simulate: 'web-1' is 'package', but must be one of: nothing, packages, config");
    CHECK(judged("simulate { workflow = 'w', app = 'a', commands = { ['shop/x'] = { 'mute' } } }") ==
          "rolling_test.lua:1: simulate: component 'shop/x' is not in the application");
    CHECK(judged("simulate { workflow = 'w', app = 'a', measured = { updated = 'many' } }") ==
          "rolling_test.lua:1: simulate: 'updated' is a string, but must be a number");
    CHECK(judged("simulate { workflow = 'w', params = { soak = '1m' } }") ==
          "rolling_test.lua:1: workflow 'w.lua': unknown parameter 'soak'");
    CHECK(judged("simulate { workflow = 'rollback', params = { soak = '1m' } }") ==
          "rolling_test.lua:1: simulate: the way back has no parameters");
}

TEST_CASE("what a test says of some targets goes before what it says of more") {
    CHECK(judged("simulate { workflow = 'w', app = 'a', nodes = 12, finds = { ['web-2'] = 'config',\n"
                 "  ['shop/web'] = 'nothing', ['shop/web zone=c'] = 'packages' } }\n"
                 "expect.count('unchanged', 2)\nexpect.state('web-1', 'unchanged')\n"
                 "expect.state('web-2', 'updated')\nexpect.state('web-3', 'updated')\n"
                 "expect.untouched('web-4')") == "");
}

TEST_CASE("a test names the packaged commands that its workflow runs") {
    CHECK(judged(
              "simulate { workflow = 'muting', app = 'a', nodes = 12, commands = { ['shop/web'] = { 'mute' } "
              "} }\nexpect.times('command mute', 4)\nexpect.only('command mute shop/web')") == "");
    CHECK(judged("simulate { workflow = 'muting', app = 'a', nodes = 12 }\n"
                 "expect.outcome('stopped')\nexpect.reason(\"has a command 'mute'\")") == "");
}

TEST_CASE("each test of a file runs, whatever happened to the one before it") {
    const std::vector<TestResult> results =
        run_tests("test('good', function() simulate { workflow = 'w', app = 'a' } expect.laws() end)\n"
                  "test('bad', function() expect.laws() end)\n"
                  "test('endless', function() while true do end end)\n"
                  "test('good again', function() simulate { workflow = 'w', app = 'a' } "
                  "expect.outcome('succeeded') end)");
    REQUIRE(results.size() == 4);
    CHECK(results[0].passed);
    CHECK(results[1].message == "rolling_test.lua:2: nothing has been simulated yet; write simulate { … }");
    CHECK(results[2].message.find("the script ran too long") != std::string::npos);
    CHECK(results[3].passed);
    CHECK(results[3].name == "good again");
}
