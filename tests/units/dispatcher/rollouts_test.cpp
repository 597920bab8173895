// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// Runs from request to end: operations, retries, what earlier runs left, and kills of the dispatcher.
#include "tests/refusal.hpp"
#include "tests/units/dispatcher/house.hpp"

using namespace dispatcher;
using namespace std::chrono_literals;
using base::Fault;
using tests::House;

namespace {

std::string out_of(const base::Value& input) {
    std::string text;
    for (const base::Value& target : *input.object()->find("out")->array()) {
        text += (text.empty() ? "" : ", ") + *target.object()->find("node")->text();
    }
    return text;
}

/// What nodes did in all, whatever the order in which they answered.
std::vector<std::string> sorted(std::vector<std::string> did) {
    std::sort(did.begin(), did.end());
    return did;
}

} // namespace

TEST_CASE(
    "a dispatcher that is killed whenever it meets the world gets to the same end, and no node acts twice",
    "[law-7]") {
    House undisturbed;
    const std::string first = undisturbed.deploy("shop/1.0");
    undisturbed.finish();
    REQUIRE(undisturbed.run(first).outcome == "succeeded");
    const int points = undisturbed.points();
    REQUIRE(points > 50);
    for (int point = 1; point <= points; ++point) {
        INFO("killed at point " << point << " of " << points);
        House house;
        house.kill_at(point);
        const std::string run = house.deploy("shop/1.0");
        house.finish();
        REQUIRE(house.run(run).outcome == undisturbed.run(first).outcome);
        REQUIRE(house.targets(run) == undisturbed.targets(first));
        REQUIRE(sorted(house.did) == sorted(undisturbed.did));
    }
}

TEST_CASE("the same holds for a run that fails and goes back", "[law-7]") {
    const auto play = [](House& house, int point) {
        house.deploy("shop/1.0");
        house.finish();
        house.fails[{"web-1", "probe"}] = 1;
        house.kill_at(point);
        const std::string run = house.deploy("shop/2.0");
        house.finish();
        return run;
    };
    House undisturbed;
    undisturbed.deploy("shop/1.0");
    undisturbed.finish();
    const int before = undisturbed.points();
    undisturbed.fails[{"web-1", "probe"}] = 1;
    const std::string first = undisturbed.deploy("shop/2.0");
    undisturbed.finish();
    REQUIRE(undisturbed.run(first).outcome == "rolled_back");
    const int points = undisturbed.points() - before;
    for (int point = 1; point <= points; ++point) {
        INFO("killed at point " << point << " of " << points);
        House house;
        const std::string run = play(house, point);
        REQUIRE(house.run(run).outcome == "rolled_back");
        REQUIRE(house.targets(run) == undisturbed.targets(first));
        REQUIRE(house.run(run).reason == undisturbed.run(first).reason);
        REQUIRE(sorted(house.did) == sorted(undisturbed.did));
    }
}

TEST_CASE("a script's process that is killed at any of its commands is replayed, and the run ends the same",
          "[law-7]") {
    House undisturbed;
    undisturbed.use_workflow_vm(0);
    const std::string first = undisturbed.deploy("shop/1.0");
    undisturbed.finish();
    REQUIRE(undisturbed.run(first).outcome == "succeeded");
    REQUIRE(undisturbed.commands() >= 4); // preflight, two levels, the end
    for (int command = 1; command <= undisturbed.commands(); ++command) {
        INFO("killed at command " << command);
        House house;
        house.use_workflow_vm(command);
        const std::string run = house.deploy("shop/1.0");
        house.finish();
        REQUIRE(house.run(run).outcome == "succeeded");
        REQUIRE(house.commands() > undisturbed.commands());
        REQUIRE(house.did == undisturbed.did);
    }
}

TEST_CASE("what an earlier run left out of service, and nodes that are away, are out for the next one",
          "[law-4]") {
    House house;
    house.fails[{"app-2", "apply"}] = 1;
    const std::string run =
        house.deploy("shop/1.0", "token:alice", [](auto& request) { request.params.set("max_failures", 1); });
    house.finish();
    REQUIRE(house.targets(run).find("app-2 failed") != std::string::npos);
    house.offline.insert("web-1");
    CHECK(out_of(house.input(house.deploy("shop/2.0"))) == "app-2, web-1");
}

TEST_CASE("a run that has ended is retried for what is left of it, and for nothing else") {
    House house;
    house.fails[{"app-2", "apply"}] = 1;
    const std::string run =
        house.deploy("shop/1.0", "token:alice", [](auto& request) { request.params.set("max_failures", 1); });
    house.finish();
    REQUIRE(house.targets(run) == "app-1 updated, app-2 failed, web-1 updated");
    const auto again = house.say(run, "retry");
    REQUIRE(again);
    house.finish();
    CHECK(house.targets(*again) == "app-2 updated");
    CHECK(house.run(*again).retries == run);
    CHECK(house.run(*again).actor == "token:bob");
    CHECK(house.run(*again).outcome == "succeeded");
    CHECK(tests::refusal(Fault::Conflict, [&] { house.say(*again, "retry"); }) ==
          "run '" + *again + "' has left no target to be tried again");
    CHECK(tests::refusal(Fault::Conflict, [&] { house.say(run, "retry"); })
              .find(" came after run '" + run +
                    "', whose targets may be others by now; deploy shop/1.0 again") != std::string::npos);
}

TEST_CASE(
    "an operation works on the release that is there and leaves the environment's releases as they are") {
    House house;
    runs::RunRequest request;
    request.kind = workflows::engine::RunKind::Operation;
    request.environment = "prod";
    request.workflow = "rolling";
    CHECK(tests::refusal(Fault::NotFound, [&] { house.request(request); }) ==
          "environment 'prod' runs nothing yet: nothing was deployed there");
    const std::string deployed = house.deploy("shop/1.0");
    house.finish();
    const std::string run = house.request(request);
    house.finish();
    CHECK(house.run(run).kind == "operation");
    CHECK(house.run(run).release == "shop/1.0");
    CHECK(runs::Environments(house.database()).current("prod", "shop")->run == deployed);
    CHECK(runs::Environments(house.database()).known_good("prod", "shop").size() == 1);
}

TEST_CASE("a signal for a node reaches all of the run's targets there, and one for nobody is refused") {
    House house;
    const std::string run = house.deploy("shop/1.0");
    CHECK(tests::refusal(Fault::NotFound,
                         [&] {
                             house.rollouts().signal(run, {.verb = "skip",
                                                           .reason = {},
                                                           .plan = {},
                                                           .target = "db-1",
                                                           .value = {},
                                                           .actor = "token:bob",
                                                           .role = {}});
                         }) ==
          "run '" + run +
              "' has no target 'db-1'; name a node, or a target as 'shop/web on web-1', see 'tiercel "
              "run show " +
              run + "'");
    house.rollouts().signal(run, {.verb = "skip",
                                  .reason = "broken",
                                  .plan = {},
                                  .target = "web-1",
                                  .value = {},
                                  .actor = "token:bob",
                                  .role = {}});
    const auto entries = runs::Journal(house.database()).entries(run);
    const base::Object& event = *entries.back().event.object();
    CHECK(*event.find("target") == base::Value(base::Object{{"component", "shop/web"}, {"node", "web-1"}}));
    CHECK(entries.back().actor == "token:bob");
}
