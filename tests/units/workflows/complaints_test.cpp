// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// What went wrong in other rollout systems, by the reference of the complaint, and that it does not here.
#include "tests/units/workflows/acts.hpp"

#include <algorithm>

using namespace tests;
using namespace workflows::engine;
using namespace std::chrono_literals;

namespace {

std::size_t sent(const Fleet& fleet, OrderKind kind) {
    return static_cast<std::size_t>(std::count_if(
        fleet.sent.begin(), fleet.sent.end(), [&](const SendOrder& order) { return order.kind == kind; }));
}

std::size_t times_told(const Fleet& fleet, const std::string& what) {
    const std::string told = fleet.told();
    std::size_t times = 0;
    for (std::size_t at = told.find(what); at != std::string::npos; at = told.find(what, at + 1)) {
        ++times;
    }
    return times;
}

base::Duration lasted(const Fleet& fleet) {
    return fleet.now() - fleet.start();
}

} // namespace

TEST_CASE("[salt-66249] [salt-34161] a batch does not hang on a node that is offline or slow") {
    Fleet fleet(fleet_input({3}), update_all("max_failures = 2, max_unavailable = 3"));
    fleet.away("a0-1", 3s);
    fleet.at("shop/a0", "a0-2").slow[OrderKind::Restart] = 24h;
    fleet.drive();
    INFO(fleet.told());
    CHECK(fleet.run().ended());
    CHECK(fleet.counts() == "2 lost, 1 updated");
}

TEST_CASE("[salt-31739] [salt-33979] no node is missing from the result: 125 of 347 that are away are 125 "
          "unreachable") {
    Fleet fleet(fleet_input({347}), update_all("max_unavailable = 50", "{ quorum = 222 }"));
    for (int node = 1; node <= 125; ++node) {
        fleet.away("a0-" + std::to_string(node), 0s);
    }
    fleet.drive();
    CHECK(fleet.run().targets().size() == 347);
    CHECK(fleet.counts() == "125 unreachable, 222 updated");
    CHECK(fleet.outcome() == "succeeded_with_left_out");
    CHECK(exit_code(*fleet.run().outcome()) == 11);
}

TEST_CASE(
    "[salt-58788] a node that goes away in the middle of a run is in its result, whatever it was doing") {
    Fleet fleet(fleet_input({6}), update_all("max_failures = 6, max_unavailable = 6", "{ quorum = 4 }"));
    fleet.away("a0-1", 1s);        // before it has prepared
    fleet.away("a0-2", 3s);        // while it works
    fleet.away("a0-3", 4s, 20min); // and it comes back
    for (int second = 0; second < 600; second += 40) {
        fleet.away("a0-4", std::chrono::seconds(second), std::chrono::seconds(second + 30)); // comes and goes
    }
    fleet.drive();
    INFO(fleet.told());
    REQUIRE(fleet.run().ended());
    CHECK(fleet.run().targets().size() == 6);
    for (const TargetView& target : fleet.run().targets()) {
        CHECK(is_terminal_word(target.state));
        CHECK((target.state == TargetState::Updated || !target.reason.empty()));
    }
}

TEST_CASE("[salt-54521] [salt-24996] [octopus-7078] [nomad-3638] stop on failure stops the fleet") {
    Fleet fleet(fleet_input({100}),
                update_all("ramp = { '10%', '100%' }, max_unavailable = 5, on_failure = 'stop'"));
    fleet.at("shop/a0", "a0-1").refuses[OrderKind::Restart] = {};
    fleet.drive();
    CHECK(fleet.outcome() == "stopped");
    // Five were let in before the first could fail; nobody after it.
    CHECK(sent(fleet, OrderKind::Apply) == 5);
    CHECK(fleet.counts() == "1 failed, 95 not_started, 4 updated");
}

