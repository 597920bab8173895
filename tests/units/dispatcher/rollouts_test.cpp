// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// Runs from request to end: operations, retries, and what earlier runs left.
#include "dispatcher/runs/continuation.hpp"
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

} // namespace

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

TEST_CASE("a rollback does not cross what is irreversible, and says what that is", "[law-9]") {
    House house;
    house.deploy("shop/1.0");
    house.finish();
    const std::string run = house.deploy("shop/2.0");
    house.finish();
    runs::OnceCommands(house.database())
        .ran(run, {.target = {base::ComponentName("shop/app"), base::NodeName("app-1")},
                   .command = "contract",
                   .exit_code = 0,
                   .once = false,
                   .irreversible = true,
                   .known = true,
                   .order = 7});
    runs::RunRequest back;
    back.kind = workflows::engine::RunKind::Rollback;
    back.environment = "prod";
    CHECK(tests::refusal(Fault::Conflict, [&] { house.request(back); }) ==
          "release 'shop/1.0' cannot come back in environment 'prod': what is irreversible has succeeded "
          "since: "
          "command 'contract' of shop/app on app-1, in run " +
              run + " (shop/2.0); if it can live with that, deploy it: 'tiercel deploy prod shop/1.0'");

    // Somebody knows that it can; the way back to it is open again, and so is the one to 2.0.
    house.deploy("shop/1.0");
    house.finish();
    house.deploy("shop/2.0");
    house.finish();
    CHECK_NOTHROW(house.request(back));
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
    CHECK(tests::refusal(Fault::Conflict, [&] { house.say(run, "retry"); }) ==
          "run '" + run + "' has left no target to be tried again");
    house.deploy("shop/2.0");
    house.finish();
    CHECK(tests::refusal(Fault::Conflict, [&] { house.say(run, "retry"); })
              .find(" came after run '" + run +
                    "', whose targets may be others by now; deploy shop/1.0 again") != std::string::npos);
}

TEST_CASE(
    "what a run left behind is told by it and stands until a run mends it, and may be retried one by one") {
    House house;
    house.fails[{"app-2", "apply"}] = 1;
    house.fails[{"app-1", "restart"}] = 1;
    const std::string run = house.deploy("shop/1.0", "token:alice", [](auto& request) {
        request.params.set("max_failures", 2);
        request.params.set("max_unavailable", "100%");
    });
    house.finish();
    REQUIRE(house.targets(run) == "app-1 failed, app-2 failed, web-1 updated");
    const auto left = [&](const std::string& id) {
        std::string text;
        for (const runs::TargetRecord& target : house.rollouts().waiting(id).left) {
            text += target.node + " " + target.state + ": " + target.reason + "; ";
        }
        return text;
    };
    CHECK(left(run) ==
          "app-1 failed: restart: as told by the test; app-2 failed: apply: as told by the test; ");
    const auto standing = [&] {
        std::string text;
        for (const auto& each : runs::Standings(house.database()).left_behind()) {
            CHECK(each.environment == "prod");
            text += each.target.str() + " " + each.state + " in " +
                    (each.run == run ? "the first" : "another") + ": " + each.reason + "; ";
        }
        return text;
    };
    CHECK(standing() == "shop/app on app-1 failed in the first: restart: as told by the test; "
                        "shop/app on app-2 failed in the first: apply: as told by the test; ");
    const auto retry = [&](const std::string& target) {
        return house.rollouts().signal(run, {.verb = "retry",
                                             .reason = {},
                                             .plan = {},
                                             .target = target,
                                             .value = {},
                                             .actor = "token:bob",
                                             .role = {}});
    };
    CHECK(tests::refusal(Fault::Conflict, [&] { retry("web-1"); }) ==
          "run '" + run + "' has left no target to be tried again of 'web-1'");
    CHECK(tests::refusal(Fault::NotFound, [&] { retry("web-9"); }).find("has no target 'web-9'") !=
          std::string::npos);
    const std::string again = retry("shop/app on app-2").value();
    house.kill(); // what it is about outlives the dispatcher
    house.finish();
    CHECK(house.targets(again) == "app-2 updated");
    CHECK(house.run(again).outcome == "succeeded");
    CHECK(standing() == "shop/app on app-1 failed in the first: restart: as told by the test; ");
    CHECK(tests::refusal(Fault::Conflict, [&] { retry("app-2"); }) ==
          "run '" + run + "' has left no target to be tried again of 'app-2'");
    const std::string rest = house.say(run, "retry").value();
    house.finish();
    CHECK(house.targets(rest) == "app-1 updated");
    CHECK(standing().empty());
}

