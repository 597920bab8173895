// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// kill -9 of the dispatcher and of a script's process, at each place where it can make a difference.
#include "tests/catch.hpp"
#include "tests/units/dispatcher/house.hpp"

#include <algorithm>
#include <filesystem>
#include <regex>

using namespace dispatcher;
using namespace std::chrono_literals;
using tests::House;
using workflows::engine::RunKind;

namespace {

/// All of ctx, with what a replay could get wrong in what it says.
constexpr const char* all_of_ctx_lua = R"(
return workflow { params = { pause = duration "1m" }, run = function(ctx, params)
  local begun = ctx:now()
  ctx:log("begins", { name = ctx:uuid(), at = begun, drawn = ctx:random() })
  local drawn = 0
  for name, number in pairs({ one = ctx:random(), two = ctx:random(), [3] = ctx:random() }) do
    drawn = drawn + number
  end
  ctx:defer(function(outcome)
    ctx:command("refresh", "shop/app")
    ctx:wait(params.pause)
    ctx:log("over", { outcome = outcome, drawn = drawn, ill = ctx:probe(ctx.levels[2]).failed, late = ctx:now() > begun })
  end)
  ctx:defer(function() error("of what is deferred") end)
  if ctx:side_effect(function() return nil end) ~= nil then error("nil is recorded, too") end
  local kept = ctx:side_effect(function() return { drawn, false, "\0\u{fffd}" } end)
  ctx:preflight { deadline = "2m" }
  local heard = ctx:await("go", "1h")
  ctx:log("heard", { by = heard.by, value = heard.value, kept = kept })
  if not ctx:approve("what is to come", { count = 2 }).approved then error("not approved") end
  if not ctx:outage("all stops").approved then error("not approved") end
  ctx:stop(ctx.levels[2])
  local caught, why = pcall(ctx.update, ctx, ctx.levels[1], { ramp = { "200%" } })
  ctx:log("caught", { caught = caught, why = why })
  for _, level in ipairs(ctx.levels) do
    local said = ctx:update(level, { soak = params.pause, ramp = { 1, "100%" } })
    ctx:log("updated", { number = said.updated, at = ctx:now() })
  end
  ctx:start(ctx.levels[2])
  ctx:restart(ctx.levels[1], { settle = "5s" })
  ctx:wait(params.pause)
  error({ "no text" })
end }
)";

/// What is done with a house that runs shop/1.0.
struct Scene {
    std::string name;
    std::function<std::string(House&)> begin; ///< returns the run that matters
    std::string outcome = "succeeded";
    std::function<void(House&)> before = [](House&) {
    }; ///< nobody is killed meanwhile
};

Scene deployment(const std::string& workflow, base::Object params = {}) {
    return {workflow, [workflow, params](House& house) {
                return house.deploy("shop/4.0", "token:alice", [&](runs::RunRequest& request) {
                    request.workflow = workflow;
                    request.params = params;
                });
            }};
}

Scene operation(const std::string& workflow) {
    return {workflow, [workflow](House& house) {
                runs::RunRequest request;
                request.kind = RunKind::Operation;
                request.environment = "prod";
                request.workflow = workflow;
                return house.request(request);
            }};
}

std::string roll_back(House& house) {
    runs::RunRequest request;
    request.kind = RunKind::Rollback;
    request.environment = "prod";
    return house.request(request);
}

/// Each stock workflow once; those that can ask a person do.
std::vector<Scene> library() {
    return {deployment("rolling"),
            deployment("canary", {{"approve", true}, {"measure", "measure"}}),
            deployment("blue-green", {{"approve", true}}),
            deployment("all-at-once"),
            deployment("outage"),
            deployment("one-zone-first"),
            deployment("config-only"),
            operation("stop"),
            operation("start"),
            operation("restart"),
            operation("status"),
            operation("refresh"),
            operation("repair")};
}

Scene failing() {
    return {"a release that fails and goes back",
            [](House& house) {
                house.fails[{"web-1", "probe"}] = 1;
                return house.deploy("shop/2.0");
            },
            "rolled_back"};
}

Scene rollback() {
    return {"rollback", roll_back, "succeeded", [](House& house) {
                house.deploy("shop/2.0");
                house.finish();
            }};
}

Scene preempting_rollback() {
    return {"a rollback that takes over", roll_back, "succeeded", [](House& house) {
                house.deploy("shop/2.0");
                house.pass(40s);
            }};
}

Scene all_of_ctx() {
    return {"all of ctx",
            [](House& house) {
                return house.deploy("shop/2.0", "token:alice",
                                    [](runs::RunRequest& request) { request.workflow = "all"; });
            },
            "rolled_back",
            [](House& house) {
                house.own_workflow("all", all_of_ctx_lua);
            }};
}

/// Bob and Carol say what the run waits for, at most ten seconds after it began to.
void see_to_the_end(House& house, const std::string& run) {
    const base::Time end = house.now() + 96h;
    while (house.now() < end && house.run(run).state != "ended") {
        const std::string waits = house.waits(run);
        const auto say = [&](const std::string& verb, const std::string& actor) {
            house.signal(run, {.verb = verb,
                               .reason = "go",
                               .plan = {},
                               .target = {},
                               .value = base::Object{{"answer", base::Array{42, nullptr}}},
                               .actor = actor,
                               .role = {}});
        };
        if (waits.find("awaits signal 'go'") != std::string::npos) {
            say("signal", "token:bob");
        } else if (waits.find("approval of") != std::string::npos) {
            say("approve", "token:bob");
            if (house.waits(run).find("approval of") != std::string::npos) {
                say("approve", "token:carol");
            }
        }
        if (waits.find("the workflow failed") != std::string::npos) {
            say("rollback", "token:bob");
        }
        house.pass(10s);
    }
}

