// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// Blue and green: a batch takes over as a whole, and others stand by until they are updated or serve again.
#include "tests/units/workflows/acts.hpp"
#include "workflows/simulator/scenario.hpp"

using namespace tests;
using namespace workflows::engine;
using namespace std::chrono_literals;

namespace {

/// Odd nodes are green, even ones blue.
Fleet halves(int nodes, const std::string& options, const std::string& then = "",
             RunInput (*with)(RunInput) = nullptr) {
    RunInput input =
        with_command(labelled({nodes}, "color", {"green", "blue"}), {.name = "rate", .package = "a0"});
    return Fleet(
        with == nullptr ? input : with(std::move(input)),
        script("ctx:preflight()\n"
               "ctx:update(ctx.levels[1], { where = 'color=green', standby = 'color=blue', hold = true, "
               "max_unavailable = '50%', " +
               options + " })\n" + then));
}

const std::string second_half =
    "ctx:update(ctx.levels[1], { where = 'color=blue', hold = true, max_unavailable = '50%' })";

} // namespace

TEST_CASE("who stands by leaves service when all of the batch serve, and is updated without another drain",
          "[law-4]") {
    Fleet fleet = halves(4, "soak = '5m'", second_half);
    fleet.at("shop/a0", "a0-3").slow[OrderKind::Apply] = 2min;
    drive_under_laws(fleet, 2);
    CHECK(fleet.counts() == "4 updated");
    CHECK(order_of(fleet, OrderKind::Drain) == std::vector<std::string>{"a0-1", "a0-3", "a0-2", "a0-4"});
    CHECK(when(fleet, "drain to shop/a0 on a0-2") >= when(fleet, "shop/a0 on a0-3 is soaking"));
    CHECK(when(fleet, "apply to shop/a0 on a0-2") >= when(fleet, "drain to shop/a0 on a0-2") + 5min);
}

TEST_CASE("however a run ends, who stands by serves again with what it held", "[law-5]") {
    const auto ends = [](const std::string& verb, const std::string& then, const std::string& outcome,
                         const std::string& counts) {
        INFO(verb << " " << then);
        Fleet fleet = halves(4, "soak = '5m'", then);
        if (!verb.empty()) {
            fleet.signal(2min, verb);
        }
        drive_under_laws(fleet, 2);
        CHECK(fleet.outcome() == outcome);
        CHECK(fleet.counts() == counts);
        CHECK(told(fleet, "shop/a0 on a0-2 is not_started serves again with what it held"));
    };
    ends("", "", "succeeded_with_left_out", "2 not_started, 2 updated");
    ends("", "error('no')", "needs_person", "2 not_started, 2 updated");
    ends("preempt", second_half, "cancelled", "2 cancelled, 2 updated");
}

TEST_CASE("when the batch does not bear the traffic, who stood by serves before anybody of it is touched",
          "[law-9]") {
    const std::string judged =
        "soak = '5m', analysis = { { name = 'rate', command = 'rate', pass = '<= 2' } }";
    // Also where more might be out of service at once.
    for (const std::string most : {"", ", max_unavailable = '100%'"}) {
        INFO(most);
        Fleet fleet = halves(4, judged + most, second_half);
        fleet.at("shop/a0", "a0-4").slow[OrderKind::Undrain] = 20s;
        for (const char* node : {"a0-1", "a0-3"}) {
            fleet.at("shop/a0", node).measures_new = 3;
        }
        drive_under_laws(fleet, 2);
        CHECK(fleet.outcome() == "rolled_back");
        CHECK(fleet.counts() == "2 not_started, 2 rolled_back");
        CHECK(order_of(fleet, OrderKind::Apply) == std::vector<std::string>{"a0-1", "a0-3"});
        CHECK(when(fleet, "undo_draining") >= when(fleet, "shop/a0 on a0-4 is not_started"));
        CHECK(when(fleet, "shop/a0 on a0-4 is not_started") > 0s);
    }
}

TEST_CASE("who cancels while the batch serves alone keeps it, and the others serve again", "[law-5]") {
    Fleet fleet = halves(4, "soak = '5m'", second_half);
    fleet.signal(2min, "cancel");
    drive_under_laws(fleet, 2);
    CHECK(fleet.outcome() == "cancelled");
    CHECK(fleet.counts() == "2 cancelled, 2 updated");
    CHECK(order_of(fleet, OrderKind::Undrain).size() == 4);
}

