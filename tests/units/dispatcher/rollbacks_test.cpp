// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// Where a rollback goes: whatever the run before it was doing, and whatever became of it.
#include "dispatcher/runs/environments.hpp"
#include "tests/refusal.hpp"
#include "tests/units/dispatcher/house.hpp"

using namespace dispatcher;
using namespace std::chrono_literals;
using base::Fault;
using tests::House;

namespace {

runs::RunRequest rollback(const std::optional<std::string>& release = std::nullopt) {
    runs::RunRequest request;
    request.kind = workflows::engine::RunKind::Rollback;
    request.environment = "prod";
    request.release = release;
    return request;
}

void deploy(House& house, std::initializer_list<const char*> releases) {
    for (const char* release : releases) {
        house.deploy(release);
        house.finish();
    }
}

/// "shop/2.0 rollback_failed, then partly shop/1.0": where a rollback went, and what the environment runs.
std::string go_back(House& house, const std::optional<std::string>& release = std::nullopt) {
    const std::string id = house.request(rollback(release));
    house.finish();
    const runs::Current now = runs::Environments(house.database()).current("prod", "shop").value();
    return house.run(id).release + " " + house.run(id).outcome.value_or("") + ", then " +
           now.release.value_or("nothing") + (now.mixed ? ", partly " + *now.mixed : "");
}

void reach(House& house, const std::string& run, const std::string& targets) {
    for (int waited = 0; waited < 6000 && house.targets(run) != targets; ++waited) {
        house.pass(100ms);
    }
    REQUIRE(house.targets(run) == targets);
}

} // namespace

TEST_CASE("a rollback of a deployment that had reached its goal already goes behind that", "[law-9]") {
    House house;
    deploy(house, {"shop/1.0"});
    const std::string run = house.deploy("shop/2.0");
    reach(house, run, "app-1 updated, app-2 updated, web-1 updated");
    REQUIRE(house.run(run).state == "running"); // nodes are told that it is known to be good
    CHECK(go_back(house) == "shop/1.0 succeeded, then shop/1.0");
    CHECK(house.run(run).outcome == "succeeded");
}

TEST_CASE("a rollback that failed half way is asked for again, and goes where it went before", "[law-9]") {
    House house;
    deploy(house, {"shop/1.0", "shop/2.0", "shop/3.0"});
    house.fails[{"app-1", "restart"}] = 1;
    CHECK(go_back(house) == "shop/2.0 rollback_failed, then shop/2.0, partly shop/3.0");
    CHECK(go_back(house) == "shop/2.0 succeeded, then shop/2.0");
}

TEST_CASE("who goes back by mistake comes back by name, and what came back counts again", "[law-9]") {
    House house;
    deploy(house, {"shop/1.0", "shop/2.0"});
    CHECK(go_back(house) == "shop/1.0 succeeded, then shop/1.0");
    CHECK(go_back(house, "shop/2.0") == "shop/2.0 succeeded, then shop/2.0");
    deploy(house, {"shop/3.0"});
    CHECK(go_back(house) == "shop/2.0 succeeded, then shop/2.0");
}

TEST_CASE("a run that has left something on any node has left the environment half way", "[law-9]") {
    House skipped;
    deploy(skipped, {"shop/1.0", "shop/2.0"});
    skipped.fails[{"app-1", "restart"}] = 1;
    const std::string run = skipped.deploy("shop/3.0", "token:alice",
                                           [](auto& request) { request.params.set("on_failure", "ask"); });
    reach(skipped, run, "app-1 failed, app-2 ready, web-1 ready");
    skipped.say(run, "pause");
    skipped.say(run, "skip");
    skipped.say(run, "cancel");
    skipped.finish();
    REQUIRE(skipped.targets(run) == "app-1 skipped, app-2 cancelled, web-1 cancelled");
    CHECK(go_back(skipped) == "shop/2.0 succeeded, then shop/2.0");

    // It gave way, but the rollback went nowhere: somebody cancelled it, too.
    House given_way;
    deploy(given_way, {"shop/1.0", "shop/2.0"});
    const std::string other = given_way.deploy("shop/3.0");
    reach(given_way, other, "app-1 restarting, app-2 ready, web-1 ready");
    given_way.say(given_way.request(rollback()), "cancel");
    given_way.finish();
    REQUIRE(given_way.targets(other) == "app-1 cancelled, app-2 cancelled, web-1 cancelled");
    CHECK(go_back(given_way) == "shop/2.0 succeeded, then shop/2.0");
}

TEST_CASE("a retry of one of many is no known-good, and brings the environment nowhere", "[law-9]") {
    House house;
    deploy(house, {"shop/1.0"});
    house.fails[{"app-1", "apply"}] = 1;
    house.fails[{"app-2", "apply"}] = 1;
    const std::string run = house.deploy("shop/2.0", "token:alice", [](auto& request) {
        request.params.set("max_failures", 2);
        request.params.set("max_unavailable", "100%");
    });
    house.finish();
    REQUIRE(house.targets(run) == "app-1 failed, app-2 failed, web-1 updated");
    const runs::Environments environments(house.database());
    const auto retry = [&](const std::string& target) {
        house.rollouts().signal(run, {.verb = "retry",
                                      .reason = {},
                                      .plan = {},
                                      .target = target,
                                      .value = {},
                                      .actor = "token:bob",
                                      .role = {}});
        house.finish();
        return environments.known_good("prod", "shop").front().release;
    };
    CHECK(retry("app-1") == "shop/1.0");
    CHECK(retry("app-2") == "shop/2.0");
}

TEST_CASE("of several applications one has to be named, also when one is only on its way", "[law-9]") {
    House house;
    deploy(house, {"shop/1.0", "shop/2.0"});
    house.add_neighbours();
    const std::string run = house.deploy("mail/1.0");
    CHECK(tests::refusal(Fault::Input, [&] { house.request(rollback()); }) ==
          "environment 'prod' runs several applications (mail, shop); name one with --app");
    runs::RunRequest back = rollback();
    back.application = "mail";
    CHECK(
        tests::refusal(Fault::NotFound, [&] { house.request(back); }) ==
        "environment 'prod' has no known-good release of 'mail', nothing is known to be good there; 'tiercel "
        "run cancel' ends the deployment that is under way");
    house.finish();
    CHECK(house.run(run).outcome == "succeeded");
}
