// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// Nodes that are away, and those that come late.
#include "tests/units/workflows/acts.hpp"

#include <memory>

using namespace tests;
using namespace std::chrono_literals;

namespace {

RunInput with_migration(std::vector<int> nodes, bool irreversible = false) {
    RunInput input = fleet_input(nodes);
    input.migrate = {{a0, "migrate"}};
    input.commands[a0] = {{"migrate", "shop-a0", true, irreversible}};
    return input;
}

} // namespace

TEST_CASE("a target that was away at preflight and has come goes the same way before the run ends") {
    Fleet fleet(fleet_input({3, 1}),
                update_all("max_unavailable = 1, soak = '1m'", "{ quorum = '50%', deadline = '5s' }"));
    fleet.away("a0-2", 0s, 2min);
    fleet.drive();
    INFO(fleet.told());
    CHECK(fleet.counts() == "4 updated");
    CHECK(fleet.outcome() == "succeeded");
}

TEST_CASE("a target that came late and fails is left out, says so, and fails nobody else") {
    const auto with = [](OrderKind step) {
        auto fleet = std::make_unique<Fleet>(
            fleet_input({3, 1}), update_all("max_unavailable = 1, soak = '1m', on_failure = 'rollback-all'",
                                            "{ quorum = '50%', deadline = '5s' }"));
        fleet->away("a0-2", 0s, 2min);
        fleet->at("shop/a0", "a0-2").refuses[step] = {};
        fleet->drive();
        return fleet;
    };
    const auto applied = with(OrderKind::Restart);
    INFO(applied->told());
    CHECK(applied->counts() == "1 failed, 3 updated");
    CHECK(applied->outcome() == "succeeded_with_left_out");
    CHECK(applied->reason("shop/a0", "a0-2") == "came late: restart: as told by the test");
    CHECK(told(*applied, "1 of 4 targets are left out, 1 of them came late"));
    CHECK(with(OrderKind::Prepare)->reason("shop/a0", "a0-2") == "came late: as told by the test");
}

TEST_CASE("a target that came late and has no room, or whose migration fails, takes nobody back") {
    const std::string preflight = "{ quorum = '50%', deadline = '5s' }";
    Fleet full(fleet_input({4}), update_all("max_failures = 1, max_unavailable = 1", preflight));
    full.away("a0-2", 0s, 10s);
    full.at("shop/a0", "a0-4").refuses[OrderKind::Probe] = {};
    full.drive();
    INFO(full.told());
    CHECK(full.counts() == "1 failed, 1 not_started, 2 updated");
    CHECK(full.outcome() == "succeeded_with_left_out");
    CHECK(full.reason("shop/a0", "a0-2") ==
          "came late: max_unavailable of component 'shop/a0' is used up by targets that failed (1 of 4)");

    RunInput input = fleet_input({3, 2});
    input.migrate = {{base::ComponentName("shop/a1"), "migrate"}};
    input.commands[base::ComponentName("shop/a1")] = {{"migrate", "shop-a1", true}};
    Fleet migrates(std::move(input), update_all("soak = '1m', max_unavailable = '100%'", preflight));
    migrates.away("a1-1", 0s, 30s);
    migrates.away("a1-2", 0s, 30s);
    migrates.at("shop/a1", "a1-1").refuses[OrderKind::Command] = {};
    migrates.drive();
    INFO(migrates.told());
    CHECK(migrates.counts() == "1 failed, 1 not_started, 3 updated");
    CHECK(migrates.outcome() == "succeeded_with_left_out");
    CHECK(migrates.reason("shop/a1", "a1-2") ==
          "came late: the migration of component 'shop/a1' did not succeed: shop/a1 on a1-1: came late: "
          "command: as told by the test");
}

