// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// Analyses: measurements, their limits and peers.
#include "tests/catch.hpp"
#include "tests/units/workflows/acts.hpp"

using namespace tests;
using namespace std::chrono_literals;

namespace {

/// The course of a rollout whose canary is judged by these numbers.
std::unique_ptr<Fleet> measured(const std::function<Measured(const Measure&)>& measure,
                                const std::string& more) {
    auto fleet = std::make_unique<Fleet>(
        fleet_input({4}),
        script(
            "ctx:preflight() ctx:update(ctx.levels[1], { ramp = { 1, '100%' }, soak = '1m', analysis = { "
            "{ name = 'errors', http = { url = 'http://127.0.0.1/errors', path = 'rate' }, pass = '<= 1.5', "
            "interval = '10s', count = 3" +
            more + " } } })"));
    fleet->measure = measure;
    fleet->person("resume");
    fleet->drive();
    return fleet;
}

std::function<Measured(const Measure&)> always(double updated, double peers) {
    return [=](const Measure& asked) {
        return Measured{asked.measurement, true, updated, peers, ""};
    };
}

} // namespace

TEST_CASE("canaries are compared with their peers at the same moment") {
    std::vector<std::pair<std::size_t, std::size_t>> groups;
    const auto good = measured(
        [&](const Measure& asked) {
            groups.emplace_back(asked.updated.size(), asked.peers.size());
            return Measured{asked.measurement, true, 0.011, 0.01, ""};
        },
        ", compare = 'peers'");
    INFO(good->told());
    CHECK(good->outcome() == "succeeded");
    // The last batch has nobody left to be compared with.
    CHECK(groups == std::vector(3, std::pair<std::size_t, std::size_t>(1, 3)));
    CHECK(told(*good, "nobody is left to compare with"));

    const auto bad = measured(always(0.08, 0.01), ", compare = 'peers'");
    INFO(bad->told());
    CHECK(bad->outcome() == "rolled_back");
    CHECK(told(
        *bad, "analysis: errors is 0.08, of its peers 0.01: ratio 8, must be <= 1.5 (1 of 1 failed, 0 may)"));
    CHECK(order_of(*bad, OrderKind::Apply) == std::vector<std::string>{"a0-1"});

    CHECK(measured(always(0.08, 0.01), ", compare = 'peers', dry_run = true")->outcome() == "succeeded");
    CHECK(measured(always(0.08, 0.01), ", compare = 'peers', failures = 3")->outcome() == "succeeded");
    CHECK(measured(always(1.4, 7), "")->outcome() == "succeeded");
    CHECK(measured(always(1.6, 7), "")->outcome() == "rolled_back");
}

TEST_CASE("a measurement that cannot be made is no verdict: too many pause the run", "[law-15]") {
    int left = 2;
    const auto fleet = measured(
        [&left](const Measure& asked) {
            const bool ok = left-- <= 0;
            return Measured{asked.measurement, ok, ok ? std::optional(1.0) : std::nullopt, std::nullopt,
                            ok ? "" : "connection refused"};
        },
        ", inconclusive = 1");
    INFO(fleet->told());
    CHECK(told(*fleet,
               "analysis could not judge: errors could not be measured: connection refused (2 of 2 without a "
               "verdict, 1 may)"));
    CHECK(fleet->outcome() == "succeeded");
}

TEST_CASE("measurements that are due at the same moment do not get into each other's way") {
    RunInput input = fleet_input({3});
    for (const char* name : {"load", "errors"}) {
        input = with_command(std::move(input), {.name = name, .package = "a0"});
    }
    std::vector<std::size_t> asked_of;
    Fleet fleet(input,
                script("local function metric(more)\n"
                       "  more.count, more.inconclusive, more.interval = 2, 0, '10s'\n"
                       "  return more\n"
                       "end\n"
                       "ctx:preflight() ctx:update(ctx.levels[1], { ramp = { 1, '100%' }, soak = '1m', "
                       "analysis = { metric { name = 'load', command = 'load', pass = '<= 100' },\n"
                       "metric { name = 'errors', command = 'errors', pass = '<= 100' },\n"
                       "metric { name = 'web', http = { url = 'http://127.0.0.1', path = 'x' }, "
                       "pass = '<= 100' } } })"));
    fleet.measure = [&](const Measure& asked) {
        asked_of.push_back(asked.updated.size());
        return Measured{asked.measurement, true, 1, std::nullopt, ""};
    };
    fleet.drive();
    INFO(fleet.told());
    CHECK(fleet.outcome() == "succeeded");
    CHECK(asked_of == std::vector<std::size_t>{1, 1, 2, 2});
    CHECK_FALSE(told(fleet, "could not be measured"));
}

TEST_CASE(
    "components that do not bring what is measured are not measured, and nobody waits for their number") {
    const std::string all_levels =
        script("ctx:preflight() for _, level in ipairs(ctx.levels) do ctx:update(level, { ramp = { 1, '100%' "
               "}, soak = '1m', analysis = { { name = 'load', command = 'load', compare = 'peers', pass = "
               "'<= 2', inconclusive = 0 } } }) end");
    Fleet fleet(with_command(fleet_input({3, 3}), {.name = "load", .package = "a0"}), all_levels);
    fleet.drive();
    INFO(fleet.told());
    CHECK(fleet.outcome() == "succeeded");
    CHECK(order_of(fleet, OrderKind::Measure) == std::vector<std::string>{"a0-1", "a0-2", "a0-3"});
    CHECK(told(fleet, "nobody has what is measured"));
    Fleet nobody(with_command(fleet_input({3, 3}), {.name = "loads", .package = "a0"}), all_levels);
    nobody.drive();
    INFO(nobody.told());
    CHECK(told(nobody,
               "ctx:update: 'analysis': no component has a packaged command 'load'; did you mean 'loads'?"));
    CHECK(order_of(nobody, OrderKind::Drain).empty());
}
