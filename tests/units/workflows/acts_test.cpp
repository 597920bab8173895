// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// What workflows do beside a rolling update: stop, start, restart, windows, zones, budgets.
#include "base/error.hpp"
#include "tests/catch.hpp"
#include "tests/units/workflows/acts.hpp"

#include <algorithm>
#include <set>

using namespace tests;
using namespace std::chrono_literals;

TEST_CASE("an operation restarts a level a few at a time, and needs no preflight") {
    Fleet fleet(fleet_input({4}, RunKind::Operation),
                script("ctx:restart(ctx.levels[1], { max_unavailable = 2 })"));
    const std::size_t most = most_at_once(fleet, in_flight);
    INFO(fleet.told());
    CHECK(fleet.outcome() == "succeeded");
    CHECK(fleet.counts() == "4 updated");
    CHECK(most == 2);
    CHECK(order_of(fleet, OrderKind::Prepare).empty());
    CHECK(order_of(fleet, OrderKind::Settle).empty());
    CHECK(fleet.at("shop/a0", "a0-1").did ==
          std::vector{OrderKind::Drain, OrderKind::Restart, OrderKind::Probe, OrderKind::Undrain});
}

TEST_CASE("what is stopped counts as out of service and says so at the end", "[law-4][law-5]") {
    Fleet fleet(fleet_input({4}, RunKind::Operation),
                script("ctx:stop(ctx.levels[1], { max_unavailable = 2 })"));
    fleet.drive();
    INFO(fleet.told());
    // Two fill what may be out of service; the others may not follow.
    CHECK(order_of(fleet, OrderKind::Stop) == std::vector<std::string>{"a0-1", "a0-2"});
    CHECK(fleet.outcome() == "stopped");
    CHECK(fleet.reason("shop/a0", "a0-1").find("left out of rotation") == 0);
}

