// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// Packaged commands and migrations: once, repeatable, irreversible.
#include "tests/catch.hpp"
#include "tests/units/workflows/acts.hpp"

#include <algorithm>

using namespace tests;
using namespace std::chrono_literals;

TEST_CASE("a command runs on all targets of a component, as many at once as said", "[puppet]") {
    Fleet fleet(
        with_command(fleet_input({4}, RunKind::Operation), {"refresh", "shop-app"}),
        script(
            "local done = ctx:command('refresh', 'shop/a0', { max_parallel = 2 })\nctx:log('done', done)"));
    const std::size_t most =
        most_at_once(fleet, [](TargetState state) { return state == TargetState::Commanding; });
    INFO(fleet.told());
    CHECK(fleet.outcome() == "succeeded");
    CHECK(fleet.counts() == "4 updated");
    CHECK(most == 2);
    CHECK(told(fleet, R"("ran":4)"));
}

TEST_CASE("[ansible-run_once] what is to run once runs once in a run, not once in a batch") {
    Fleet fleet(with_command(fleet_input({4}), {"migrate", "shop-app", true}),
                script("ctx:preflight() ctx:wait('10s')\n local done = ctx:command('migrate', 'shop/a0')\n"
                       "ctx:log('done', done) ctx:update(ctx.levels[1], { ramp = { 1, 2, '100%' } })"));
    fleet.away("a0-1", 2s, 3h); // answers preflight, then is gone
    fleet.drive();
    INFO(fleet.told());
    CHECK(order_of(fleet, OrderKind::Command).front() == "a0-2");
    CHECK(order_of(fleet, OrderKind::Command).size() == 1);
}

TEST_CASE(
    "a command that is to run once goes to the next node when the first did not run it, and only then") {
    const auto run = [](const std::string& code, bool repeatable) {
        auto fleet = std::make_unique<Fleet>(with_command(fleet_input({3}, RunKind::Operation),
                                                          {"migrate", "shop-app", true, false, repeatable}),
                                             script("ctx:command('migrate', 'shop/a0')"));
        fleet->at("shop/a0", "a0-1").refuses[OrderKind::Command] = {code};
        fleet->drive();
        return fleet;
    };
    CHECK(order_of(*run("refused", false), OrderKind::Command).size() == 2);
    CHECK(run("refused", false)->outcome() == "succeeded_with_left_out");
    CHECK(order_of(*run("lost", true), OrderKind::Command).size() == 2);
    CHECK(order_of(*run("failed", false), OrderKind::Command).size() == 1);
    // It may have run: to run it again elsewhere would be a guess.
    CHECK(order_of(*run("lost", false), OrderKind::Command).size() == 1);
    CHECK(run("lost", false)->outcome() == "stopped");
}

TEST_CASE("a component's migration runs on its first target, before anybody else of it starts") {
    RunInput input = with_command(fleet_input({4}), {"migrate", "shop-app", true});
    input.migrate.emplace(a0, "migrate");
    const std::string update = script("ctx:preflight() ctx:update(ctx.levels[1], { max_unavailable = 4 })");
    Fleet fleet(input, update);
    fleet.at("shop/a0", "a0-1").slow[OrderKind::Command] = 60s;
    fleet.drive();
    INFO(fleet.told());
    CHECK(fleet.outcome() == "succeeded");
    CHECK(order_of(fleet, OrderKind::Command) == std::vector<std::string>{"a0-1"});
    CHECK(fleet.at("shop/a0", "a0-1").did ==
          std::vector{OrderKind::Prepare, OrderKind::Drain, OrderKind::Apply, OrderKind::Command,
                      OrderKind::Restart, OrderKind::Probe, OrderKind::Undrain, OrderKind::Probe,
                      OrderKind::Settle});
    const auto command = std::find_if(fleet.sent.begin(), fleet.sent.end(), [](const SendOrder& order) {
        return order.kind == OrderKind::Command;
    });
    CHECK(std::none_of(fleet.sent.begin(), command, [](const SendOrder& order) {
        return order.kind == OrderKind::Drain && order.target.node.str() != "a0-1";
    }));

    SECTION("the next one takes its turn when the first could not even be changed") {
        Fleet over(
            input,
            script("ctx:preflight() ctx:update(ctx.levels[1], { max_failures = 1, max_unavailable = 2 })"));
        over.at("shop/a0", "a0-1").refuses[OrderKind::Apply] = {};
        over.drive();
        INFO(over.told());
        CHECK(order_of(over, OrderKind::Command) == std::vector<std::string>{"a0-2"});
        CHECK(over.counts() == "1 failed, 3 updated");
    }
    SECTION("when it fails, nobody starts, whatever the failure budget") {
        Fleet failing(
            input,
            script("ctx:preflight() ctx:update(ctx.levels[1], { max_failures = 3, max_unavailable = 4 })"));
        failing.at("shop/a0", "a0-1").refuses[OrderKind::Command] = {};
        failing.drive();
        INFO(failing.told());
        CHECK(failing.outcome() == "rolled_back");
        CHECK(order_of(failing, OrderKind::Apply) == std::vector<std::string>{"a0-1"});
        CHECK(told(failing, "the migration of component 'shop/a0' did not succeed"));
    }
}