TEST_CASE("a migration that has succeeded is not repeated by retries of its run, unless somebody says so",
          "[law-6][law-7]") {
    House house;
    const auto migrations = [&] {
        return std::count_if(house.did.begin(), house.did.end(),
                             [](const std::string& what) { return what.ends_with(" command"); });
    };
    const auto told = [&](const std::string& run, const std::string& line) {
        const std::vector<std::string> story = house.story(run);
        return std::find(story.begin(), story.end(), line) != story.end();
    };
    const auto retry = [&](const std::string& run, const std::vector<std::string>& again) {
        return house.rollouts()
            .signal(run, {.verb = "retry",
                          .reason = {},
                          .plan = {},
                          .target = {},
                          .value = {},
                          .actor = "token:bob",
                          .role = {},
                          .again = again})
            .value();
    };
    house.fails[{"web-1", "restart"}] = 3;
    const std::string run = house.deploy("shop/4.0");
    house.finish();
    REQUIRE(house.run(run).outcome == "rolled_back");
    REQUIRE(migrations() == 1);
    const std::string second = retry(run, {});
    house.kill();
    house.finish();
    CHECK(house.run(second).outcome == "rolled_back");
    CHECK(migrations() == 1);
    CHECK(told(second, "command has run already command=shop-migrate target=shop/app on app-1 run=" + run));
    // A retry of the retry knows it, too.
    const std::string third = retry(second, {});
    house.finish();
    CHECK(house.run(third).outcome == "rolled_back");
    CHECK(migrations() == 1);
    CHECK(tests::refusal(Fault::Input, [&] { retry(third, {"shop-migrte"}); }) ==
          "command 'shop-migrte' is not held back in a retry of run '" + third +
              "': it has not succeeded there, or is not one that runs once; leave it out of --again");
    const std::string last = retry(third, {"shop-migrate"});
    house.finish();
    CHECK(house.run(last).outcome == "succeeded");
    CHECK(house.run(last).again == std::vector<std::string>{"shop-migrate"});
    CHECK(told(last, "command runs once more command=shop-migrate target=shop/app on app-1 run=" + run));
    CHECK(migrations() == 2);
    // Another deployment is another run.
    house.deploy("shop/1.0");
    house.finish();
    house.deploy("shop/4.0");
    house.finish();
    CHECK(migrations() == 3);
    CHECK(tests::refusal(Fault::Input, [&] {
              house.rollouts().signal(house.deploy("shop/1.0"), {.verb = "pause",
                                                                 .reason = {},
                                                                 .plan = {},
                                                                 .target = {},
                                                                 .value = {},
                                                                 .actor = "token:bob",
                                                                 .role = {},
                                                                 .again = {"shop-migrate"}});
          }).find("commands are run again by a retry of a run that has ended, but run '") == 0);
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
    request.workflow = "rollback";
    CHECK(tests::refusal(Fault::Input, [&] { house.request(request); }) ==
          "'rollback' is no script that a deployment or an operation could run; use 'tiercel rollback'");
    CHECK(runs::Environments(house.database()).current("prod", "shop")->run == deployed);
    CHECK(runs::Environments(house.database()).known_good("prod", "shop").size() == 1);
}

TEST_CASE("a signal for a node reaches all of the run's targets there, and one for nobody is refused") {
    House house;
    house.fails[{"web-1", "restart"}] = 1;
    const std::string run = house.deploy("shop/1.0", "token:alice",
                                         [](auto& request) { request.params.set("on_failure", "ask"); });
    house.pass(30min);
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
    const auto said = std::find_if(entries.begin(), entries.end(), [](const runs::JournalEntry& entry) {
        return *entry.event.object()->find("event") == base::Value("signal");
    });
    REQUIRE(said != entries.end());
    CHECK(*said->event.object()->find("target") ==
          base::Value(base::Object{{"component", "shop/web"}, {"node", "web-1"}}));
    CHECK(said->actor == "token:bob");
}