TEST_CASE("a declared and approved outage stops all, installs, and starts all, producers first",
          "[law-3][law-4]") {
    const std::string outage = script(R"(
        ctx:preflight()
        local answer = ctx:outage("new schema")
        if not answer.approved then error("no: " .. answer.reason) end
        for index = #ctx.levels, 1, -1 do ctx:stop(ctx.levels[index], { max_unavailable = "100%" }) end
        for _, level in ipairs(ctx.levels) do ctx:update(level, { max_unavailable = "100%" }) end
        for _, level in ipairs(ctx.levels) do ctx:start(level, { max_unavailable = "100%" }) end)");
    RunInput input = fleet_input({2, 2});
    input.actor = "anna";
    input.budgets = {{a0, "", Portion{false, 1}}};
    Fleet fleet(input, outage);
    fleet.signal(10s, "approve");
    fleet.drive();
    INFO(fleet.told());
    CHECK(fleet.outcome() == "succeeded");
    CHECK(fleet.counts() == "4 updated");
    CHECK(order_of(fleet, OrderKind::Stop) == std::vector<std::string>{"a1-1", "a1-2", "a0-1", "a0-2"});
    CHECK(order_of(fleet, OrderKind::Start) == std::vector<std::string>{"a0-1", "a0-2", "a1-1", "a1-2"});
    CHECK(order_of(fleet, OrderKind::Restart).empty());
    CHECK(fleet.run().acts().front().kind == "outage");

    SECTION("who needs nothing is stopped and started like the others, and is where it should be") {
        Fleet unequal(input, outage);
        unequal.at("shop/a1", "a1-1").changed = unequal.at("shop/a1", "a1-2").changed = false;
        unequal.signal(10s, "approve");
        unequal.drive();
        INFO(unequal.told());
        CHECK(order_of(unequal, OrderKind::Start).size() == 4);
        CHECK(unequal.outcome() == "succeeded");
    }
    SECTION("who asked for the run cannot approve it") {
        input.actor = "somebody";
        Fleet alone(input, outage);
        alone.signal(10s, "approve");
        alone.drive();
        CHECK(told(alone, "approval does not count"));
        CHECK(alone.outcome() == "refused");
        CHECK(told(alone, "no: nobody approved by"));
        CHECK(order_of(alone, OrderKind::Stop).empty());
        Run asked(input);
        const auto refusal = [&](const Signalled& said) {
            try {
                asked.check(said);
            } catch (const base::Error& error) {
                return std::string(base::word(error.fault())) + ": " + error.message();
            }
            return std::string("none");
        };
        CHECK(refusal({"approve", "another", ""}) ==
              "conflict: the run waits for no approval now; see 'tiercel run explain'");
        asked.handle(Started{}, {});
        asked.handle(ScriptCommand{1, "outage", base::Object{{"reason", "new disks"}}}, {});
        CHECK(refusal({"approve", "somebody", ""}) ==
              "denied: the run was asked for by 'somebody'; somebody else must approve it");
        CHECK(refusal({"approve", "another", ""}) == "none");
        CHECK(refusal({"reject", "somebody", ""}) == "none");
    }
    SECTION("a failure in the middle brings everything back to life", "") {
        Fleet failing(input, outage);
        failing.signal(10s, "approve");
        failing.at("shop/a0", "a0-2").refuses[OrderKind::Apply] = {};
        failing.drive();
        INFO(failing.told());
        CHECK(failing.outcome() == "rolled_back");
        CHECK(failing.counts() == "4 rolled_back");
        // What was changed is undone; what was only stopped is started.
        CHECK(order_of(failing, OrderKind::Undo).size() + order_of(failing, OrderKind::Start).size() == 4);
    }
    SECTION("a cancel half way brings everything back to life") {
        Fleet cancelled(input, outage);
        cancelled.signal(10s, "approve");
        cancelled.signal(14s, "cancel");
        cancelled.drive();
        INFO(cancelled.told());
        CHECK(cancelled.outcome() == "cancelled");
        for (const char* node : {"a1-1", "a1-2"}) {
            CHECK(cancelled.at("shop/a1", node).did.back() == OrderKind::Undrain);
        }
    }
}

TEST_CASE("who is started is undrained, though an earlier run has drained and stopped it", "[law-5]") {
    Fleet fleet(fleet_input({2}, RunKind::Operation), script("ctx:start(ctx.levels[1])"));
    fleet.drive();
    INFO(fleet.told());
    CHECK(fleet.outcome() == "succeeded");
    CHECK(order_of(fleet, OrderKind::Undrain) == order_of(fleet, OrderKind::Start));
    CHECK(order_of(fleet, OrderKind::Drain).empty());
}

TEST_CASE("who could not be started is not put back into service, and is told as left out", "[law-5]") {
    Fleet fleet(fleet_input({2}, RunKind::Operation),
                script("ctx:start(ctx.levels[1], { max_unavailable = '100%', max_failures = 1 })"));
    fleet.at("shop/a0", "a0-1").refuses[OrderKind::Start] = {};
    fleet.drive();
    INFO(fleet.told());
    CHECK(fleet.counts() == "1 failed, 1 updated");
    CHECK(order_of(fleet, OrderKind::Undrain) == std::vector<std::string>{"a0-2"});
    CHECK(fleet.reason("shop/a0", "a0-1").find("left out of rotation: its services are stopped") !=
          std::string::npos);
}

TEST_CASE("a deployment that brought the release to nobody is no success", "[law-1]") {
    const auto ends_as = [](const std::string& body) {
        Fleet fleet(fleet_input({2}), script(body));
        fleet.drive();
        INFO(fleet.told());
        return fleet.outcome();
    };
    CHECK(ends_as("ctx:preflight()") == "stopped");
    CHECK(ends_as("ctx:preflight() ctx:restart(ctx.levels[1], { max_unavailable = '100%' })") == "stopped");
    CHECK(ends_as("ctx:preflight() ctx:update(ctx.levels[1], { max_unavailable = '100%' })") == "succeeded");
}