TEST_CASE("who failed on the way does not come late, and is not counted a second time", "[law-4]") {
    Fleet fleet(
        fleet_input({7}),
        script("ctx:preflight() ctx:stop(ctx.levels[1], { max_unavailable = '100%', max_failures = 7 })\n"
               "ctx:update(ctx.levels[1], { max_unavailable = '25%' })\n"
               "ctx:start(ctx.levels[1], { max_unavailable = '100%', max_failures = 7 })"));
    fleet.at("shop/a0", "a0-5").refuses[OrderKind::Drain] = {"unreachable"};
    fleet.at("shop/a0", "a0-7").silent = {OrderKind::Probe};
    drive_under_laws(fleet);
    INFO(fleet.told());
    CHECK(fleet.reason("shop/a0", "a0-5") == "drain: as told by the test");
    CHECK(fleet.counts() == "1 lost, 1 unreachable, 5 updated");
    CHECK_FALSE(told(fleet, "late targets"));
}

TEST_CASE("a rollback does not wait for a node that is away, and takes it along when it comes", "[law-9]") {
    const auto rollback = [](base::Duration back) {
        auto fleet = std::make_unique<Fleet>(fleet_input({3, 3}, RunKind::Rollback), "");
        fleet->away("a1-1", 0s, back);
        fleet->at("shop/a0", "a0-1").slow[OrderKind::Apply] = 2min;
        drive_under_laws(*fleet);
        return fleet;
    };
    const auto dead = rollback(24h);
    INFO(dead->told());
    CHECK(dead->outcome() == "rollback_failed");
    CHECK(dead->counts() == "5 rolled_back, 1 unreachable");
    CHECK(when(*dead, "is draining") == 30s);
    CHECK(told(*dead, "1 of 6 targets are not back"));

    const auto restarting = rollback(10s);
    CHECK(restarting->counts() == "6 rolled_back");
    CHECK(when(*restarting, "is draining") < 15s);

    const auto late = rollback(1min);
    INFO(late->told());
    CHECK(late->outcome() == "succeeded");
    CHECK(late->counts() == "6 rolled_back");
    CHECK(told(*late, "late targets are prepared"));
}

TEST_CASE("those that come late to a rollback go back from the top, too, and one that fails is told",
          "[law-9]") {
    Fleet fleet(fleet_input({3, 3}, RunKind::Rollback), "");
    for (const char* node : {"a0-2", "a1-1", "a1-2"}) {
        fleet.away(node, 0s, 1min);
    }
    fleet.at("shop/a0", "a0-1").slow[OrderKind::Apply] = 2min;
    fleet.at("shop/a1", "a1-2").refuses[OrderKind::Prepare] = {"refused"};
    drive_under_laws(fleet);
    INFO(fleet.told());
    CHECK(fleet.counts() == "1 refused, 5 rolled_back");
    CHECK(fleet.outcome() == "rollback_failed");
    CHECK(fleet.reason("shop/a1", "a1-2") == "came late: as told by the test");
    const std::vector<std::string> applied = order_of(fleet, OrderKind::Apply);
    CHECK(std::vector(applied.end() - 2, applied.end()) == std::vector<std::string>{"a1-1", "a0-2"});
}

TEST_CASE("a rollback that takes over waits neither for a dead node nor for a step that hangs", "[law-9]") {
    Fleet fleet(fleet_input({4}), update_all("max_unavailable = '100%'"));
    fleet.away("a0-1", 4s); // dies while it applies
    fleet.at("shop/a0", "a0-1").slow[OrderKind::Apply] = 1min;
    fleet.at("shop/a0", "a0-2").slow[OrderKind::Restart] = 4min;
    fleet.at("shop/a0", "a0-3").slow[OrderKind::Drain] = 4min;
    fleet.signal(20s, "preempt");
    Laws laws(fleet, {{a0, 4}});
    fleet.drive();
    laws.at_end();
    CHECK(laws.broken == std::vector<std::string>{});
    INFO(fleet.told());
    CHECK(when(fleet, "ended cancelled") < 25s);
    CHECK(fleet.counts() == "2 cancelled, 1 lost, 1 updated");
    CHECK(fleet.reason("shop/a0", "a0-1") ==
          "apply: the node is offline, and a rollback takes over; left out of rotation");
    CHECK(order_of(fleet, OrderKind::Undo).empty()); // that is the rollback's
}

