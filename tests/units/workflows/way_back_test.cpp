// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// The rollback as a run of its own, and what a run that goes back says it has left.
#include "tests/units/workflows/acts.hpp"

using namespace tests;
using namespace std::chrono_literals;

TEST_CASE("a rollback starts what was left stopped, though it has its release already", "[law-9]") {
    RunInput input = fleet_input({2}, RunKind::Rollback);
    input.out = {input.targets[0].target, input.targets[1].target};
    Fleet fleet(std::move(input), "");
    for (const char* node : {"a0-1", "a0-2"}) {
        fleet.at("shop/a0", node).changed = false;
        fleet.at("shop/a0", node).down = fleet.at("shop/a0", node).drained = true;
    }
    drive_under_laws(fleet);
    INFO(fleet.told());
    CHECK(fleet.counts() == "2 rolled_back");
    CHECK_FALSE(fleet.at("shop/a0", "a0-1").down);
    CHECK(order_of(fleet, OrderKind::Apply).empty());
}

TEST_CASE("a rollback asks nobody for producers that have still to go back", "[law-9]") {
    RunInput input = fleet_input({1, 1}, RunKind::Rollback);
    input.targets[1].document.object()->set("availability", base::Array{base::Object{{"service", "http"}}});
    Fleet fleet(std::move(input), "");
    fleet.drive();
    for (const SendOrder& order : fleet.sent) {
        if (order.kind == OrderKind::Probe) {
            CHECK(order.body == base::Value(base::Object{{"availability", base::Array{}}}));
        }
    }
    CHECK(order_of(fleet, OrderKind::Probe).size() == 4);
}

TEST_CASE("a run says whether it has left anything on nodes, whatever their words", "[law-9]") {
    const auto mixed = [](Fleet& fleet) {
        bool found = false;
        fleet.watch = [&](const Event&, const std::vector<Effect>& effects) {
            for (const Effect& effect : effects) {
                if (const auto* ended = std::get_if<Ended>(&effect)) {
                    found = ended->mixed;
                }
            }
        };
        fleet.drive();
        return found;
    };
    Fleet back(fleet_input({1}), update_all("on_failure = 'rollback-all'"));
    back.at("shop/a0", "a0-1").refuses[OrderKind::Probe] = {"failed", 1};
    CHECK_FALSE(mixed(back));
    CHECK(back.counts() == "1 rolled_back");

    Fleet given_way(fleet_input({1}), update_all(""));
    given_way.at("shop/a0", "a0-1").slow[OrderKind::Restart] = 4min;
    given_way.signal(20s, "preempt");
    CHECK(mixed(given_way));
    CHECK(given_way.counts() == "1 cancelled");

    Fleet refused(fleet_input({1}), update_all(""));
    refused.at("shop/a0", "a0-1").refuses[OrderKind::Prepare] = {"refused"};
    CHECK_FALSE(mixed(refused));
}

TEST_CASE("who was stopped by an outage that is cancelled, and serves again, is not told to be left out",
          "[law-5]") {
    RunInput input = fleet_input({2});
    input.migrate = {{a0, "migrate"}};
    input.commands[a0] = {{"migrate", "shop-a0", true}};
    Fleet fleet(std::move(input),
                script("ctx:preflight() ctx:stop(ctx.levels[1], { max_unavailable = '100%' })\n"
                       "ctx:update(ctx.levels[1], { max_unavailable = '100%' })"));
    fleet.at("shop/a0", "a0-1").slow[OrderKind::Command] = 9min;
    fleet.signal(30s, "cancel");
    drive_under_laws(fleet);
    INFO(fleet.told());
    CHECK(fleet.counts() == "2 rolled_back");
    CHECK(fleet.reason("shop/a0", "a0-1") == "command: ended by a cancel");
}