TEST_CASE("consumers are not started before what they consume", "[law-3]") {
    Fleet fleet(
        fleet_input({1, 1}, RunKind::Operation),
        script("local all = { max_unavailable = '100%' }\n"
               "ctx:stop(ctx.levels[2], all) ctx:stop(ctx.levels[1], all) ctx:start(ctx.levels[2], all)"));
    fleet.drive();
    CHECK(told(fleet,
               "ctx:start: level 1 cannot start before level 0 is through: 'shop/a0 on a0-1' is stopped"));
    CHECK(order_of(fleet, OrderKind::Start).empty());
}

TEST_CASE("a survey changes nothing, and one that could not look is no verdict", "[law-15]") {
    Fleet fleet(fleet_input({3}, RunKind::Operation), script("local found = ctx:probe(ctx.levels[1])\n"
                                                             "ctx:log('found', found)"));
    fleet.at("shop/a0", "a0-2").refuses[OrderKind::Probe] = {};
    fleet.at("shop/a0", "a0-3").refuses[OrderKind::Probe] = {"inconclusive"};
    fleet.drive();
    INFO(fleet.told());
    CHECK(told(fleet, R"("failed":1,"inconclusive":1,"level":0,"passed":1)"));
    CHECK(fleet.counts() == "1 failed, 1 skipped, 1 unchanged");
    CHECK(fleet.sent.size() == 3);
}

TEST_CASE(
    "one zone goes after the other, the smallest first, with a canary in each and a soak between them") {
    RunInput input = labelled({5}, "zone", {"b", "a", "b", "a", "b"});
    Fleet fleet(input, script("ctx:preflight() ctx:update(ctx.levels[1], { zone = 'zone', zone_soak = '10m', "
                              "ramp = { 1, '100%' }, max_unavailable = 5 })"));
    fleet.drive();
    INFO(fleet.told());
    CHECK(order_of(fleet, OrderKind::Apply) ==
          std::vector<std::string>{"a0-2", "a0-4", "a0-1", "a0-3", "a0-5"});
    REQUIRE(fleet.run().batches().size() == 4);
    CHECK(fleet.run().batches()[0].zone == "a");
    CHECK(fleet.run().batches()[1].arithmetic == "100% of 2 is 2");
    CHECK(fleet.now() - base::from_rfc3339("2026-11-20T12:00:00.000Z") > 10min);
    CHECK(fleet.outcome() == "succeeded");
}

TEST_CASE("targets are taken from racks by turns") {
    Fleet fleet(
        labelled({6}, "rack", {"a", "a", "a", "b", "b", "c"}),
        script("ctx:preflight() ctx:update(ctx.levels[1], { spread = 'rack', max_unavailable = 1 })"));
    fleet.drive();
    CHECK(order_of(fleet, OrderKind::Apply) ==
          std::vector<std::string>{"a0-1", "a0-4", "a0-6", "a0-2", "a0-5", "a0-3"});
}

TEST_CASE("[octopus-rolling] a sliding window takes the next target as soon as one is through, and widens as "
          "they pass") {
    Fleet fleet(fleet_input({7}), script("ctx:preflight() ctx:update(ctx.levels[1], { window = 'sliding', "
                                         "ramp = { 1, 3 }, soak = '1m', max_unavailable = 7 })"));
    fleet.at("shop/a0", "a0-2").slow[OrderKind::Restart] = 4min;
    const std::size_t most = most_at_once(fleet, in_flight);
    INFO(fleet.told());
    CHECK(fleet.outcome() == "succeeded");
    CHECK(most == 3);
    // The slow one does not hold up the others.
    const std::vector<std::string> ended = order_of(fleet, OrderKind::Undrain);
    CHECK(ended.front() == "a0-1");
    CHECK(std::find(ended.begin(), ended.end(), "a0-2") > ended.begin() + 3);
}