TEST_CASE("a rollback that takes over lets a migration come to its end", "[law-9]") {
    Fleet fleet(with_migration({2}), update_all("max_unavailable = '100%'"));
    fleet.at("shop/a0", "a0-1").slow[OrderKind::Command] = 2min;
    fleet.at("shop/a0", "a0-2").slow[OrderKind::Command] = 2min;
    fleet.signal(20s, "preempt");
    drive_under_laws(fleet);
    INFO(fleet.told());
    CHECK(told(fleet, "command succeeded"));
    CHECK(fleet.outcome() == "cancelled");
    CHECK(when(fleet, "ended cancelled") > 2min);
}

TEST_CASE("a step that a cancel has ended is not gone on from when there is no way back any more",
          "[law-5][law-9]") {
    RunInput input = with_migration({1}, true);
    const base::ComponentName beside("shop/b0");
    input.levels[0].push_back(beside);
    input.targets.push_back({{beside, base::NodeName("b0-1")}, base::Object{}});
    Fleet fleet(std::move(input), update_all("max_unavailable = '100%'"));
    fleet.at("shop/a0", "a0-1").slow[OrderKind::Command] = 1min;
    fleet.away("a0-1", 5s, 2min); // the cancel comes when the migration is over
    fleet.at("shop/b0", "b0-1").slow[OrderKind::Restart] = 4min;
    fleet.signal(20s, "cancel");
    drive_under_laws(fleet);
    INFO(fleet.told());
    CHECK(fleet.reason("shop/b0", "b0-1") == "restart: ended by a cancel");
    CHECK(fleet.counts() == "1 failed, 1 updated");
    CHECK(order_of(fleet, OrderKind::Undo).empty());
    CHECK_FALSE(told(fleet, "probe to shop/b0"));
}

TEST_CASE("a dead node keeps nobody else on a release that is taken back", "[law-9]") {
    const auto play = [](base::Duration back) {
        auto fleet = std::make_unique<Fleet>(fleet_input({2, 3}),
                                             update_all("max_unavailable = '100%', max_failures = 0"));
        fleet->away("a1-1", 10s, back); // dies while it applies
        fleet->at("shop/a1", "a1-1").slow[OrderKind::Apply] = 30s;
        fleet->at("shop/a1", "a1-2").slow[OrderKind::Apply] = 20s;
        fleet->at("shop/a1", "a1-2").refuses[OrderKind::Probe] = {"failed", 1};
        Laws laws(*fleet, {{a0, 2}});
        fleet->drive();
        laws.at_end();
        CHECK(laws.broken == std::vector<std::string>{});
        return fleet;
    };
    const auto dead = play(24h);
    INFO(dead->told());
    CHECK(dead->outcome() == "rollback_failed");
    CHECK(dead->counts() == "1 rollback_failed, 4 rolled_back");
    CHECK(when(*dead, "shop/a1 on a1-2 is rolled_back") < 75s);
    CHECK(when(*dead, "shop/a0 on a0-2 is rolled_back") < 80s);
    CHECK_THAT(dead->reason("shop/a1", "a1-1"),
               Catch::Matchers::StartsWith("apply: the node was offline for 30s"));

    const auto restarts = play(4min);
    INFO(restarts->told());
    CHECK(restarts->outcome() == "rolled_back");
    CHECK(restarts->counts() == "5 rolled_back");
}

