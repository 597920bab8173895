// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// A batch that is held out of service until all of it are well.
#include "tests/units/workflows/acts.hpp"
#include "workflows/simulator/scenario.hpp"

using namespace tests;
using namespace workflows::engine;
using namespace std::chrono_literals;

namespace {

const std::string held = "hold = true, max_unavailable = '50%', ramp = { '50%', '100%' }, ";

/// The first half of these is in the first batch.
Fleet fleet_of(int nodes, const std::string& options = "") {
    return Fleet(fleet_input({nodes}), update_all(held + options));
}

} // namespace

TEST_CASE("a batch that is held serves again as a whole, when the slowest of it is well and has settled") {
    Fleet fleet = fleet_of(6, "settle = '20s', ");
    fleet.at("shop/a0", "a0-2").slow[OrderKind::Restart] = 4min;
    drive_under_laws(fleet);
    CHECK(fleet.outcome() == "succeeded");
    CHECK(fleet.counts() == "6 updated");
    CHECK(order_of(fleet, OrderKind::Undrain) ==
          std::vector<std::string>{"a0-1", "a0-2", "a0-3", "a0-4", "a0-5", "a0-6"});
    CHECK(when(fleet, "undrain to shop/a0 on a0-1") > 4min + 20s);
    CHECK(when(fleet, "undrain to shop/a0 on a0-1") == when(fleet, "undrain to shop/a0 on a0-3"));
    CHECK(when(fleet, "drain to shop/a0 on a0-4") > when(fleet, "undrain to shop/a0 on a0-3"));
}

TEST_CASE("what has nothing to drain is held, too: it counts as well only with the others") {
    Fleet fleet = fleet_of(4);
    fleet.at("shop/a0", "a0-1").drains = false;
    fleet.at("shop/a0", "a0-2").slow[OrderKind::Apply] = 1min;
    drive_under_laws(fleet);
    CHECK(fleet.outcome() == "succeeded");
    CHECK(when(fleet, "shop/a0 on a0-1 is soaking") > 1min);
}

TEST_CASE("when one of a held batch fails and the run goes back, nobody of it has served the new release",
          "[law-5]") {
    Fleet fleet = fleet_of(6);
    fleet.at("shop/a0", "a0-3").refuses[OrderKind::Probe] = {"failed", 1, "not well"};
    fleet.at("shop/a0", "a0-3").slow[OrderKind::Apply] = 1min;
    drive_under_laws(fleet);
    CHECK(fleet.outcome() == "rolled_back");
    CHECK(fleet.counts() == "3 not_started, 3 rolled_back");
    CHECK(when(fleet, "undrain to") > when(fleet, "undo to"));
}

TEST_CASE("however a run ends, what it held is back in service", "[law-5]") {
    const auto ends = [](const std::string& options, const std::string& verb, const std::string& counts) {
        INFO(options << verb);
        Fleet fleet = fleet_of(6, options);
        fleet.at("shop/a0", "a0-3").slow[OrderKind::Apply] = 1min;
        if (verb.empty()) {
            fleet.at("shop/a0", "a0-3").refuses[OrderKind::Probe] = {"failed", 1, "not well"};
        } else {
            fleet.signal(30s, verb);
        }
        drive_under_laws(fleet);
        CHECK(fleet.counts() == counts);
    };
    ends("on_failure = 'stop', ", "", "1 failed, 3 not_started, 2 updated");
    ends("on_failure = 'rollback-batch', ", "", "3 not_started, 3 rolled_back");
    ends("max_failures = 1, max_unavailable = '100%', ", "", "1 failed, 5 updated");
    ends("", "cancel", "3 cancelled, 3 rolled_back");
    ends("", "preempt", "6 cancelled");
}

TEST_CASE("a half does not take over while the run is paused", "[law-2]") {
    Fleet fleet = fleet_of(4);
    fleet.at("shop/a0", "a0-2").slow[OrderKind::Apply] = 1min;
    fleet.signal(30s, "pause");
    fleet.signal(10min, "resume");
    drive_under_laws(fleet);
    CHECK(fleet.outcome() == "succeeded");
    CHECK(when(fleet, "undrain to shop/a0 on a0-1") == 10min);
}

TEST_CASE("what failed in a held batch is tried again while the others wait for it") {
    Fleet fleet = fleet_of(4, "on_failure = 'ask', max_unavailable = '100%', ");
    fleet.at("shop/a0", "a0-2").refuses[OrderKind::Apply] = {"failed", 1, "not yet"};
    fleet.person("retry");
    drive_under_laws(fleet);
    CHECK(fleet.outcome() == "succeeded");
    CHECK(fleet.counts() == "4 updated");
    CHECK(when(fleet, "undrain to shop/a0 on a0-1") > 10min);
}

TEST_CASE("a batch that a policy does not let be held is given up, not waited for", "[law-10]") {
    RunInput input = fleet_input({6});
    input.budgets.push_back({base::ComponentName("shop/a0"), "", Portion{false, 2}});
    Fleet fleet(input, update_all(held));
    drive_under_laws(fleet);
    CHECK(fleet.outcome() == "rolled_back");
    CHECK(
        fleet.told().find("the policy's budget of component 'shop/a0' is used up by targets that are out of "
                          "service (2 of 6") != std::string::npos);
}

TEST_CASE("a batch that cannot be held is refused at its line, and nobody is touched") {
    Fleet fleet(fleet_input({11}), update_all("hold = true, max_unavailable = '50%', ramp = { 6, '100%' }"));
    drive_under_laws(fleet);
    CHECK(fleet.outcome() == "refused");
    CHECK(order_of(fleet, OrderKind::Drain).empty());
    CHECK(fleet.told().find("ctx:update: 6 targets of component 'shop/a0' would be held out of service "
                            "together, but max_unavailable allows only 5 (50% of 11 is 5.5, rounded down to "
                            "5); raise it, or give a ramp") != std::string::npos);
    Fleet sliding(fleet_input({4}), update_all("hold = true, window = 'sliding'"));
    drive_under_laws(sliding);
    CHECK(sliding.told().find("'hold' keeps a batch together, and a sliding window has no batches; write "
                              "window = 'barrier'") != std::string::npos);
}

TEST_CASE("who comes late is not held: there is nobody to wait for") {
    Fleet fleet(fleet_input({5}), update_all(held, "{ quorum = 4, deadline = '10s' }"));
    fleet.away("a0-5", 0s, 12s);
    drive_under_laws(fleet);
    CHECK(fleet.outcome() == "succeeded");
    CHECK(fleet.counts() == "5 updated");
}

TEST_CASE("kill -9 at every journal write while a batch is held ends like the undisturbed run", "[law-7]") {
    using namespace workflows::simulator;
    const std::string source = update_all(held + "settle = '20s', ");
    Scenario scenario{fleet_input({4, 2}), source, Faults{}, 7, {}, {}, {}, std::nullopt};
    scenario.fail.push_back({{5}, OrderKind::Probe, 1});
    CHECK(play(scenario).outcome == "rolled_back");
    kill_at_every_event(scenario);
}