TEST_CASE("a target must stay healthy for the settle time before it serves again, and is probed again then") {
    Fleet fleet(fleet_input({1}), script("ctx:preflight() ctx:update(ctx.levels[1], { settle = '2m' })"));
    fleet.drive();
    const std::vector<std::string> probes = order_of(fleet, OrderKind::Probe);
    CHECK(probes.size() == 3); // after the restart, after the settle time, at the gate
    CHECK(fleet.now() - base::from_rfc3339("2026-11-20T12:00:00.000Z") > 2min);
    CHECK(fleet.outcome() == "succeeded");
}

TEST_CASE("each entry of a ramp may have a soak of its own") {
    Fleet fleet(fleet_input({3}), script("ctx:preflight() ctx:update(ctx.levels[1], { ramp = { 1, 2, 3 }, "
                                         "soak = { '1h', '1s' }, max_unavailable = 3 })"));
    fleet.drive();
    const base::Duration took = fleet.now() - base::from_rfc3339("2026-11-20T12:00:00.000Z");
    CHECK(took > 1h);
    CHECK(took < 2h);
}

TEST_CASE("[nomad-3638] [ansible-3609] [helios-545] failures are budgeted in all, by batch, by component and "
          "by domain, with the "
          "arithmetic shown") {
    const auto stopped_by = [](const std::string& budget) {
        RunInput input = labelled({10}, "rack", {"a", "b"});
        Fleet fleet(
            input,
            script("ctx:preflight() ctx:update(ctx.levels[1], { max_unavailable = 10, ramp = { 2, '100%' }, "
                   "on_failure = 'stop', max_failures = " +
                   budget + " })"));
        for (const char* node : {"a0-1", "a0-3"}) { // both in rack a, one in the first batch
            fleet.at("shop/a0", node).refuses[OrderKind::Drain] = {};
        }
        fleet.drive();
        const std::string story = fleet.told();
        const std::size_t at = story.find("ended stopped ");
        return at == std::string::npos ? fleet.outcome()
                                       : story.substr(at + 14, story.find(": ", at) - at - 14);
    };
    CHECK(stopped_by("2") == "succeeded_with_left_out");
    CHECK(stopped_by("1") == "2 of 10 failed, 1 may");
    CHECK(stopped_by("'10%'") == "2 of 10 failed, 1 may");
    CHECK(stopped_by("'0'") == "1 of 10 failed, 0 may"); // as a text parameter of a workflow has it
    CHECK(stopped_by("'0%'") == "1 of 10 failed, 0 may");
    CHECK(stopped_by("{ batch = 0 }") == "1 of 2 failed in this batch, 0 may");
    CHECK(stopped_by("{ batch = 1 }") == "succeeded_with_left_out");
    CHECK(stopped_by("{ component = 1 }") == "2 of 10 failed in component 'shop/a0', 1 may");
    CHECK(stopped_by("{ domain = { label = 'rack', max = 1 } }") == "2 of 5 failed in rack 'a', 1 may");
    CHECK(stopped_by("{ domain = { label = 'rack', max = 2 } }") == "succeeded_with_left_out");
}

TEST_CASE("a policy's budget holds for each rack, and counts what earlier runs left out of service",
          "[law-4]") {
    RunInput input = labelled({8}, "rack", {"a", "b"});
    input.budgets = {{a0, "rack", Portion{false, 1}}};
    input.out = {input.targets[2].target}; // a0-3, rack a
    Fleet fleet(input, script("ctx:preflight() ctx:update(ctx.levels[1], { max_unavailable = 8 })"));
    std::size_t most_in_a = 0;
    std::map<std::string, bool> out = {{"a0-3", true}};
    fleet.watch = [&](const Event&, const std::vector<Effect>& effects) {
        for (const Effect& effect : effects) {
            if (const auto* change = std::get_if<TargetChanged>(&effect);
                change != nullptr && change->state != TargetState::Preparing &&
                change->state != TargetState::Ready) {
                const bool works =
                    change->state == TargetState::Soaking || change->state == TargetState::Updated;
                out[change->target.node.str()] = !works;
            }
        }
        std::size_t in_a = 0;
        for (const char* node : {"a0-1", "a0-3", "a0-5", "a0-7"}) {
            in_a += out[node] ? 1 : 0;
        }
        most_in_a = std::max(most_in_a, in_a);
    };
    fleet.drive();
    INFO(fleet.told());
    CHECK(fleet.outcome() == "succeeded");
    CHECK(most_in_a == 1);
}

