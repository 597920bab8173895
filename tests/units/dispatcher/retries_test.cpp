// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// What tries again what an earlier run left: which targets, what has run once, and whom budgets count.
#include "dispatcher/runs/locks.hpp"
#include "dispatcher/runs/once_commands.hpp"
#include "tests/refusal.hpp"
#include "tests/units/dispatcher/house.hpp"

using namespace dispatcher;
using namespace std::chrono_literals;
using base::Fault;
using tests::House;

namespace {

std::string operate(House& house, const std::string& workflow, const base::Object& params = {}) {
    runs::RunRequest request;
    request.kind = workflows::engine::RunKind::Operation;
    request.environment = "prod";
    request.workflow = workflow;
    request.params = params;
    return house.request(request);
}

std::string retry(House& house, const std::string& run, const std::string& target = "",
                  const std::vector<std::string>& again = {}, const std::vector<std::string>& done = {}) {
    return house.rollouts()
        .signal(run, {.verb = "retry",
                      .reason = {},
                      .plan = {},
                      .target = target.empty() ? std::nullopt : std::optional(target),
                      .value = {},
                      .actor = "token:bob",
                      .role = {},
                      .again = again,
                      .done = done})
        .value();
}

std::string nodes(const base::Value& input, std::string_view list) {
    std::string text;
    for (const base::Value& target : *input.object()->find(list)->array()) {
        text += (text.empty() ? "" : ", ") + *target.object()->find("node")->text();
    }
    return text;
}

std::ptrdiff_t count(const House& house, const std::string& what) {
    return std::count(house.did.begin(), house.did.end(), what);
}

std::ptrdiff_t migrations(const House& house) {
    return std::count_if(house.did.begin(), house.did.end(),
                         [](const std::string& what) { return what.ends_with(" command"); });
}

} // namespace

TEST_CASE("an operation is not tried again when another release has come since", "[law-13]") {
    House house;
    house.deploy("shop/1.0");
    house.finish();
    house.fails[{"app-1", "restart"}] = 2;
    const std::string run = operate(house, "restart");
    house.finish();
    REQUIRE(house.run(run).outcome == "stopped");
    const std::string again = retry(house, run);
    house.finish();
    REQUIRE(house.run(again).outcome == "stopped");
    const std::string other = house.deploy("shop/2.0");
    house.finish();
    const std::string overtaken = "run " + other + " (deploy of shop/2.0 by token:alice) came after run '";
    for (const std::string& one : {run, again}) {
        CHECK(
            tests::refusal(Fault::Conflict, [&] { retry(house, one); }) ==
            overtaken + one +
                "', whose targets may be others by now; start it again with 'tiercel run start prod restart "
                "--app shop'");
    }
}

TEST_CASE("a retry that queues does not start when another release has overtaken it", "[law-13][law-14]") {
    House house;
    house.fails[{"app-2", "apply"}] = 1;
    const std::string run =
        house.deploy("shop/1.0", "token:alice", [](auto& request) { request.params.set("max_failures", 1); });
    house.finish();
    runs::Locks locks(house.database());
    locks.take({"prod", "token:carol", "a disk is replaced", house.now(), house.now() + 1h});
    const std::string other = house.deploy("shop/2.0");
    const std::string again = retry(house, run);
    CHECK(house.run(again).state == "queued");
    locks.release("prod");
    house.rollouts().look_again("prod");
    house.finish();
    CHECK(house.run(other).outcome == "succeeded");
    CHECK(house.run(again).outcome == "refused");
    CHECK(house.run(again).reason == "run " + other +
                                         " (deploy of shop/2.0 by token:alice) came after run '" + run +
                                         "', whose targets may be others by now; deploy shop/1.0 again");
    CHECK(house.targets(other) == "app-1 updated, app-2 updated, web-1 updated");
}

TEST_CASE("what one retry has mended, another one of the same run does not do again") {
    House house;
    house.fails[{"app-2", "apply"}] = 2;
    const std::string run =
        house.deploy("shop/1.0", "token:alice", [](auto& request) { request.params.set("max_failures", 1); });
    house.finish();
    const std::string first = retry(house, run, "app-2");
    house.finish();
    REQUIRE(house.targets(first) == "app-2 failed");
    const std::string second = retry(house, run, "app-2");
    house.finish();
    REQUIRE(house.targets(second) == "app-2 updated");
    CHECK(tests::refusal(Fault::Conflict, [&] { retry(house, first); }) ==
          "run '" + first + "' has left no target to be tried again");
}

TEST_CASE("a policy's budget counts those that a retry is not about", "[law-4]") {
    House house;
    house.deploy("shop/1.0");
    house.finish();
    house.apply_policy("[[budget]]\ncomponent = \"shop/app\"\nmax_unavailable = 1\n");
    house.fails[{"app-1", "restart"}] = 1;
    const std::string run = house.deploy("shop/2.0", "token:alice",
                                         [](auto& request) { request.params.set("on_failure", "stop"); });
    house.finish();
    REQUIRE(house.targets(run) == "app-1 failed, app-2 not_started, web-1 not_started");
    const std::string other = retry(house, run, "app-2");
    house.finish();
    CHECK(nodes(house.input(other), "bystanders") == "app-1");
    CHECK(nodes(house.input(other), "out") == "app-1");
    CHECK(house.run(other).reason.find(
              "the policy's budget of component 'shop/app' is used up by targets that are "
              "out of service") == 0);
    CHECK(count(house, "app-2 drain") == 1); // by the first release alone
    const std::string mended = retry(house, run, "app-1");
    house.finish();
    CHECK(house.targets(mended) == "app-1 updated");
    const std::string rest = retry(house, run);
    house.finish();
    CHECK(house.targets(rest) == "app-2 updated, web-1 updated");
}