TEST_CASE("a run ends while somebody makes way who has nothing to drain: it serves as before",
          "[law-1][law-5]") {
    for (const char* verb : {"cancel", "preempt"}) {
        INFO(verb);
        Fleet fleet = halves(4, "soak = '5m'", second_half);
        Behaviour& leaving = fleet.at("shop/a0", "a0-2");
        leaving.drains = false;
        leaving.slow[OrderKind::Drain] = 30s;
        fleet.signal(20s, verb);
        drive_under_laws(fleet, 2);
        CHECK(told(fleet, "shop/a0 on a0-2 is not_started serves again with what it held"));
        CHECK(order_of(fleet, OrderKind::Drain) == std::vector<std::string>{"a0-1", "a0-3", "a0-2", "a0-4"});
    }
}

TEST_CASE("nobody makes way in a pause", "[law-2]") {
    Fleet fleet = halves(4, "", second_half);
    fleet.at("shop/a0", "a0-3").slow[OrderKind::Undrain] = 15s;
    fleet.signal(10s, "pause");
    fleet.signal(10min, "resume");
    drive_under_laws(fleet, 2);
    CHECK(fleet.counts() == "4 updated");
    CHECK(when(fleet, "drain to shop/a0 on a0-2") == 10min);
}

TEST_CASE("who cannot leave service has failed; tried again it only leaves, and is updated in its turn") {
    Fleet fleet = halves(4, "on_failure = 'ask'", second_half);
    fleet.at("shop/a0", "a0-2").refuses[OrderKind::Drain] = {"failed", 1, "connections stay"};
    fleet.person("retry");
    drive_under_laws(fleet, 2);
    CHECK(fleet.counts() == "4 updated");
    CHECK(order_of(fleet, OrderKind::Drain) ==
          std::vector<std::string>{"a0-1", "a0-3", "a0-2", "a0-4", "a0-2"});
    CHECK(order_of(fleet, OrderKind::Apply) == std::vector<std::string>{"a0-1", "a0-3", "a0-2", "a0-4"});

    Fleet back = halves(4, "", second_half);
    back.at("shop/a0", "a0-2").refuses[OrderKind::Drain] = {"failed", 1, "connections stay"};
    drive_under_laws(back, 2);
    CHECK(back.outcome() == "rolled_back");
    CHECK(back.counts() == "1 failed, 1 not_started, 2 rolled_back");
}

TEST_CASE("who could not leave service, and is tried again, leaves when it may", "[law-2][law-4]") {
    SECTION("not in a pause") {
        Fleet fleet = halves(4, "on_failure = 'ask'", second_half);
        fleet.at("shop/a0", "a0-2").refuses[OrderKind::Drain] = {"failed", 1, "connections stay"};
        fleet.signal(1min, "pause");
        fleet.signal(2min, "retry");
        fleet.signal(10min, "resume");
        drive_under_laws(fleet, 2);
        CHECK(fleet.counts() == "4 updated");
        CHECK(order_of(fleet, OrderKind::Drain) ==
              std::vector<std::string>{"a0-1", "a0-3", "a0-2", "a0-4", "a0-2"});
        CHECK(when(fleet, "tried again") == 2min);
        CHECK(when(fleet, "shop/a0 on a0-2 is standby") > 10min);
    }
    SECTION("not when another one has taken its room: a person is asked again") {
        Fleet fleet = halves(4, "on_failure = 'ask', soak = '5m', max_failures = 1", second_half);
        fleet.at("shop/a0", "a0-2").refuses[OrderKind::Drain] = {"failed", 1, "connections stay"};
        fleet.away("a0-1", 2min, 15min); // when the batch is to pass its gate
        fleet.Simulation::person = [asked = 0](const std::vector<Waiting>&) mutable {
            const Target second(a0, base::NodeName("a0-2"));
            return std::optional(
                Signalled{"retry", "ann", "", asked++ == 0 ? std::optional(second) : std::nullopt, nullptr});
        };
        drive_under_laws(fleet, 2);
        CHECK(fleet.counts() == "4 updated");
        CHECK(told(fleet, "serves beside the batch {\"reason\":\"max_unavailable of component 'shop/a0'"));
        CHECK(told(fleet, "2 of 4 failed, 1 may: shop/a0 on a0-2: drain: connections stay"));
        CHECK(order_of(fleet, OrderKind::Drain) ==
              std::vector<std::string>{"a0-1", "a0-3", "a0-2", "a0-4", "a0-1", "a0-2"});
    }
}