namespace {

/// A rolling update that is stuck: it awaits what never comes.
std::string stuck_workflow(const std::string& wait, const std::string& soak = "30s") {
    return "return workflow { run = function(ctx)\n"
           "  ctx:preflight()\n"
           "  ctx:update(ctx.levels[1], { soak = '" +
           soak +
           "' })\n"
           "  " +
           wait +
           "\n"
           "  ctx:update(ctx.levels[2])\n"
           "end }\n";
}

} // namespace

TEST_CASE("a run that is stuck goes on with another text that has said the same, and with no other",
          "[law-7]") {
    House house;
    house.own_workflow("stuck", stuck_workflow("ctx:log('ready') ctx:await('never', '30d')"));
    const std::string run =
        house.deploy("shop/1.0", "token:alice", [](auto& request) { request.workflow = "stuck"; });
    house.pass(5min);
    REQUIRE(house.waits(run).find("the workflow awaits signal 'never'") != std::string::npos);
    const auto text = [](const std::string& source) {
        return workflows::engine::Continued{"mended.lua", source, "token:bob", "nobody sends it"};
    };
    const auto go_on = [&](const workflows::engine::Continued& with) {
        const auto course = house.rollouts().course(run);
        const std::int64_t same = runs::check_continuation(run, course, with);
        CHECK(house.rollouts().continue_with(run, course, with));
        return same;
    };
    const auto before = house.story(run);
    CHECK(
        tests::refusal(Fault::Input, [&] { go_on(text(stuck_workflow("ctx:log('ready')", "7s"))); }) ==
        "run '" + run +
            R"(' goes on as before: mended.lua:3 gives 'soak' of its command 2 ('update') as "7s", but gave "30s")");
    CHECK(tests::refusal(Fault::Input,
                         [&] { go_on(text(stuck_workflow("ctx:log('ready') ctx:wait('1s')"))); }) ==
          "run '" + run +
              "' goes on as before: mended.lua:4 gives 'wait' as its command 4, but gave 'await'");
    CHECK(tests::refusal(Fault::Input, [&] {
              go_on(text("return workflow { run = function(ctx) ctx:updat() end }"));
          }).find("' goes on as before: mended.lua:1:") != std::string::npos);
    CHECK(house.story(run) == before);
    // What it awaits may be mended no more, what it does afterwards may.
    const std::string mended =
        "ctx:log('ready') if not ctx:await('never', '30d').received then error('no') end\n"
        "  ctx:log('mended')";
    CHECK(go_on(text(stuck_workflow(mended))) == 4);
    const auto story = house.story(run);
    CHECK(std::any_of(story.begin(), story.end(), [](const std::string& line) {
        return line.starts_with("workflow continued with another text workflow=mended.lua text=sha256:") &&
               line.find("actor=token:bob reason=nobody sends it") != std::string::npos;
    }));
    const auto entries = runs::Journal(house.database()).entries(run);
    CHECK(entries.back().actor == "token:bob");
    house.kill(); // the new text is what is replayed from now on
    house.pass(1min);
    CHECK(house.waits(run).find("the workflow awaits signal 'never'") != std::string::npos);
    house.rollouts().signal(run, {.verb = "signal",
                                  .reason = "never",
                                  .plan = {},
                                  .target = {},
                                  .value = {},
                                  .actor = "token:bob",
                                  .role = {}});
    house.finish();
    CHECK(house.run(run).outcome == "succeeded");
    const auto end = house.story(run);
    CHECK(std::any_of(end.begin(), end.end(), [](const std::string& line) {
        return line.find("mended") != std::string::npos && line.starts_with("script says");
    }));
    CHECK(tests::refusal(Fault::Conflict, [&] { house.rollouts().course(run); }) ==
          "run '" + run + "' is not under way; only then can another text take it over");
}

namespace {

std::string failing_workflow(const std::string& second) {
    return "return workflow { run = function(ctx)\n  ctx:preflight()\n  ctx:defer(function(how) "
           "ctx:log('over: ' "
           ".. how) end)\n  ctx:update(ctx.levels[1])\n  " +
           second + "\nend }\n";
}

} // namespace