TEST_CASE("who was out of service before, and turns out to be new, leaves no more room than there was",
          "[law-4]") {
    RunInput input = labelled({3}, "rack", {"a"});
    input.budgets = {{a0, "", Portion{false, 1}}};
    input.out = {input.targets[0].target};
    Fleet fleet(input, script("ctx:preflight() ctx:update(ctx.levels[1], { max_unavailable = 3, "
                              "ramp = { 1, '100%' } })"));
    fleet.at("shop/a0", "a0-1").installed = false;
    std::set<std::string> out;
    std::size_t most = 0;
    fleet.watch = [&](const Event&, const std::vector<Effect>& effects) {
        for (const Effect& effect : effects) {
            if (const auto* change = std::get_if<TargetChanged>(&effect)) {
                const std::string& node = change->target.node.str();
                if (change->state == TargetState::Draining) {
                    out.insert(node);
                } else if (change->state == TargetState::Soaking) {
                    out.erase(node);
                }
            }
        }
        most = std::max(most, out.size());
    };
    fleet.drive();
    INFO(fleet.told());
    CHECK(fleet.outcome() == "succeeded");
    CHECK(most == 1);
}

TEST_CASE("who is out of service already is the canary, so that a budget that it uses up does not keep it "
          "from being "
          "mended",
          "[law-4]") {
    for (const char* how : {"", "spread = 'rack', ", "window = 'sliding', "}) {
        RunInput input = labelled({4}, "rack", {"a", "b"});
        input.budgets = {{a0, "", Portion{false, 1}}};
        input.out = {input.targets[3].target};
        Fleet fleet(input, script("ctx:preflight() ctx:update(ctx.levels[1], { " + std::string(how) +
                                  "ramp = { 1, '100%' }, max_unavailable = 4 })"));
        fleet.drive();
        INFO(fleet.told());
        CHECK(fleet.outcome() == "succeeded");
        CHECK(order_of(fleet, OrderKind::Drain).front() == "a0-4");
    }
}

TEST_CASE("who was left out of service and has nothing to change is not taken for well before it was probed",
          "[law-5][law-15]") {
    for (const bool is_well : {true, false}) {
        RunInput input = fleet_input({2});
        input.out = {input.targets[1].target};
        Fleet fleet(input, script("ctx:preflight() ctx:update(ctx.levels[1], { on_failure = 'stop' })"));
        for (const char* node : {"a0-1", "a0-2"}) {
            fleet.at("shop/a0", node).changed = false;
        }
        if (!is_well) {
            fleet.at("shop/a0", "a0-2").refuses[OrderKind::Probe] = {};
        }
        fleet.drive();
        INFO(fleet.told());
        CHECK(fleet.outcome() == (is_well ? "succeeded" : "stopped"));
        CHECK(fleet.counts() == (is_well ? "1 unchanged, 1 updated" : "1 failed, 1 unchanged"));
        CHECK(order_of(fleet, OrderKind::Undrain) == std::vector<std::string>{"a0-2"});
        CHECK(order_of(fleet, OrderKind::Apply).empty());
    }
}

