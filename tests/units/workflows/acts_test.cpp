// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// What workflows do beside a rolling update: stop, start, restart, commands, outages, approvals, zones,
// windows, budgets, decisions of people, measurements.
#include "base/error.hpp"
#include "tests/catch.hpp"
#include "tests/fakes/fleet.hpp"

#include <algorithm>
#include <set>

using namespace tests;
using namespace workflows::engine;
using namespace std::chrono_literals;

namespace {

const base::ComponentName a0("shop/a0");

std::string script(const std::string& body) {
    return "return workflow { run = function(ctx)\n" + body + "\nend }";
}

RunInput labelled(const std::vector<int>& nodes, const std::string& label,
                  const std::vector<std::string>& values, RunKind kind = RunKind::Deploy) {
    RunInput input = fleet_input(nodes, kind);
    for (std::size_t at = 0; at < input.targets.size(); ++at) {
        input.targets[at].document.object()->set(
            "node", base::Object{{"labels", base::Object{{label, values[at % values.size()]}}}});
    }
    return input;
}

RunInput with_command(RunInput input, PackagedCommand command) {
    input.commands[a0].push_back(std::move(command));
    return input;
}

std::vector<std::string> order_of(const Fleet& fleet, OrderKind kind) {
    std::vector<std::string> nodes;
    for (const SendOrder& order : fleet.sent) {
        if (order.kind == kind) {
            nodes.push_back(order.target.node.str());
        }
    }
    return nodes;
}

bool told(const Fleet& fleet, const std::string& what) {
    return fleet.told().find(what) != std::string::npos;
}

// The most orders of this kind that were out at once.
std::size_t most_at_once(Fleet& fleet, const std::function<bool(TargetState)>& counts) {
    std::map<Target, bool> states;
    std::size_t most = 0;
    fleet.watch = [&, states](const Event&, const std::vector<Effect>& effects) mutable {
        for (const Effect& effect : effects) {
            if (const auto* change = std::get_if<TargetChanged>(&effect)) {
                states[change->target] = counts(change->state);
            }
        }
        most = std::max(most, static_cast<std::size_t>(std::count_if(
                                  states.begin(), states.end(), [](const auto& one) { return one.second; })));
    };
    fleet.drive();
    return most;
}

bool in_flight(TargetState state) {
    return state == TargetState::Draining || state == TargetState::Applying ||
           state == TargetState::Restarting || state == TargetState::Probing ||
           state == TargetState::Undraining || state == TargetState::Soaking || state == TargetState::Proving;
}

} // namespace

// ---- services ----

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

// ---- packaged commands ----

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

    const auto no_way_back = retry(false, true, all);
    no_way_back->at("shop/a0", "a0-2").refuses[OrderKind::Restart] = {};
    no_way_back->drive();
    CHECK(no_way_back->outcome() == "needs_person");
    CHECK(told(*no_way_back,
               "there is no way back: command 'migrate' of shop/a0 on a0-9 in run 01J is irreversible"));
    CHECK(order_of(*no_way_back, OrderKind::Undo).empty());
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

// ---- windows, zones, budgets ----

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

TEST_CASE("a policy's budget that somebody else uses up stops the run and says so", "[law-4]") {
    RunInput input = labelled({2}, "rack", {"a"});
    input.budgets = {{a0, "", Portion{false, 1}}};
    input.out = {{a0, base::NodeName("elsewhere")}};
    Fleet fleet(input, script("ctx:preflight() ctx:update(ctx.levels[1])"));
    fleet.drive();
    CHECK(told(fleet,
               "the policy's budget of component 'shop/a0' is used up by targets that are out of service"));
    CHECK(order_of(fleet, OrderKind::Drain).empty());
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

// ---- people ----

namespace {
const std::string ask =
    script("ctx:preflight() ctx:update(ctx.levels[1], { on_failure = 'ask', max_unavailable = 2 })");
}

TEST_CASE("a failure that waits for a person waits, however long it takes") {
    Fleet fleet(fleet_input({4}), ask);
    fleet.at("shop/a0", "a0-1").refuses[OrderKind::Restart] = {};
    fleet.drive();
    INFO(fleet.told());
    CHECK_FALSE(fleet.run().ended());
    REQUIRE_FALSE(fleet.run().waiting().empty());
    CHECK(fleet.run().waiting().front().what.find(
              "a person, to retry, skip, roll back or cancel: 1 of 4 failed, 0 may") == 0);
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

// ---- measurements ----

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
