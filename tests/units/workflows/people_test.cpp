// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// Approvals, outages, and what people decide.
#include "base/error.hpp"
#include "tests/catch.hpp"
#include "tests/units/workflows/acts.hpp"

#include <algorithm>

using namespace tests;
using namespace std::chrono_literals;

namespace {
const std::string ask =
    script("ctx:preflight() ctx:update(ctx.levels[1], { on_failure = 'ask', max_unavailable = 2 })");
}

TEST_CASE(
    "a failure that waits for a person waits for a weekend and a day, and then the run stops where it stands",
    "[law-10]") {
    Fleet fleet(fleet_input({4}), ask);
    fleet.at("shop/a0", "a0-1").refuses[OrderKind::Restart] = {};
    fleet.drive();
    INFO(fleet.told());
    REQUIRE_FALSE(fleet.asked.empty());
    CHECK(fleet.asked.front().what.find(
              "a person, to retry, skip, roll back or cancel: 1 of 4 failed, 0 may") == 0);
    REQUIRE(fleet.asked.front().until);
    CHECK(*fleet.asked.front().until - fleet.start() > 72h);
    CHECK(*fleet.asked.front().until - fleet.start() < 72h + 1min);
    CHECK(fleet.now() == *fleet.asked.front().until);
    CHECK(fleet.outcome() == "needs_person");
    CHECK(fleet.counts() == "1 failed, 2 not_started, 1 updated");
    CHECK(told(fleet,
               "0 may: shop/a0 on a0-1: restart: as told by the test; nobody has answered by 2026-11-2"));
    // Those under way came to their end, nobody else was started, and the failed one is back in rotation.
    CHECK(order_of(fleet, OrderKind::Apply).size() == 2);
    CHECK_FALSE(fleet.at("shop/a0", "a0-1").drained);
}

TEST_CASE(
    "[octopus-1452] [octopus-5891] a target that a person skips is put back in rotation and left alone, and "
    "the others go on") {
    Fleet fleet(fleet_input({4}), ask);
    fleet.at("shop/a0", "a0-1").refuses[OrderKind::Restart] = {};
    fleet.signal(5min, "skip");
    fleet.drive();
    INFO(fleet.told());
    CHECK(fleet.counts() == "1 skipped, 3 updated");
    CHECK(fleet.outcome() == "succeeded_with_left_out");
    CHECK_FALSE(fleet.at("shop/a0", "a0-1").drained);
    CHECK(fleet.at("shop/a0", "a0-1").did.back() == OrderKind::Undrain); // and nothing after that
}

TEST_CASE("[octopus-707] a target that a person tries again does what failed again, and not what succeeded") {
    Fleet fleet(fleet_input({4}), ask);
    fleet.at("shop/a0", "a0-1").refuses[OrderKind::Probe] = {"failed", 1};
    fleet.signal(5min, "retry");
    fleet.drive();
    INFO(fleet.told());
    CHECK(fleet.counts() == "4 updated");
    CHECK(fleet.outcome() == "succeeded");
    const auto applied = [](const Fleet& one) {
        const std::vector<std::string> nodes = order_of(one, OrderKind::Apply);
        return std::count(nodes.begin(), nodes.end(), "a0-1");
    };
    CHECK(applied(fleet) == 1);

    Fleet again(fleet_input({4}), ask);
    again.at("shop/a0", "a0-1").refuses[OrderKind::Apply] = {"failed", 1};
    again.signal(5min, "retry");
    again.drive();
    CHECK(again.counts() == "4 updated");
    CHECK(applied(again) == 2);
    CHECK(again.at("shop/a0", "a0-1").release == "new");
}

TEST_CASE("nobody decides about a target before it is back in rotation, so that no decision is lost") {
    Run run(fleet_input({1}));
    run.handle(Started{}, {});
    run.handle(ScriptCommand{1, "preflight", base::Object{}}, {});
    run.handle(Reported{1, true, "", "", base::Object{}}, {});
    run.handle(ScriptCommand{2, "update", base::Object{{"level", 0}, {"on_failure", "ask"}}}, {});
    for (const std::int64_t order : {2, 3}) { // drain, apply
        run.handle(Reported{order, true, "", "", base::Object{}}, {});
    }
    run.handle(Reported{4, false, "failed", "no memory", base::Object{}}, {}); // restart
    const auto asks = [&] {
        return run.waiting().front().what.starts_with("a person, to retry, skip, roll back or cancel");
    };
    CHECK_FALSE(asks());
    for (const char* verb : {"retry", "skip"}) {
        try {
            run.check({verb, "somebody", ""});
            FAIL(verb);
        } catch (const base::Error& error) {
            CHECK(error.fault() == base::Fault::Conflict);
            CHECK(error.message() ==
                  "shop/a0 on a0-1 has failed, but is still being brought back into rotation; "
                  "say it again when that is over, see 'tiercel run explain'");
        }
    }
    run.handle(Reported{5, true, "", "", base::Object{}}, {}); // undrain
    CHECK(asks());
    CHECK_NOTHROW(run.check({"retry", "somebody", ""}));
}