TEST_CASE("who has the release and was left stopped is started by a deployment, and is well or fails then",
          "[law-5]") {
    for (const bool starts : {true, false}) {
        RunInput input = fleet_input({2});
        input.out = {input.targets[0].target, input.targets[1].target};
        Fleet fleet(input, script("ctx:preflight() ctx:update(ctx.levels[1], { on_failure = 'stop' })"));
        for (const char* node : {"a0-1", "a0-2"}) {
            fleet.at("shop/a0", node).changed = false;
            fleet.at("shop/a0", node).down = fleet.at("shop/a0", node).drained = true;
        }
        if (!starts) {
            fleet.at("shop/a0", "a0-2").refuses[OrderKind::Restart] = {};
        }
        fleet.drive();
        INFO(fleet.told());
        CHECK(fleet.outcome() == (starts ? "succeeded" : "stopped"));
        CHECK(fleet.counts() == (starts ? "2 updated" : "1 failed, 1 updated"));
        CHECK(order_of(fleet, OrderKind::Apply).empty());
        CHECK(fleet.reason("shop/a0", "a0-2") == (starts ? "" : "restart: as told by the test"));
    }
}

TEST_CASE("who is only looked at does not hold up a migration, and ends with a word when the others go back",
          "[law-1][law-5]") {
    for (const bool fails : {false, true}) {
        RunInput input = with_command(fleet_input({3}), {"migrate", "shop-app", true});
        input.migrate.emplace(a0, "migrate");
        input.out = {input.targets[1].target};
        Fleet fleet(input, script("ctx:preflight() ctx:update(ctx.levels[1], { max_unavailable = 3 })"));
        fleet.at("shop/a0", "a0-2").changed = false;
        if (fails) {
            fleet.at("shop/a0", "a0-3").refuses[OrderKind::Restart] = {};
        }
        fleet.drive();
        INFO(fleet.told());
        CHECK(order_of(fleet, OrderKind::Command) == std::vector<std::string>{"a0-1"});
        CHECK(fleet.outcome() == (fails ? "rolled_back" : "succeeded"));
        CHECK(fleet.counts() == (fails ? "2 rolled_back, 1 updated" : "3 updated"));
    }
}

TEST_CASE("a policy's budget that somebody else uses up stops the run and says so", "[law-4]") {
    RunInput input = labelled({2}, "rack", {"a"});
    const Target elsewhere{a0, base::NodeName("elsewhere")};
    input.out = {elsewhere};
    const auto play = [&](const std::string& per, const std::string& rack) {
        input.budgets = {{a0, per, Portion{true, 50'000}}};
        input.bystanders = {
            {elsewhere, base::Object{{"node", base::Object{{"labels", base::Object{{"rack", rack}}}}}}}};
        const RunInput read = RunInput::from_value(input.to_value());
        auto fleet = std::make_unique<Fleet>(read, script("ctx:preflight() ctx:update(ctx.levels[1])"));
        fleet->drive();
        return fleet;
    };
    const auto all = play("", "b");
    CHECK(told(*all,
               "the policy's budget of component 'shop/a0' is used up by targets that are out of service "
               "(50% of 3 is 1.5, rounded down to 1)"));
    CHECK(order_of(*all, OrderKind::Drain).empty());
    const auto same_rack = play("rack", "a");
    CHECK(told(*same_rack, "the policy's budget of component 'shop/a0' in rack 'a' is used up"));
    CHECK(order_of(*same_rack, OrderKind::Drain).empty());
    CHECK(play("rack", "b")->outcome() == "succeeded");
}

TEST_CASE("halves of a component go one after the other") {
    Fleet fleet(labelled({4}, "color", {"blue", "green"}),
                script("ctx:preflight()\n"
                       "ctx:update(ctx.levels[1], { where = 'color=green', max_unavailable = 4 })\n"
                       "ctx:update(ctx.levels[1], { where = 'color=blue', max_unavailable = 4 })"));
    fleet.drive();
    CHECK(order_of(fleet, OrderKind::Apply) == std::vector<std::string>{"a0-2", "a0-4", "a0-1", "a0-3"});
    CHECK(fleet.outcome() == "succeeded");
}