TEST_CASE("a run whose script failed waits for a person over restarts of the dispatcher, and goes on with a "
          "mended text",
          "[law-7][law-10]") {
    const std::string mended = failing_workflow("ctx:update(ctx.levels[2])");
    const auto text = [](const std::string& source) {
        return workflows::engine::Continued{"mended.lua", source, "token:bob", ""};
    };
    const auto broken = [](House& house) {
        house.own_workflow("broken", failing_workflow("ctx:update(ctx.levls[2])"));
        return house.deploy("shop/1.0", "token:alice", [](auto& request) { request.workflow = "broken"; });
    };
    House house;
    const std::string run = broken(house);
    house.pass(5min);
    const std::string waits = house.waits(run);
    INFO(waits);
    CHECK(
        waits.starts_with("a person, to continue with another text of the workflow, roll back or cancel: the "
                          "workflow failed: broken:5: ctx has no 'levls'; did you mean 'levels'?"));
    CHECK(waits.find(", until ") != std::string::npos);
    CHECK(house.rollouts().waiting(run).needs_person);
    house.kill();
    house.pass(1min);
    CHECK(house.waits(run) == waits);

    const auto course = house.rollouts().course(run);
    const std::string different = failing_workflow("ctx:wait('1s')");
    CHECK(tests::refusal(
              Fault::Input,
              [&] {
                  runs::check_continuation(
                      run, course,
                      text("return workflow { run = function(ctx) ctx:preflight() ctx:log('x') end }"));
              }) ==
          "run '" + run + "' goes on as before: mended.lua:1 gives 'log' as its command 2, but gave 'defer'");
    CHECK(runs::check_continuation(run, course, text(mended)) == 3);
    CHECK(house.rollouts().continue_with(run, course, text(mended)));
    CHECK_FALSE(house.rollouts().continue_with(run, course, text(different))); // it moved on since
    house.finish();
    CHECK(house.run(run).outcome == "succeeded");
    const auto story = house.story(run);
    CHECK(std::count_if(story.begin(), story.end(), [](const std::string& line) {
              return line.starts_with("script says") && line.find("over: succeeded") != std::string::npos;
          }) == 1);

    // Nobody comes; what is deferred is called at the end, by a script that was replayed for it.
    House alone;
    const std::string left = broken(alone);
    alone.pass(5min);
    alone.kill();
    alone.pass(73h);
    CHECK(alone.run(left).outcome == "needs_person");
    const auto end = alone.story(left);
    CHECK(std::any_of(end.begin(), end.end(), [](const std::string& line) {
        return line.find("over: failed") != std::string::npos;
    }));
}

TEST_CASE(
    "a run whose journal cannot be read says so, holds what it has until it is cancelled, and loses nobody "
    "then",
    "[law-1][law-4][law-10]") {
    House house;
    const std::string run = house.deploy("shop/1.0");
    while (house.targets(run) != "app-1 applying, app-2 ready, web-1 ready") {
        house.pass(1s);
    }
    house.database().prepare("UPDATE events SET event = '{\"event\":\"strange\"}' WHERE number = 1").run();
    house.kill();
    const std::string next = house.deploy("shop/2.0");
    house.pass(1h);
    CHECK(house.run(next).state == "queued");
    CHECK(
        house.waits(run).starts_with("a person: it cannot go on, the dispatcher's log says why; 'tiercel run "
                                     "cancel " +
                                     run + "'"));
    CHECK(tests::refusal(Fault::Conflict, [&] { house.say(run, "pause"); }) ==
          "run '" + run + "' cannot go on, the dispatcher's log says why; it can only be cancelled");
    house.say(run, "cancel");
    CHECK(house.run(run).outcome == "cancelled");
    CHECK(house.run(run).reason ==
          "cancelled by token:bob; it could not go on, and nobody knows what its nodes have done since");
    CHECK(house.targets(run) == "app-1 lost, app-2 not_started, web-1 not_started");
    CHECK(runs::Standings(house.database()).out("prod").size() == 1);
    house.finish();
    CHECK(house.run(next).outcome == "succeeded");
}