TEST_CASE("[ansible-76915] [ansible-82267] a batch that fails as a whole ends the run only when the budget "
          "says so") {
    Fleet within(fleet_input({4}), update_all("ramp = { 1, '100%' }, max_failures = 1, max_unavailable = 2"));
    within.at("shop/a0", "a0-1").refuses[OrderKind::Restart] = {};
    within.drive();
    CHECK(within.outcome() == "succeeded_with_left_out");
    CHECK(within.counts() == "1 failed, 3 updated");

    Fleet beyond(fleet_input({4}), update_all("ramp = { 2, '100%' }, max_failures = 1, max_unavailable = 4"));
    beyond.at("shop/a0", "a0-1").refuses[OrderKind::Restart] = {};
    beyond.at("shop/a0", "a0-2").refuses[OrderKind::Restart] = {};
    beyond.drive();
    CHECK(beyond.outcome() == "rolled_back");
    CHECK(beyond.counts() == "2 not_started, 2 rolled_back");
}

TEST_CASE("[ansible-16241] [ansible-25317] the budget is not off by one: as many may fail as it says") {
    for (int failing = 0; failing <= 3; ++failing) {
        Fleet fleet(fleet_input({6}),
                    update_all("max_failures = 2, max_unavailable = 6, on_failure = 'stop'"));
        for (int node = 1; node <= failing; ++node) {
            fleet.at("shop/a0", "a0-" + std::to_string(node)).refuses[OrderKind::Restart] = {};
        }
        fleet.drive();
        CHECK(fleet.outcome() == (failing == 0   ? "succeeded"
                                  : failing <= 2 ? "succeeded_with_left_out"
                                                 : "stopped"));
    }
}

TEST_CASE(
    "[ansible-5073] [ansible-21965] a batch of one that fails does not end a run whose budget allows it") {
    Fleet one(fleet_input({3}), update_all("ramp = { 1, 2, 3 }, max_failures = 1, max_unavailable = 3"));
    one.at("shop/a0", "a0-1").refuses[OrderKind::Restart] = {};
    one.drive();
    CHECK(one.counts() == "1 failed, 2 updated");

    Fleet all(fleet_input({3}), update_all("ramp = { 1, 2, 3 }, max_failures = '100%', max_unavailable = 3"));
    for (const char* node : {"a0-1", "a0-2", "a0-3"}) {
        all.at("shop/a0", node).refuses[OrderKind::Restart] = {};
    }
    all.drive();
    CHECK(order_of(all, OrderKind::Apply) == std::vector<std::string>{"a0-1", "a0-2", "a0-3"});
    CHECK(all.counts() == "3 failed");
}

TEST_CASE("[ansible-6781] [ansible-32255] a share of a batch that may fail is a share of that batch") {
    const auto with_failing = [](const std::vector<std::string>& nodes) {
        auto fleet = std::make_unique<Fleet>(fleet_input({8}),
                                             update_all("ramp = { 4, 8 }, max_failures = { batch = '50%' }, "
                                                        "max_unavailable = 8, on_failure = 'stop'"));
        for (const std::string& node : nodes) {
            fleet->at("shop/a0", node).refuses[OrderKind::Restart] = {};
        }
        fleet->drive();
        return fleet;
    };
    CHECK(with_failing({"a0-1"})->counts() == "1 failed, 7 updated");
    CHECK(with_failing({"a0-1", "a0-2", "a0-5", "a0-6"})->counts() == "4 failed, 4 updated");
    const auto beyond = with_failing({"a0-1", "a0-2", "a0-3"});
    CHECK(beyond->counts() == "3 failed, 4 not_started, 1 updated");
    CHECK(times_told(*beyond, "3 of 4 failed in this batch, 2 may") > 0);
}

TEST_CASE("[octopus-1452] [octopus-2882] a target that failed within the budget is put back into rotation") {
    Fleet fleet(fleet_input({2}), update_all("max_failures = 1, max_unavailable = 2"));
    fleet.at("shop/a0", "a0-1").refuses[OrderKind::Apply] = {};
    fleet.drive();
    CHECK(fleet.state("shop/a0", "a0-1") == TargetState::Failed);
    CHECK_FALSE(fleet.at("shop/a0", "a0-1").drained);
}

TEST_CASE("[octopus-6576] what a person says about one target is not said about the next one") {
    Fleet fleet(fleet_input({5}),
                update_all("ramp = { 1, 2, 3, 4, 5 }, max_unavailable = 5, on_failure = 'ask'"));
    fleet.at("shop/a0", "a0-1").refuses[OrderKind::Restart] = {};
    fleet.at("shop/a0", "a0-3").refuses[OrderKind::Restart] = {};
    fleet.person("skip");
    fleet.drive();
    INFO(fleet.told());
    CHECK(times_told(fleet, "a person is asked") == 2);
    CHECK(fleet.counts() == "2 skipped, 3 updated");
    CHECK_FALSE(fleet.at("shop/a0", "a0-1").drained);
    CHECK_FALSE(fleet.at("shop/a0", "a0-3").drained);
}

