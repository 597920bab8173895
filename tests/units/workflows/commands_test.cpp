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

namespace {

// Two components in one level: a migration that cannot be undone in one of them, and what goes wrong beside
// it.
RunInput beside_migration() {
    RunInput input = with_command(fleet_input({2, 2}), {"contract", "shop-app", true, true});
    input.levels = {{a0, base::ComponentName("shop/a1")}};
    input.migrate.emplace(a0, "contract");
    return input;
}

} // namespace

TEST_CASE("what is irreversible and succeeds after the run has stopped is not undone either", "[law-9]") {
    Fleet fleet(beside_migration(), script("ctx:preflight() ctx:update(ctx.levels[1], { settle = '1m' })"));
    fleet.at("shop/a0", "a0-1").slow[OrderKind::Command] = 60s;
    fleet.at("shop/a1", "a1-1").slow[OrderKind::Restart] = 20s;
    fleet.at("shop/a1", "a1-1").refuses[OrderKind::Restart] = {};
    fleet.drive();
    INFO(fleet.told());
    CHECK(order_of(fleet, OrderKind::Undo).empty());
    CHECK(told(fleet, "there is no way back: command 'contract' of shop/a0 on a0-1 is irreversible and has "
                      "succeeded"));
    CHECK(fleet.outcome() == "needs_person");
    CHECK(fleet.state("shop/a0", "a0-1") == TargetState::Updated);
    CHECK_FALSE(fleet.at("shop/a1", "a1-1").drained);
    CHECK(fleet.counts() == "1 failed, 2 not_started, 1 updated");
}

TEST_CASE(
    "who has failed and waits to go back has said so once, when what is irreversible succeeds beside it",
    "[law-1][law-9]") {
    for (const bool drains : {true, false}) {
        INFO(drains);
        Fleet fleet(beside_migration(), script("ctx:preflight() ctx:update(ctx.levels[1])"));
        fleet.at("shop/a0", "a0-1").slow[OrderKind::Command] = 60s;
        fleet.at("shop/a1", "a1-1").drains = drains;
        fleet.at("shop/a1", "a1-1").refuses[OrderKind::Restart] = {};
        drive_under_laws(fleet);
        CHECK(fleet.outcome() == "needs_person");
        CHECK(fleet.counts() == "1 failed, 2 not_started, 1 updated");
    }
}

TEST_CASE("who waited to be taken back goes on to its end when what is irreversible succeeds",
          "[law-5][law-9]") {
    // a1-1 is between two steps, or settles, while the cancel comes too late for the migration.
    for (const int done_before : {1, 2, 3, 4}) { // drain, apply, restart, probe
        INFO(done_before);
        RunInput input = beside_migration();
        Run run(input);
        std::vector<SendOrder> sent;
        std::string ended;
        const auto happens = [&](const Event& event) {
            for (const Effect& effect : run.handle(event, {})) {
                if (const SendOrder* order = std::get_if<SendOrder>(&effect)) {
                    sent.push_back(*order);
                } else if (const Ended* end = std::get_if<Ended>(&effect)) {
                    ended = end->reason;
                } else if (const SetTimer* timer = std::get_if<SetTimer>(&effect);
                           timer != nullptr && timer->why.find("must stay healthy") != std::string::npos) {
                    sent.push_back(
                        {timer->timer, {a0, base::NodeName("timer")}, OrderKind::Settle, nullptr, {}});
                }
            }
        };
        const auto answers = [&](std::string node, std::optional<OrderKind> also = std::nullopt) {
            const auto open = std::find_if(sent.begin(), sent.end(), [&](const SendOrder& order) {
                return order.target.node.str() == node &&
                       (order.kind != OrderKind::Cancel || order.kind == also);
            });
            REQUIRE(open != sent.end());
            const SendOrder order = *open;
            sent.erase(open);
            if (node == "timer") {
                happens(TimerFired{order.order});
            } else {
                happens(Reported{order.order, true, "", "", base::Object{}});
            }
        };
        happens(Started{});
        happens(ScriptCommand{1, "preflight", base::Object{}});
        for (const char* node : {"a0-1", "a0-2", "a1-1", "a1-2"}) {
            answers(node);
        }
        happens(ScriptCommand{2, "update", base::Object{{"level", 0}, {"settle", "1m"}}});
        answers("a0-1"); // drain
        answers("a0-1"); // apply: its migration runs
        for (int step = 1; step < done_before; ++step) {
            answers("a1-1");
        }
        happens(Signalled{"cancel", "ann", ""});
        answers("a1-1");
        answers("a0-1");
        for (int step = 0; ended.empty() && step < 20; ++step) {
            REQUIRE_FALSE(sent.empty());
            CHECK(sent.front().kind != OrderKind::Undo);
            answers(sent.front().target.node.str(), OrderKind::Cancel);
        }
        CHECK(ended == "cancelled by ann; there is no way back: command 'contract' of shop/a0 on a0-1 is "
                       "irreversible and has succeeded");
        for (const TargetView& target : run.targets()) {
            const std::string& node = target.target.node.str();
            CHECK(target.state ==
                  (node == "a0-1" || node == "a1-1" ? TargetState::Updated : TargetState::Cancelled));
        }
    }
}