// ---- what went wrong in other systems, by the reference of the complaint (docs/complaints.md) ----

TEST_CASE(
    "[argo-long-soak] a soak of a week lasts a week, over restarts of the dispatcher, and says until when",
    "[law-7][law-10]") {
    House house;
    const base::Time asked = house.now();
    const std::string run = house.deploy("shop/1.0", "token:alice", [](auto& request) {
        request.params.set("soak", "7d");
        request.params.set("ramp", base::Array{"100%"});
        request.params.set("max_unavailable", "100%");
    });
    for (int day = 1; day < 14; ++day) {
        house.pass(24h);
        house.kill();
        INFO("day " << day);
        REQUIRE(house.run(run).state == "running");
        CHECK(house.targets(run).find(day <= 7 ? "app-1 soaking" : "web-1 soaking") != std::string::npos);
        CHECK(house.waits(run).find(fmt::format("batch 1 of level {} soaks 7d, until 2026-{}",
                                                day <= 7 ? 0 : 1, day <= 7 ? "11-25T" : "12-02T")) !=
              std::string::npos);
    }
    house.pass(25h);
    CHECK(house.run(run).outcome == "succeeded");
    CHECK(*house.run(run).ended - asked > 14 * 24h);
    CHECK(*house.run(run).ended - asked < 14 * 24h + 5min);
}

TEST_CASE("[nomad-11267] a deadline stands where it stood when the dispatcher was restarted meanwhile",
          "[law-7][law-10]") {
    House house;
    const std::string run = house.deploy("shop/1.0", "token:alice", [](auto& request) {
        request.params.set("max_failures", 1);
        request.params.set("soak", "0s");
    });
    while (house.targets(run).find("app-1 restarting") == std::string::npos) {
        house.pass(1s);
    }
    house.offline.insert("app-1");
    const base::Time sent = house.now();
    for (int minute = 1; minute < 5; ++minute) {
        house.pass(1min);
        house.kill();
    }
    CHECK(house.targets(run).find("app-1 restarting") != std::string::npos);
    house.pass(62s);
    CHECK(house.now() - sent < 6min);
    CHECK(house.targets(run).find("app-1 restarting") == std::string::npos);
}

TEST_CASE("[codedeploy-agent-80] each order names its run, its step, its component and what it is about, and "
          "nobody "
          "else may answer it") {
    House house;
    const std::string first = house.deploy("shop/1.0");
    house.finish();
    const std::string second = house.deploy("shop/2.0");
    house.finish();
    std::set<std::string> ids;
    std::map<std::string, std::int64_t> epochs;
    for (const runs::OrderRecord& sent : house.sent) {
        const auto order = protocol::Order::parse(sent.text);
        CHECK(ids.insert(order.id).second);
        CHECK((order.run == first || order.run == second));
        CHECK(order.run == sent.run);
        CHECK(epochs.emplace(order.run, order.epoch).first->second == order.epoch);
        CHECK(order.component == (sent.node == "web-1" ? "shop/web" : "shop/app"));
        if (order.kind == "apply") {
            CHECK(order.body.object()->find("desired_digest") != nullptr);
            CHECK(*order.body.object()->find("present") == base::Value("sha256:present"));
        }
    }
    CHECK(epochs.at(first) < epochs.at(second));
    const runs::OrderRecord& sent = house.sent.front();
    const std::string other = sent.node == "web-1" ? "app-1" : "web-1";
    CHECK(tests::refusal(Fault::Denied, [&] {
              house.rollouts().reported(base::NodeName(other), {.order = sent.id,
                                                                .order_digest = base::sha256(sent.text),
                                                                .ok = true,
                                                                .code = {},
                                                                .reason = {},
                                                                .detail = {}});
          }) == "node '" + other + "' reports on order '" + sent.id + "', which was not sent to it");
}