TEST_CASE("what an operation has stopped is out of service for the runs after it, until it is started",
          "[law-4]") {
    House house;
    house.deploy("shop/1.0");
    house.finish();
    const std::string stop = operate(house, "stop");
    house.pass(1min);
    house.say(stop, "approve");
    house.finish();
    REQUIRE(house.run(stop).outcome == "succeeded");
    const std::string status = operate(house, "refresh", base::Object{{"command", "shop-migrate"}});
    house.finish();
    CHECK(nodes(house.input(status), "out") == "app-1, app-2, web-1");
    const std::string start = operate(house, "start");
    house.finish();
    CHECK(nodes(house.input(start), "out") == "app-1, app-2, web-1");
    CHECK(nodes(house.input(operate(house, "restart")), "out").empty());
}

TEST_CASE("what may have run once is not run again by itself: a person says whether it has", "[law-6]") {
    const auto play = [](House& house) {
        house.codes["command"] = "lost";
        house.fails[{"app-1", "command"}] = 1;
        const std::string run = house.deploy("shop/4.0");
        house.finish();
        REQUIRE(house.run(run).outcome == "rolled_back");
        REQUIRE(migrations(house) == 1);
        CHECK(tests::refusal(Fault::Conflict, [&] { retry(house, run); }) ==
              "nobody knows whether command 'shop-migrate' of shop/app on app-1 has succeeded in run '" +
                  run + "', and it is to run once; look there, and say it: 'tiercel run retry " + run +
                  " --done shop-migrate' when it has, '--again shop-migrate' to run it");
        return run;
    };
    House has;
    const std::string first = play(has);
    const std::string spared = retry(has, first, "", {}, {"shop-migrate"});
    has.kill();
    has.finish();
    CHECK(has.run(spared).outcome == "succeeded");
    CHECK(has.run(spared).done == std::vector<std::string>{"shop-migrate"});
    CHECK(migrations(has) == 1);
    const std::vector<std::string> story = has.story(spared);
    CHECK(std::find(
              story.begin(), story.end(),
              "command has run already, as somebody says command=shop-migrate target=shop/app on app-1 run=" +
                  first) != story.end());

    House has_not;
    const std::string second = play(has_not);
    CHECK(tests::refusal(Fault::Input,
                         [&] { retry(has_not, second, "", {"shop-migrate"}, {"shop-migrate"}); }) ==
          "command 'shop-migrate' cannot be both: --again runs it once more, --done says that it has "
          "succeeded");
    const std::string forced = retry(has_not, second, "", {"shop-migrate"});
    has_not.finish();
    CHECK(has_not.run(forced).outcome == "succeeded");
    CHECK(migrations(has_not) == 2);
}

TEST_CASE("a report that comes after the end tells whether what runs once has run", "[law-6]") {
    House house;
    house.deploy("shop/1.0");
    house.finish();
    const std::string run = house.deploy("shop/2.0");
    house.finish();
    runs::OnceCommands once(house.database());
    const workflows::engine::CommandRan lost{
        {base::ComponentName("shop/app"), base::NodeName("app-1")}, "contract", 0, true, true, false, 7};
    const auto report = [](bool ok, const std::string& code) {
        return protocol::Report{"order", base::sha256(""), ok, code, "", base::Object{{"exit_code", 3}}};
    };
    once.ran(run, lost);
    CHECK_FALSE(once.crossed("prod", "shop", "shop/1.0")->known);
    once.heard(run, 7, report(false, "lost"));
    once.heard(run, 8, report(true, ""));
    CHECK_FALSE(once.of(run).at(0).known);
    once.heard(run, 7, report(true, ""));
    CHECK(once.of(run).at(0).known);
    CHECK(once.of(run).at(0).exit_code == 3);
    CHECK(once.crossed("prod", "shop", "shop/1.0")->known);
    once.ran(run, lost); // that it may have run once more takes nothing from that it has
    CHECK(once.of(run).at(0).known);

    const std::string other = house.deploy("shop/3.0");
    house.finish();
    once.ran(other, lost);
    once.heard(other, 7, report(false, "failed"));
    CHECK(once.of(other).empty());

    // Two attempts of which nobody knows: that one has failed says nothing about the other.
    workflows::engine::CommandRan second = lost;
    second.order = 9;
    once.ran(other, lost);
    once.ran(other, lost);
    once.ran(other, second);
    once.heard(other, 9, report(false, "failed"));
    once.heard(other, 7, report(false, "failed"));
    REQUIRE(once.of(other).size() == 1);
    CHECK_FALSE(once.of(other).at(0).known);
}