TEST_CASE(
    "[octopus-6576] two targets that failed ask for themselves: who decides about one has said nothing about "
    "the other") {
    const std::vector<Target> both = {{a0, base::NodeName("a0-1")}, {a0, base::NodeName("a0-2")}};
    for (const char* verb : {"skip", "retry"}) {
        INFO(verb);
        Fleet fleet(fleet_input({4}), ask);
        fleet.at("shop/a0", "a0-1").refuses[OrderKind::Restart] = {"failed", 1};
        fleet.at("shop/a0", "a0-2").refuses[OrderKind::Restart] = {"failed", 1};
        fleet.workflows::simulator::Simulation::signal(5min, {verb, "ann", "", both[0]});
        fleet.drive();
        INFO(fleet.told());
        REQUIRE_FALSE(fleet.asked.empty());
        CHECK(fleet.asked.front().what.find("of 4 failed, 0 may: shop/a0 on a0-2: restart: ") !=
              std::string::npos);
        CHECK(order_of(fleet, OrderKind::Apply).size() == 2);
        CHECK(fleet.state("shop/a0", "a0-2") == TargetState::Failed);

        Fleet decided(fleet_input({4}), ask);
        decided.at("shop/a0", "a0-1").refuses[OrderKind::Restart] = {"failed", 1};
        decided.at("shop/a0", "a0-2").refuses[OrderKind::Restart] = {"failed", 1};
        decided.workflows::simulator::Simulation::signal(5min, {verb, "ann", "", both[0]});
        decided.workflows::simulator::Simulation::signal(6min, {"retry", "ann", "", both[1]});
        decided.drive();
        INFO(decided.told());
        CHECK(decided.counts() == (std::string(verb) == "skip" ? "1 skipped, 3 updated" : "4 updated"));
    }
}

TEST_CASE("a person decides about one of several targets whose command failed") {
    Fleet fleet(with_command(fleet_input({3}, RunKind::Operation), {.name = "agent", .package = "a0"}),
                script("ctx:command('agent', 'shop/a0', { on_failure = 'ask' })"));
    for (const char* node : {"a0-1", "a0-2"}) {
        fleet.at("shop/a0", node).refuses[OrderKind::Command] = {"failed", 1};
    }
    fleet.workflows::simulator::Simulation::signal(5min,
                                                   {"skip", "ann", "", Target{a0, base::NodeName("a0-1")}});
    fleet.workflows::simulator::Simulation::signal(6min,
                                                   {"retry", "ann", "", Target{a0, base::NodeName("a0-3")}});
    fleet.workflows::simulator::Simulation::signal(7min,
                                                   {"retry", "ann", "", Target{a0, base::NodeName("a0-2")}});
    fleet.drive();
    INFO(fleet.told());
    CHECK(fleet.counts() == "1 skipped, 2 updated");
    CHECK(order_of(fleet, OrderKind::Command) == std::vector<std::string>{"a0-1", "a0-2", "a0-3", "a0-2"});
    CHECK(told(fleet,
               "shop/a0 on a0-3 waits for no decision; the run waits for one because of this: shop/a0 on "
               "a0-2: command 'agent'"));
}