TEST_CASE("[octopus-2882] [octopus-2885] [nomad-12940] no number of tries turns a failure into a pass, or a "
          "target into a lost cause") {
    Fleet fleet(fleet_input({2}), update_all("max_unavailable = 2, on_failure = 'ask'"));
    fleet.at("shop/a0", "a0-1").refuses[OrderKind::Restart] = {"failed", 25};
    fleet.person("retry");
    fleet.drive();
    INFO(fleet.told());
    CHECK(times_told(fleet, "a person is asked") == 25);
    CHECK(fleet.counts() == "2 updated");
    CHECK(fleet.outcome() == "succeeded");
}

TEST_CASE("[nomad-11267] a deadline is kept, however long the answer takes") {
    Fleet fleet(fleet_input({1}), update_all("deadlines = { apply = '10m' }, on_failure = 'stop'"));
    fleet.at("shop/a0", "a0-1").slow[OrderKind::Apply] = 24h * 7;
    fleet.drive();
    CHECK(fleet.now() - base::from_rfc3339("2026-11-20T12:00:00.000Z") < 12min);
    CHECK(fleet.state("shop/a0", "a0-1") == TargetState::Lost);
}

TEST_CASE("[nomad-10882] the way back has no canary and no soak") {
    Fleet fleet(fleet_input({5, 1}),
                update_all("ramp = { 1, '20%', '100%' }, soak = '1h', max_unavailable = 5"));
    fleet.at("shop/a1", "a1-1").refuses[OrderKind::Restart] = {};
    base::Time failed{};
    fleet.watch = [&](const Event&, const std::vector<Effect>& effects) {
        for (const Effect& effect : effects) {
            const Note* note = std::get_if<Note>(&effect);
            failed = note != nullptr && note->message == "stop condition" ? fleet.now() : failed;
        }
    };
    fleet.drive();
    CHECK(fleet.outcome() == "rolled_back");
    CHECK(fleet.now() - failed < 15s);
}

TEST_CASE("[nomad-3836] the way back mends what is broken before it touches what still works") {
    Fleet fleet(fleet_input({3}), update_all("max_unavailable = 1"));
    fleet.at("shop/a0", "a0-3").refuses[OrderKind::Restart] = {};
    fleet.drive();
    CHECK(order_of(fleet, OrderKind::Undo) == std::vector<std::string>{"a0-3", "a0-1", "a0-2"});
}

TEST_CASE("[argo-cd-3461] [argo-rollouts-2088] tiers go back together, in the reverse of their order") {
    Fleet fleet(fleet_input({1, 1, 1}), update_all(""));
    fleet.at("shop/a2", "a2-1").refuses[OrderKind::Probe] = {"failed", 1};
    fleet.drive();
    CHECK(order_of(fleet, OrderKind::Undo) == std::vector<std::string>{"a2-1", "a1-1", "a0-1"});
    CHECK(fleet.counts() == "3 rolled_back");
}

TEST_CASE("[codedeploy-health] a run with failed targets is not called a success, and 95 % of 10 is not all "
          "at once") {
    Fleet fleet(fleet_input({10}), update_all("max_failures = 9, max_unavailable = '5%'"));
    for (int node = 1; node <= 9; ++node) {
        fleet.at("shop/a0", "a0-" + std::to_string(node)).refuses[OrderKind::Drain] = {};
    }
    fleet.drive();
    CHECK(fleet.outcome() == "succeeded_with_left_out");
    CHECK(fleet.counts() == "9 failed, 1 updated");
    CHECK(sent(fleet, OrderKind::Apply) == 1);
}

TEST_CASE("[kubernetes-rollback-paused] a paused run can be taken over by a rollback") {
    Fleet fleet(fleet_input({3}), update_all("max_unavailable = 1"));
    fleet.signal(3s, "pause");
    fleet.signal(5min, "preempt");
    fleet.drive();
    CHECK(fleet.outcome() == "cancelled");
    CHECK(fleet.counts() == "2 cancelled, 1 updated");
}