struct Played {
    std::optional<std::string> outcome;
    std::optional<std::string> reason;
    std::string targets;
    std::vector<std::string> did;  ///< by nodes, whatever the order in which they answered
    std::vector<std::string> said; ///< by the script
    int points = 0;
    int commands = 0;

    void check_same(const Played& other) const {
        REQUIRE(outcome == other.outcome);
        REQUIRE(reason == other.reason);
        REQUIRE(targets == other.targets);
        REQUIRE(did == other.did);
        REQUIRE(said == other.said);
    }
};

/// The scene, with `disturb` just before it begins.
Played play(const Scene& scene, const std::function<void(House&)>& disturb) {
    House house;
    house.deploy("shop/1.0", "token:alice",
                 [](runs::RunRequest& request) { request.workflow = "all-at-once"; });
    house.finish();
    scene.before(house);
    const std::size_t before = house.did.size();
    const int points = house.points();
    disturb(house);
    const std::string run = scene.begin(house);
    see_to_the_end(house, run);
    Played played{.outcome = house.run(run).outcome,
                  .reason = house.run(run).reason,
                  .targets = house.targets(run),
                  .did = {house.did.begin() + static_cast<std::ptrdiff_t>(before), house.did.end()},
                  .said = {},
                  .points = house.points() - points,
                  .commands = house.commands()};
    std::sort(played.did.begin(), played.did.end());
    for (const std::string& line : house.story(run)) {
        if (line.starts_with("script says")) {
            static const std::regex time(R"re("at":"[^"]+")re"); // a kill takes some
            played.said.push_back(std::regex_replace(line, time, ""));
        }
    }
    return played;
}

Played play_undisturbed(const Scene& scene) {
    Played undisturbed = play(scene, [](House&) {});
    INFO(undisturbed.reason.value_or(""));
    REQUIRE(undisturbed.outcome == scene.outcome);
    return undisturbed;
}

/// Once, somewhere.
void kill_the_dispatcher(const Scene& scene) {
    INFO(scene.name);
    const Played undisturbed = play_undisturbed(scene);
    REQUIRE(undisturbed.points > 50);
    for (int point = 1; point <= undisturbed.points; ++point) {
        INFO("killed at point " << point << " of " << undisturbed.points);
        const Played killed = play(scene, [&](House& house) { house.kill_at(point); });
        killed.check_same(undisturbed);
    }
}

/// Its process, at each command once.
void kill_the_script(const Scene& scene) {
    INFO(scene.name);
    const Played undisturbed = play(scene, [](House& house) { house.use_workflow_vm(0); });
    INFO(undisturbed.reason.value_or(""));
    REQUIRE(undisturbed.outcome == scene.outcome);
    REQUIRE(undisturbed.commands > 0);
    for (int command = 1; command <= undisturbed.commands; ++command) {
        INFO("killed at command " << command << " of " << undisturbed.commands);
        const Played killed = play(scene, [&](House& house) { house.use_workflow_vm(command); });
        REQUIRE(killed.commands > undisturbed.commands);
        killed.check_same(undisturbed);
    }
}

} // namespace

TEST_CASE(
    "a dispatcher that is killed whenever it meets the world gets to the same end, and no node acts twice",
    "[law-6][law-7]") {
    kill_the_dispatcher(deployment("rolling"));
}

TEST_CASE("the same holds for a run that fails and goes back", "[law-6][law-7]") {
    kill_the_dispatcher(failing());
}

TEST_CASE("the same holds for a script that uses all of ctx", "[law-6][law-7]") {
    kill_the_dispatcher(all_of_ctx());
}

TEST_CASE("the same holds for every stock workflow and for rollbacks with a kill after each event that is "
          "journaled",
          "[law-6][law-7]") {
    std::vector<Scene> scenes = library();
    scenes.insert(scenes.end(), {rollback(), preempting_rollback(), failing(), all_of_ctx()});
    for (const Scene& scene : scenes) {
        INFO(scene.name);
        const Played undisturbed = play_undisturbed(scene);
        int kills = 0;
        const Played killed = play(scene, [&](House& house) { house.kill_after_each_event(kills); });
        REQUIRE(kills >= 5);
        killed.check_same(undisturbed);
    }
}

TEST_CASE("a script's process that is killed at any of its commands is replayed, and the run ends the same, "
          "with every stock workflow",
          "[law-7]") {
    std::set<std::string> played;
    for (const Scene& scene : library()) {
        kill_the_script(scene);
        played.insert(scene.name + ".lua");
    }
    for (const auto& file :
         std::filesystem::directory_iterator(std::filesystem::path(TIERCEL_SOURCE) / "workflows/library")) {
        CHECK((file.path().extension() != ".lua" || played.contains(file.path().filename())));
    }
    kill_the_script(all_of_ctx());
}
