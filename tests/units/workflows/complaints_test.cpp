// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// What went wrong in other rollout systems, by the reference of the complaint, and that it does not here.
#include "tests/catch.hpp"
#include "tests/fakes/fleet.hpp"

#include <algorithm>

using namespace tests;
using namespace workflows::engine;
using namespace std::chrono_literals;

namespace {

std::size_t sent(const Fleet& fleet, OrderKind kind) {
    return static_cast<std::size_t>(std::count_if(
        fleet.sent.begin(), fleet.sent.end(), [&](const SendOrder& order) { return order.kind == kind; }));
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

TEST_CASE("[octopus-1452] [octopus-2882] a target that failed within the budget is put back into rotation") {
    Fleet fleet(fleet_input({2}), update_all("max_failures = 1, max_unavailable = 2"));
    fleet.at("shop/a0", "a0-1").refuses[OrderKind::Apply] = {};
    fleet.drive();
    CHECK(fleet.state("shop/a0", "a0-1") == TargetState::Failed);
    CHECK_FALSE(fleet.at("shop/a0", "a0-1").drained);
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
    std::vector<std::string> undone;
    for (const SendOrder& order : fleet.sent) {
        if (order.kind == OrderKind::Undo) {
            undone.push_back(order.target.node.str());
        }
    }
    CHECK(undone == std::vector<std::string>{"a0-3", "a0-1", "a0-2"});
}

TEST_CASE("[argo-cd-3461] [argo-rollouts-2088] tiers go back together, in the reverse of their order") {
    Fleet fleet(fleet_input({1, 1, 1}), update_all(""));
    fleet.at("shop/a2", "a2-1").refuses[OrderKind::Probe] = {"failed", 1};
    fleet.drive();
    std::vector<std::string> undone;
    for (const SendOrder& order : fleet.sent) {
        if (order.kind == OrderKind::Undo) {
            undone.push_back(order.target.node.str());
        }
    }
    CHECK(undone == std::vector<std::string>{"a2-1", "a1-1", "a0-1"});
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