TEST_CASE("what would change nothing is refused, and says why") {
    Run run(fleet_input({2}));
    const auto refused = [&](const char* verb, const char* node = nullptr) {
        const std::optional<Target> target =
            node == nullptr ? std::nullopt : std::optional(Target{a0, base::NodeName(node)});
        try {
            run.check({verb, "somebody", "", target});
        } catch (const base::Error& error) {
            CHECK(error.fault() == base::Fault::Conflict);
            return error.message();
        }
        return std::string();
    };
    run.handle(Started{}, {});
    run.handle(ScriptCommand{1, "preflight", base::Object{}}, {});
    CHECK(refused("resume") == "the run is not paused; see 'tiercel run explain'");
    for (const char* verb : {"retry", "skip", "rollback"}) {
        CHECK(refused(verb) ==
              "the run waits for no decision about a failure now; see 'tiercel run explain'");
    }
    CHECK(refused("pause").empty());
    for (const std::int64_t order : {1, 2}) {
        run.handle(Reported{order, true, "", "", base::Object{}}, {});
    }
    run.handle(
        ScriptCommand{2, "update", base::Object{{"level", 0}, {"on_failure", "ask"}, {"max_unavailable", 2}}},
        {});
    run.handle(Reported{3, false, "failed", "no", base::Object{}}, {}); // drain of the first, undrained by 5
    CHECK(refused("retry", "a0-2")
              .starts_with("shop/a0 on a0-2 waits for no decision; the run waits for one because"));
    CHECK(refused("skip", "a0-1").starts_with("shop/a0 on a0-1 has failed, but is still being brought back"));
    CHECK(refused("rollback").empty());
    run.handle(Reported{5, true, "", "", base::Object{}}, {});
    CHECK(refused("skip", "a0-1").empty());
    run.handle(Signalled{"cancel", "ann", "enough"}, {});
    CHECK(refused("pause") == "the run starts nobody any more: cancelled by ann: enough");
    CHECK(refused("cancel") == "the run is stopping already: cancelled by ann: enough");
}

TEST_CASE("a target whose command failed and that a person skips is called skipped") {
    Fleet fleet(with_command(fleet_input({1}, RunKind::Operation), {.name = "agent", .package = "a0"}),
                script("ctx:command('agent', 'shop/a0', { on_failure = 'ask' })"));
    fleet.at("shop/a0", "a0-1").refuses[OrderKind::Command] = {};
    fleet.signal(5min, "skip");
    fleet.drive();
    INFO(fleet.told());
    CHECK(fleet.counts() == "1 skipped");
    CHECK(fleet.reason("shop/a0", "a0-1").ends_with("; skipped by somebody"));
    CHECK(fleet.outcome() == "succeeded_with_left_out");
}

TEST_CASE("a person who is asked may bring everything back") {
    Fleet fleet(fleet_input({4}), ask);
    fleet.at("shop/a0", "a0-1").refuses[OrderKind::Restart] = {};
    fleet.signal(5min, "rollback");
    fleet.drive();
    INFO(fleet.told());
    CHECK(fleet.outcome() == "rolled_back");
    CHECK(fleet.counts() == "2 not_started, 2 rolled_back");
}

TEST_CASE("a cancel ends what runs on the nodes and says what it ended") {
    Fleet fleet(with_command(fleet_input({2}, RunKind::Operation), {"report", "shop-app"}),
                script("ctx:command('report', 'shop/a0')"));
    fleet.at("shop/a0", "a0-1").slow[OrderKind::Command] = 5min;
    fleet.signal(30s, "cancel");
    fleet.drive();
    INFO(fleet.told());
    CHECK(order_of(fleet, OrderKind::Cancel) == std::vector<std::string>{"a0-1"});
    CHECK(fleet.outcome() == "cancelled");
}

TEST_CASE("an approval needs as many people as it says, with the role it says") {
    const auto run = [](const std::vector<std::string>& who) {
        RunInput input = fleet_input({1}, RunKind::Operation);
        input.actor = "anna";
        Run engine(input);
        const base::Time now = base::from_rfc3339("2026-11-20T12:00:00.000Z");
        engine.handle(Started{}, now);
        engine.handle(
            ScriptCommand{1, "approve",
                          base::Object{{"what", "go on"}, {"count", 2}, {"role", "release-manager"}}},
            now);
        std::optional<Answer> answer;
        for (const std::string& name : who) {
            for (const Effect& effect : engine.handle(
                     Signalled{"approve", name, "", std::nullopt,
                               base::Object{{"role", name == "carl" ? "guest" : "release-manager"}}},
                     now)) {
                if (const auto* given = std::get_if<Answer>(&effect)) {
                    answer = *given;
                }
            }
        }
        return answer.has_value();
    };
    CHECK_FALSE(run({"bert"}));
    CHECK_FALSE(run({"bert", "bert"}));
    CHECK_FALSE(run({"bert", "anna"}));
    CHECK_FALSE(run({"bert", "carl"}));
    CHECK(run({"bert", "dora"}));
}