TEST_CASE("[nomad-12940] a release that failed, and whose way back failed, can be tried as often as somebody "
          "says") {
    House house;
    house.deploy("shop/1.0");
    house.finish();
    house.fails[{"web-1", "restart"}] = 5;
    house.fails[{"web-1", "undo"}] = 5;
    std::string run = house.deploy("shop/2.0");
    house.finish();
    REQUIRE(house.run(run).outcome == "rollback_failed");
    // The last good release stays what the environment goes back to.
    CHECK(runs::Environments(house.database()).known_good("prod", "shop").at(0).release == "shop/1.0");
    for (int tries = 2; tries <= 5; ++tries) {
        run = house.say(run, "retry").value();
        house.finish();
        INFO("try " << tries << ": " << house.run(run).reason);
        CHECK(house.run(run).outcome == "rollback_failed");
    }
    run = house.say(run, "retry").value();
    house.finish();
    CHECK(house.run(run).outcome == "succeeded");
}

namespace {

runs::RunRequest of_shop(workflows::engine::RunKind kind) {
    runs::RunRequest wanted;
    wanted.kind = kind;
    wanted.environment = "prod";
    wanted.workflow = kind == workflows::engine::RunKind::Operation ? "repair" : "";
    return wanted;
}

} // namespace

TEST_CASE("a rollback that did not bring all back goes to the same release when it is asked for again, and "
          "repairs go there, too",
          "[law-9]") {
    House house;
    for (const char* release : {"shop/1.0", "shop/2.0"}) {
        house.deploy(release);
        house.finish();
    }
    house.fails[{"app-2", "apply"}] = 1;
    const std::string back = house.request(of_shop(workflows::engine::RunKind::Rollback));
    house.finish();
    REQUIRE(house.run(back).outcome == "rollback_failed");
    const auto now = runs::Environments(house.database()).current("prod", "shop").value();
    CHECK(now.release == "shop/1.0");
    CHECK(now.mixed == "shop/2.0");
    const std::string repair = house.request(of_shop(workflows::engine::RunKind::Operation));
    CHECK(house.run(repair).release == "shop/1.0");
    house.finish();
    const std::string again = house.request(of_shop(workflows::engine::RunKind::Rollback));
    CHECK(house.run(again).release == "shop/1.0");
    house.finish();
    REQUIRE(house.run(again).outcome == "succeeded");
    CHECK(runs::Environments(house.database()).current("prod", "shop")->mixed == std::nullopt);
}

TEST_CASE(
    "a rollback that could not reach the one node that a deployment has changed goes to the same release "
    "when it is asked for again",
    "[law-9]") {
    House house;
    for (const char* release : {"shop/1.0", "shop/2.0"}) {
        house.deploy(release);
        house.finish();
    }
    house.deploy("shop/3.0");
    while (house.did.back() != "app-1 apply") {
        house.pass(1s);
    }
    house.offline.insert("app-1");
    house.rollouts().node_seen(base::NodeName("app-1"), false);
    const std::string back = house.request(of_shop(workflows::engine::RunKind::Rollback));
    REQUIRE(house.run(back).release == "shop/2.0");
    house.finish();
    REQUIRE(house.run(back).outcome == "rollback_failed");
    house.offline.clear();
    CHECK(house.run(house.request(of_shop(workflows::engine::RunKind::Rollback))).release == "shop/2.0");
}

TEST_CASE("who approves in the middle of a run names the plan that it has started with, or is refused",
          "[law-13]") {
    House house;
    house.own_workflow("rolling",
                       "return workflow { run = function(ctx) ctx:preflight() ctx:approve('go on?') "
                       "for _, level in ipairs(ctx.levels) do ctx:update(level) end end }");
    const std::string run = house.deploy("shop/1.0");
    house.pass(5s);
    REQUIRE_THAT(house.waits(run), Catch::Matchers::Contains("go on?"));
    const auto approve = [&](const std::string& plan) {
        house.rollouts().signal(run, {.verb = "approve",
                                      .reason = {},
                                      .plan = plan,
                                      .target = {},
                                      .value = {},
                                      .actor = "token:bob",
                                      .role = {}});
    };
    const std::string plan = workflows::engine::RunInput::from_value(house.input(run)).hash().str();
    CHECK(tests::refusal(Fault::Conflict, [&] { approve("sha256:other"); }) ==
          "run '" + run + "' has started with '" + plan + "', not with plan 'sha256:other'");
    approve(plan);
    house.finish();
    CHECK(house.run(run).outcome == "succeeded");
}