TEST_CASE(
    "[argo-rollouts-451] [argo-rollouts-2737] several components go back in one rollback, consumers before "
    "what they consume") {
    RunInput input = fleet_input({1, 2, 1}, RunKind::Rollback);
    input.levels = {{base::ComponentName("shop/a0")},
                    {base::ComponentName("shop/a1"), base::ComponentName("shop/a2")}};
    Fleet fleet(input, "");
    fleet.at("shop/a1", "a1-1").slow[OrderKind::Restart] = 2min;
    fleet.drive();
    INFO(fleet.told());
    CHECK(fleet.outcome() == "succeeded");
    CHECK(fleet.counts() == "4 rolled_back");
    // Nothing of the level below begins before both components above it are back.
    CHECK(order_of(fleet, OrderKind::Drain).back() == "a0-1");
    const auto first_below = std::find_if(fleet.sent.begin(), fleet.sent.end(), [](const SendOrder& order) {
        return order.kind == OrderKind::Drain && order.target.node.str() == "a0-1";
    });
    CHECK(std::count_if(fleet.sent.begin(), first_below,
                        [](const SendOrder& order) { return order.kind == OrderKind::Undrain; }) == 3);
}

TEST_CASE(
    "[octopus-3358] a machine that has drifted or is quarantined does not hold up the others, and is named") {
    Fleet fleet(fleet_input({4}), update_all("max_failures = 1, max_unavailable = 4", "{ quorum = '75%' }"));
    fleet.at("shop/a0", "a0-2").refuses[OrderKind::Prepare] = {"quarantined"};
    fleet.at("shop/a0", "a0-3").refuses[OrderKind::Apply] = {
        "refused"}; // somebody's hand, since it was prepared
    fleet.drive();
    INFO(fleet.told());
    CHECK(fleet.counts() == "1 quarantined, 1 refused, 2 updated");
    CHECK(fleet.outcome() == "succeeded_with_left_out");
    CHECK_FALSE(fleet.reason("shop/a0", "a0-2").empty());
    CHECK_FALSE(fleet.reason("shop/a0", "a0-3").empty());
}

TEST_CASE(
    "[codedeploy-health] a run that updated nobody is no success, whatever the budget, and one of nine is "
    "told as one of nine") {
    const auto with_failing = [](int failing) {
        auto fleet = std::make_unique<Fleet>(fleet_input({9}),
                                             update_all("max_failures = '100%', max_unavailable = '100%'"));
        for (int node = 1; node <= failing; ++node) {
            fleet->at("shop/a0", "a0-" + std::to_string(node)).refuses[OrderKind::Restart] = {};
        }
        fleet->drive();
        return fleet;
    };
    const auto one = with_failing(8);
    CHECK(one->counts() == "8 failed, 1 updated");
    CHECK(one->outcome() == "succeeded_with_left_out");
    CHECK(times_told(*one, "8 of 9 targets are left out") > 0);
    const auto none = with_failing(9);
    INFO(none->told());
    CHECK(none->outcome() == "stopped");
    CHECK(exit_code(*none->run().outcome()) == 3);
    CHECK(times_told(*none, "none of 9 targets is where it should be") > 0);
}

TEST_CASE("[codedeploy-limits] a step may take as long as the workflow says, and a run has no limit") {
    RunInput input = fleet_input({1});
    input.commands[base::ComponentName("shop/a0")] = {{"load", "shop-app"}};
    Fleet fleet(input,
                "return workflow { run = function(ctx)\n ctx:preflight { deadline = '3d' }\n"
                "ctx:command('load', 'shop/a0', { deadline = '10d' }) ctx:wait('10d')\n"
                "ctx:update(ctx.levels[1], { deadlines = { apply = '10d', restart = '10d' } })\nend }");
    fleet.at("shop/a0", "a0-1").slow = {{OrderKind::Prepare, 2 * 24h},
                                        {OrderKind::Command, 9 * 24h},
                                        {OrderKind::Apply, 9 * 24h},
                                        {OrderKind::Restart, 9 * 24h}};
    fleet.drive();
    INFO(fleet.told());
    CHECK(fleet.outcome() == "succeeded");
    CHECK(lasted(fleet) > 39 * 24h);
}