TEST_CASE("who has approved already is told to those who are asked") {
    RunInput input = fleet_input({1});
    input.actor = "anna";
    Run run(input);
    run.handle(Started{}, {});
    run.handle(ScriptCommand{1, "approve", base::Object{{"what", "go on?"}, {"count", 3}}}, {});
    CHECK(run.waiting().front().what == "approval of 3 people: go on?");
    run.handle(Signalled{"approve", "token:bob", ""}, {});
    run.handle(Signalled{"approve", "token:bob", ""}, {});
    run.handle(Signalled{"approve", "token:cid", ""}, {});
    CHECK(run.waiting().front().what ==
          "approval of 3 people: go on?; token:bob, token:cid approved it so far");
}

TEST_CASE("a signal that came before the script awaited it is not lost; one that never comes ends the wait",
          "[law-10]") {
    RunInput input = fleet_input({1}, RunKind::Operation);
    Fleet fleet(input, script("ctx:wait('1m') local got = ctx:await('go', '1h') ctx:log('got', got)\n"
                              "local none = ctx:await('never', '1h') ctx:log('none', none)"));
    static_cast<workflows::simulator::Simulation&>(fleet).signal(
        10s, Signalled{"signal", "alarm", "go", std::nullopt, 7});
    fleet.drive();
    INFO(fleet.told());
    CHECK(told(fleet, R"("by":"alarm","received":true,"value":7)"));
    CHECK(told(fleet, R"("received":false)"));
    CHECK(fleet.run().ended());
}

TEST_CASE("what a script deferred runs when the run is stopped, after everything is back", "[law-5]") {
    Fleet fleet(with_command(fleet_input({2}), {"unlock", "shop-app"}),
                script("ctx:preflight()\n ctx:defer(function(outcome) ctx:log('deferred ' .. outcome)\n"
                       "  ctx:command('unlock', 'shop/a0') end)\n"
                       "pcall(function() ctx:update(ctx.levels[1]) end)\n ctx:log('not reached')"));
    fleet.at("shop/a0", "a0-1").refuses[OrderKind::Restart] = {};
    fleet.drive();
    INFO(fleet.told());
    CHECK(fleet.outcome() == "rolled_back");
    CHECK(told(fleet, "deferred stopped"));
    CHECK_FALSE(told(fleet, "not reached"));
    CHECK(order_of(fleet, OrderKind::Command).size() == 2);
    CHECK(fleet.sent.back().kind == OrderKind::Command);
}

TEST_CASE("a run that was paused and forgotten ends where it stands; who pauses it again prolongs it",
          "[law-10]") {
    const auto make = [] {
        return Fleet(
            fleet_input({3}),
            script("ctx:preflight() ctx:update(ctx.levels[1], { max_unavailable = 1, soak = '1m' })"));
    };
    Fleet forgotten = make();
    forgotten.signal(3s, "pause");
    forgotten.drive();
    INFO(forgotten.told());
    REQUIRE_FALSE(forgotten.asked.empty());
    CHECK(*forgotten.asked.front().until - forgotten.start() == 72h + 3s);
    CHECK(forgotten.outcome() == "needs_person");
    CHECK(forgotten.counts() == "2 not_started, 1 updated");
    CHECK(told(forgotten, "ended needs_person paused by somebody; nobody has answered by"));

    Fleet again = make();
    again.signal(3s, "pause");
    again.signal(48h, "pause");
    again.signal(96h, "resume");
    again.drive();
    CHECK(again.counts() == "3 updated");
}

TEST_CASE("a pause that says until when is waited for beyond that, as one in a freeze is", "[law-10]") {
    Fleet fleet(fleet_input({3}), ask);
    const base::Time end = fleet.start() + 24h * 14;
    fleet.workflows::simulator::Simulation::signal(
        3s, {"pause", "policy", "freeze", std::nullopt, base::Object{{"until", base::to_rfc3339(end)}}});
    fleet.workflows::simulator::Simulation::signal(24h * 14, {"resume", "policy", "", std::nullopt, nullptr});
    fleet.drive();
    INFO(fleet.told());
    CHECK(fleet.outcome() == "succeeded");
    CHECK(*fleet.asked.front().until == end + 72h);
}