TEST_CASE("a command that is meant for all nodes runs on all, though an earlier run ran it once") {
    RunInput input = with_command(fleet_input({3}), {"load", "shop-app"});
    input.done_once = {{{a0, base::NodeName("a0-1")}, "load", 0, "01J", false, false}};
    Fleet all(input, script("ctx:preflight() ctx:command('load', 'shop/a0')"));
    all.drive();
    CHECK(order_of(all, OrderKind::Command).size() == 3);
    Fleet once(input, script("ctx:preflight() ctx:command('load', 'shop/a0', { once = true })"));
    once.drive();
    CHECK(order_of(once, OrderKind::Command).empty());
}

TEST_CASE("what runs once and has, in a run whose rest is tried again, does not run again, unless somebody "
          "says so") {
    const auto retry = [](bool again, bool irreversible, const std::string& body) {
        RunInput input = with_command(fleet_input({3}), {"migrate", "shop-app", true, irreversible});
        input.commands[a0].push_back({"seed", "shop-app", true});
        input.migrate.emplace(a0, "migrate");
        const Target before{a0, base::NodeName("a0-9")};
        input.done_once = {
            {before, "migrate", 0, "01J", irreversible, again},
            {before, "seed", 3, "01J", false, again},
            {{base::ComponentName("shop/gone"), base::NodeName("g-1")}, "seed", 0, "01J", false, false}};
        const RunInput read = RunInput::from_value(input.to_value());
        CHECK(read.hash() == input.hash());
        return std::make_unique<Fleet>(read, script(body));
    };
    const std::string all =
        "ctx:preflight() local got = ctx:command('seed', 'shop/a0') ctx:log('seed', got)\n"
        "ctx:update(ctx.levels[1], { max_unavailable = 3 })";
    const auto spared = retry(false, false, all);
    spared->drive();
    INFO(spared->told());
    CHECK(spared->outcome() == "succeeded");
    CHECK(order_of(*spared, OrderKind::Command).empty());
    CHECK(told(*spared, R"("exit_code":3,"failures":0,"left_out":0,"node":"a0-9","ran":0)"));
    CHECK(told(*spared, "command has run already"));

    const auto forced = retry(true, false, all);
    forced->drive();
    CHECK(order_of(*forced, OrderKind::Command).size() == 2);

    // Of a component that has nothing left to be tried again, too.
    const auto gone = retry(false, false, "ctx:preflight() ctx:command('seed', 'shop/gone')");
    gone->drive();
    CHECK(gone->told().find("the workflow failed") == std::string::npos);

    const auto one_way = retry(false, true, all);
    one_way->at("shop/a0", "a0-2").refuses[OrderKind::Restart] = {};
    one_way->drive();
    CHECK(one_way->outcome() == "needs_person");
    CHECK(told(*one_way,
               "there is no way back: command 'migrate' of shop/a0 on a0-9 in run 01J is irreversible"));
    CHECK(order_of(*one_way, OrderKind::Undo).empty());
}

TEST_CASE("after an irreversible command nobody goes back, and a person is told which one it was",
          "[law-9]") {
    RunInput input = with_command(fleet_input({3}), {"contract", "shop-app", true, true});
    input.migrate.emplace(a0, "contract");
    Fleet fleet(input, script("ctx:preflight() ctx:update(ctx.levels[1])"));
    fleet.at("shop/a0", "a0-2").refuses[OrderKind::Restart] = {};
    fleet.drive();
    INFO(fleet.told());
    CHECK(fleet.outcome() == "needs_person");
    CHECK(order_of(fleet, OrderKind::Undo).empty());
    CHECK(told(
        fleet,
        "there is no way back: command 'contract' of shop/a0 on a0-1 is irreversible and has succeeded"));
    CHECK(fleet.counts() == "1 failed, 1 not_started, 1 updated");
}