TEST_CASE("nobody makes way where nobody takes over, or where there is nothing to come") {
    SECTION("all of the component's half have failed, within the budget") {
        Fleet fleet = halves(4, "max_failures = 2", "");
        for (const char* node : {"a0-1", "a0-3"}) {
            fleet.at("shop/a0", node).refuses[OrderKind::Apply] = {"failed", 1, "no"};
        }
        drive_under_laws(fleet, 2);
        CHECK(order_of(fleet, OrderKind::Drain) == std::vector<std::string>{"a0-1", "a0-3"});
    }
    SECTION("the other half has the release already, or is not installed") {
        Fleet fleet = halves(4, "max_unavailable = '100%'", second_half);
        fleet.at("shop/a0", "a0-2").changed = false;
        fleet.at("shop/a0", "a0-4").installed = false;
        drive_under_laws(fleet, 3);
        CHECK(order_of(fleet, OrderKind::Drain) == std::vector<std::string>{"a0-1", "a0-3"});
    }
}

TEST_CASE("who stands by answers to commands and probes, and stands by afterwards") {
    Fleet fleet = halves(4, "",
                         "ctx:command('check', 'shop/a0')\nlocal seen = ctx:probe(ctx.levels[1])\n"
                         "ctx:log('seen', { passed = seen.passed })\n" +
                             second_half,
                         [](RunInput input) {
                             return with_command(std::move(input), {"check", "shop-a0"});
                         });
    drive_under_laws(fleet, 2);
    CHECK(fleet.counts() == "4 updated");
    CHECK(order_of(fleet, OrderKind::Command).size() == 4);
    CHECK(told(fleet, "\"passed\":4"));
    CHECK(order_of(fleet, OrderKind::Drain).size() == 4);
}

TEST_CASE("a half that is too large to stand by is refused before anybody is touched, and so is one beside "
          "several batches") {
    Fleet large(
        labelled({5}, "color", {"blue", "green"}),
        script("ctx:preflight()\nctx:update(ctx.levels[1], { where = 'color=green', standby = 'color=blue', "
               "hold = true, max_unavailable = '50%' })"));
    drive_under_laws(large, 2);
    CHECK(large.outcome() == "refused");
    CHECK(
        told(large,
             "ctx:update: 3 targets of component 'shop/a0' would be on standby together, but max_unavailable "
             "allows only 2 (50% of 5 is 2.5, rounded down to 2); raise it"));
    Fleet several = halves(4, "ramp = { 1, '100%' }");
    drive_under_laws(several, 2);
    CHECK(told(several,
               "ctx:update: 'standby' makes way for one batch, but 'ramp' or 'zone' cuts 2; say with 'where' "
               "who takes over"));
    Fleet declared(labelled({4}, "color", {"green", "blue"}),
                   script("ctx:preflight()\nassert(ctx:outage('schema').approved)\n"
                          "ctx:update(ctx.levels[1], { where = 'color=green', standby = 'color=blue', hold = "
                          "true, ramp = { 1, '100%' } })"));
    declared.person("approve");
    drive_under_laws(declared, 4);
    CHECK(told(declared, "ctx:update: 'standby' makes way for one batch, but 'ramp' or 'zone' cuts 2"));
    CHECK(order_of(declared, OrderKind::Drain).empty());
    Fleet alone(labelled({4}, "color", {"green", "blue"}), update_all("standby = 'color=blue'"));
    drive_under_laws(alone, 2);
    CHECK(told(alone, "'standby' leaves service when a batch takes over as a whole; write hold = true, too"));
    CHECK(order_of(alone, OrderKind::Drain).empty());
    Fleet compared =
        halves(4, "analysis = { { name = 'n', command = 'rate', pass = '<= 2', compare = 'peers' } }");
    drive_under_laws(compared, 2);
    CHECK(told(compared,
               "'standby' leaves no peer in service that 'analysis' could compare with; judge the number "
               "itself, or leave 'standby' out"));
}

TEST_CASE("kill -9 at every journal write of a take-over that is taken back ends like the undisturbed run",
          "[law-7]") {
    using namespace workflows::simulator;
    const std::string source = script(
        "ctx:preflight()\n"
        "ctx:update(ctx.levels[1], { where = 'color=green', standby = 'color=blue', hold = true, soak = "
        "'1m', "
        "max_unavailable = '50%', analysis = { { name = 'rate', command = 'rate', pass = '<= 2' } } })");
    Scenario scenario{
        with_command(labelled({4}, "color", {"green", "blue"}), {.name = "rate", .package = "a0"}),
        source,
        Faults{},
        7,
        {},
        {},
        {},
        std::nullopt};
    scenario.measured = Scenario::Measures{.updated = 3, .peers = 1};
    CHECK(play(scenario).outcome == "rolled_back");
    kill_at_every_event(scenario);
}