TEST_CASE("who gives way on its way back waits for no dead node either", "[law-5][law-9]") {
    // Its own cancel, or its failure, came first; the rollback comes ten seconds later.
    const auto after = [](const std::string& options, const std::string& first) {
        auto fleet = std::make_unique<Fleet>(fleet_input({3, 1}), update_all(options));
        fleet->away("a0-1", 4s); // dies while it applies
        fleet->at("shop/a0", "a0-1").slow[OrderKind::Apply] = 1min;
        fleet->at("shop/a0", "a0-3").refuses[OrderKind::Probe] = {"failed", first.empty() ? 1 : 0};
        if (!first.empty()) {
            fleet->signal(10s, first);
        }
        fleet->signal(20s, "preempt");
        Laws laws(*fleet, {{a0, 3}});
        fleet->drive();
        laws.at_end();
        INFO(fleet->told());
        CHECK(laws.broken == std::vector<std::string>{});
        CHECK(when(*fleet, " ended ") < 40s);
        CHECK(fleet->reason("shop/a0", "a0-1") ==
              "apply: the node is offline, and a rollback takes over; way back: the node is offline, and a "
              "rollback takes over; left out of rotation: its node is offline");
        return fleet;
    };
    CHECK(after("max_unavailable = '100%'", "cancel")->outcome() == "rollback_failed");
    const auto failed = after("max_unavailable = '100%'", "");
    INFO(failed->told());
    CHECK(failed->outcome() == "rollback_failed");
    CHECK(failed->counts() == "1 not_started, 1 rollback_failed, 2 rolled_back");
}

TEST_CASE("a node that is only found to be away after a rollback has begun, or taken over, is not waited for",
          "[law-9]") {
    Fleet back(fleet_input({3, 3}, RunKind::Rollback), "");
    back.away("a1-1", 500ms);
    back.at("shop/a1", "a1-1").slow[OrderKind::Prepare] = 5s; // it has heard of it
    back.drive();
    INFO(back.told());
    CHECK(back.counts() == "5 rolled_back, 1 unreachable");
    CHECK(when(back, "is draining") < 1min);

    Fleet run(fleet_input({3}), update_all("max_unavailable = '100%'"));
    run.at("shop/a0", "a0-1").slow[OrderKind::Apply] = 5min;
    run.at("shop/a0", "a0-1").refuses[OrderKind::Cancel] = {"refused"};
    run.away("a0-1", 20s);
    run.signal(10s, "preempt");
    run.drive();
    INFO(run.told());
    CHECK(when(run, "ended cancelled") < 1min);
}

TEST_CASE("a migration that hangs is ended by a person, also when a rollback has let it go on", "[law-9]") {
    Fleet fleet(with_migration({2}), update_all("max_unavailable = '100%'"));
    fleet.at("shop/a0", "a0-1").slow[OrderKind::Command] = 9min;
    fleet.signal(20s, "preempt");
    fleet.signal(60s, "cancel");
    drive_under_laws(fleet);
    INFO(fleet.told());
    CHECK(when(fleet, "ended cancelled") < 2min);
    CHECK(fleet.reason("shop/a0", "a0-1") == "command: ended by a cancel");
}

TEST_CASE("who is away is out of service for the budgets of policies, until it comes", "[law-4]") {
    const auto play = [](RunKind kind, base::Duration back) {
        RunInput input = fleet_input({4}, kind);
        input.budgets = {{a0, "", Portion{false, 1}}};
        auto fleet = std::make_unique<Fleet>(std::move(input),
                                             kind == RunKind::Rollback
                                                 ? ""
                                                 : update_all("max_unavailable = '100%', on_failure = 'stop'",
                                                              "{ quorum = '50%', deadline = '5s' }"));
        fleet->away("a0-1", 0s, back);
        Laws laws(*fleet, {{a0, 1}});
        fleet->drive();
        laws.at_end();
        CHECK(laws.broken == std::vector<std::string>{});
        return fleet;
    };
    const auto dead = play(RunKind::Deploy, 24h);
    INFO(dead->told());
    CHECK(dead->counts() == "3 not_started, 1 unreachable");
    CHECK(told(*dead, "the policy's budget of component 'shop/a0' is used up by targets that are out of "
                      "service (1 of 4)"));
    CHECK(play(RunKind::Rollback, 24h)->counts() == "3 rolled_back, 1 unreachable");
}

TEST_CASE("who comes late is a budget's like any other", "[law-4]") {
    RunInput input = fleet_input({4});
    input.budgets = {{a0, "", Portion{false, 2}}};
    Fleet fleet(std::move(input),
                update_all("max_unavailable = '100%'", "{ quorum = '50%', deadline = '5s' }"));
    fleet.away("a0-1", 0s, 10s);
    drive_under_laws(fleet, 1);
    CHECK(fleet.counts() == "4 updated");
}