TEST_CASE("when nobody knows whether what is irreversible has succeeded, nobody goes back",
          "[law-6][law-9]") {
    for (const bool answers : {true, false}) {
        RunInput input = with_command(fleet_input({2}), {"contract", "shop-app", true, true});
        input.migrate.emplace(a0, "contract");
        Fleet fleet(input, script("ctx:preflight() ctx:update(ctx.levels[1])"));
        if (answers) {
            fleet.at("shop/a0", "a0-1").refuses[OrderKind::Command] = {"lost"};
        } else {
            fleet.at("shop/a0", "a0-1").slow[OrderKind::Command] = 24h * 10;
        }
        std::vector<CommandRan> ran;
        fleet.watch = [&](const Event&, const std::vector<Effect>& effects) {
            for (const Effect& effect : effects) {
                if (const CommandRan* one = std::get_if<CommandRan>(&effect)) {
                    ran.push_back(*one);
                }
            }
        };
        fleet.drive();
        INFO(fleet.told());
        CHECK(fleet.outcome() == "needs_person");
        CHECK(order_of(fleet, OrderKind::Undo).empty());
        CHECK(told(fleet, "command 'contract' of shop/a0 on a0-1 is irreversible and may have succeeded"));
        REQUIRE(ran.size() == 1);
        CHECK((ran[0].once && ran[0].irreversible && !ran[0].known));
    }
}

TEST_CASE("a migration's exit code is kept") {
    RunInput input = with_command(fleet_input({2}), {"migrate", "shop-app", true});
    input.migrate.emplace(a0, "migrate");
    Run run(input);
    run.handle(Started{}, {});
    run.handle(ScriptCommand{1, "preflight", base::Object{}}, {});
    for (const std::int64_t order : {1, 2}) {
        run.handle(Reported{order, true, "", "", base::Object{}}, {});
    }
    run.handle(ScriptCommand{2, "update", base::Object{{"level", 0}}}, {});
    for (const std::int64_t order : {3, 4}) { // drain, apply
        run.handle(Reported{order, true, "", "", base::Object{}}, {});
    }
    const std::vector<Effect> effects =
        run.handle(Reported{5, true, "", "", base::Object{{"exit_code", 2}}}, {});
    const auto ran = std::find_if(effects.begin(), effects.end(), [](const Effect& effect) {
        return std::holds_alternative<CommandRan>(effect);
    });
    REQUIRE(ran != effects.end());
    CHECK(std::get<CommandRan>(*ran).exit_code == 2);
}

TEST_CASE("a migration that failed is tried again before its target is restarted, and cannot be skipped") {
    RunInput input = with_command(fleet_input({3}), {"migrate", "shop-app", true});
    input.migrate.emplace(a0, "migrate");
    const std::string ask = script("ctx:preflight() ctx:update(ctx.levels[1], { on_failure = 'ask' })");
    Fleet fleet(input, ask);
    fleet.at("shop/a0", "a0-1").refuses[OrderKind::Command] = {"failed", 2};
    fleet.signal(5min, "skip");
    fleet.signal(6min, "retry");
    fleet.signal(20min, "retry");
    fleet.drive();
    INFO(fleet.told());
    CHECK(fleet.outcome() == "succeeded");
    CHECK(fleet.counts() == "3 updated");
    CHECK(order_of(fleet, OrderKind::Command) == std::vector<std::string>{"a0-1", "a0-1", "a0-1"});
    const std::vector<OrderKind>& did = fleet.at("shop/a0", "a0-1").did;
    CHECK(std::count(did.begin(), did.end(), OrderKind::Apply) == 1);
    CHECK(std::count(did.begin(), did.end(), OrderKind::Restart) == 1);
    CHECK(told(fleet,
               "nobody of component 'shop/a0' goes on before its migration has succeeded, and it has not "
               "on shop/a0 on a0-1; try that again, roll back or cancel"));
    CHECK(told(fleet, "a person is asked"));
}

TEST_CASE(
    "a migration that failed in an outage is tried again, and what is stopped stays so until it is started") {
    RunInput input = with_command(fleet_input({2}), {"migrate", "shop-app", true});
    input.migrate.emplace(a0, "migrate");
    input.actor = "ann";
    Fleet fleet(input, script("ctx:preflight() ctx:outage('new tables') ctx:stop(ctx.levels[1])\n"
                              "ctx:update(ctx.levels[1], { on_failure = 'ask' }) ctx:start(ctx.levels[1])"));
    fleet.at("shop/a0", "a0-1").refuses[OrderKind::Command] = {"failed", 1};
    fleet.signal(1min, "approve");
    fleet.signal(30min, "retry");
    fleet.drive();
    INFO(fleet.told());
    CHECK(fleet.counts() == "2 updated");
    CHECK(order_of(fleet, OrderKind::Restart).empty());
    CHECK(order_of(fleet, OrderKind::Start).size() == 2);
    CHECK(order_of(fleet, OrderKind::Command) == std::vector<std::string>{"a0-1", "a0-1"});
}
