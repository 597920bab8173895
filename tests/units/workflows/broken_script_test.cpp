// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// A script that fails when targets have been changed: its run waits for a person, who has four answers.
#include "base/error.hpp"
#include "tests/catch.hpp"
#include "tests/fakes/fleet.hpp"
#include "tests/fakes/laws.hpp"
#include "workflows/engine/trial_replay.hpp"

#include <algorithm>

using namespace workflows::engine;
using namespace std::chrono_literals;
using tests::Behaviour;
using tests::Fleet;
using tests::fleet_input;

namespace {

std::string workflow(const std::string& body) {
    return "return workflow { run = function(ctx)\n ctx:preflight()\n" + body + "\nend }";
}

const std::string first_level = " ctx:update(ctx.levels[1])\n";
const std::string deferred = " ctx:defer(function(outcome) ctx:log('over: ' .. outcome) end)\n";
const std::string broken = workflow(deferred + first_level + " error('typo')");
const std::string mended = workflow(deferred + first_level + " ctx:update(ctx.levels[2])");

// Whoever is asked says so, the first time.
void answer_once(Fleet& fleet, const std::string& verb) {
    fleet.Simulation::person = [verb, said = false](const std::vector<Waiting>&) mutable {
        return std::exchange(said, true) ? std::nullopt
                                         : std::optional(Signalled{verb, "ann", "", std::nullopt, nullptr});
    };
}

bool has(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
}

} // namespace

TEST_CASE(
    "a script that fails when targets have been changed has its run wait for a person, and not for ever",
    "[law-10][law-2]") {
    Fleet fleet(fleet_input({2, 2}), broken);
    std::vector<Waiting> waiting;
    fleet.watch = [&](const Event& event, const std::vector<Effect>&) {
        const auto* command = std::get_if<ScriptCommand>(&event);
        waiting = command != nullptr && command->kind == "fail" ? fleet.run().waiting() : waiting;
    };
    fleet.drive();
    INFO(fleet.told());
    REQUIRE(waiting.size() == 1);
    CHECK(waiting[0].what == "a person, to continue with another text of the workflow, roll back or cancel: "
                             "the workflow failed: test.lua:5: typo");
    CHECK(waiting[0].person);
    CHECK(waiting[0].until);
    CHECK(fleet.outcome() == "needs_person");
    CHECK(fleet.counts() == "2 not_started, 2 updated");
    CHECK(has(fleet.told(),
              "ended needs_person the workflow failed: test.lua:5: typo; nobody has answered by "
              "2026-11-23T"));
    CHECK(fleet.now() - fleet.start() > 72h);
    CHECK(has(fleet.told(), "over: failed"));
}

TEST_CASE("a run whose script failed goes on with a mended text, and what is deferred is called once, at its "
          "end") {
    Fleet fleet(fleet_input({2, 2}), broken);
    fleet.mended = mended;
    answer_once(fleet, "continue");
    fleet.drive();
    INFO(fleet.told());
    CHECK(fleet.outcome() == "succeeded");
    CHECK(fleet.counts() == "4 updated");
    CHECK(has(fleet.told(), "over: succeeded"));
    CHECK_FALSE(has(fleet.told(), "over: failed"));
    CHECK(fleet.now() - fleet.start() < 1h);
}

TEST_CASE("a run whose script failed is cancelled, and keeps what it has done") {
    Fleet fleet(fleet_input({2, 2}), broken);
    answer_once(fleet, "cancel");
    fleet.drive();
    INFO(fleet.told());
    CHECK(fleet.outcome() == "cancelled");
    CHECK(fleet.counts() == "2 cancelled, 2 updated");
    CHECK(has(fleet.told(), "over: failed"));
}

TEST_CASE("a run whose script failed is taken back", "[law-9]") {
    Fleet fleet(fleet_input({2, 2}), broken);
    answer_once(fleet, "rollback");
    fleet.drive();
    INFO(fleet.told());
    CHECK(fleet.outcome() == "rolled_back");
    CHECK(fleet.counts() == "2 not_started, 2 rolled_back");
}

TEST_CASE("a run whose script failed is not paused, and has nothing to try again") {
    Fleet fleet(fleet_input({2, 2}), broken);
    std::string said;
    fleet.Simulation::person = [&](const std::vector<Waiting>&) {
        try {
            fleet.run().check({"resume", "ann", "", std::nullopt, nullptr});
        } catch (const base::Error& error) {
            said = error.message();
        }
        return std::optional(Signalled{said.empty() ? "resume" : "cancel", "ann", "", std::nullopt, nullptr});
    };
    fleet.drive();
    CHECK(said ==
          "the run is not paused: the workflow failed: test.lua:5: typo; say 'tiercel run continue' with "
          "another text of it, 'rollback-now' or 'cancel'");
}

TEST_CASE("a script that fails before anything was changed ends its run at once") {
    Fleet fleet(fleet_input({1}), workflow(deferred + " error('typo')"));
    fleet.drive();
    CHECK(fleet.outcome() == "refused");
    CHECK(fleet.now() - fleet.start() < 1h);
    CHECK(has(fleet.told(), "over: failed"));
}

TEST_CASE(
    "when the script's process cannot be kept alive, those under way come to their end, and nobody else "
    "starts before another text is there",
    "[law-2][law-5]") {
    Fleet fleet(fleet_input({4}), workflow(" ctx:update(ctx.levels[1], { max_unavailable = 1 })"));
    std::string standing;
    std::string when_continued;
    fleet.watch = [&](const Event& event, const std::vector<Effect>&) {
        when_continued = std::holds_alternative<Continued>(event) ? standing : when_continued;
        standing = fleet.counts();
    };
    for (Behaviour& node : fleet.behaviours()) {
        node.slow[OrderKind::Apply] = 1min;
    }
    fleet.script_dies(90s);
    answer_once(fleet, "continue");
    fleet.drive();
    INFO(fleet.told());
    CHECK(has(fleet.told(), "the workflow waits for a person"));
    CHECK(when_continued == "2 ready, 2 soaking");
    CHECK(fleet.outcome() == "succeeded");
    CHECK(fleet.counts() == "4 updated");
}

TEST_CASE("a run whose script dies while what it deferred is under way ends all the same", "[law-10]") {
    RunInput input = fleet_input({2});
    input.commands[base::ComponentName("shop/a0")] = {{"unmute", "shop", false, false, false, 5min}};
    Fleet fleet(input,
                workflow(" ctx:defer(function() ctx:command('unmute', 'shop/a0') end)\n" + first_level));
    fleet.at("shop/a0", "a0-1").refuses[OrderKind::Restart] = {};
    fleet.at("shop/a0", "a0-2").slow[OrderKind::Command] = 4min;
    fleet.script_dies(2min);
    fleet.drive();
    INFO(fleet.told());
    CHECK(fleet.outcome() == "rolled_back");
    CHECK(has(fleet.told(), "what was deferred failed"));
}

TEST_CASE("what a failed script has left out of service is told to whoever is waited for", "[law-5]") {
    Fleet fleet(fleet_input({2}), workflow(first_level + " ctx:stop(ctx.levels[1], { max_unavailable = "
                                                         "'100%' })\n error('typo')"));
    std::string asked;
    fleet.Simulation::person = [&](const std::vector<Waiting>& waiting) {
        asked = waiting.front().what;
        return std::optional(Signalled{"cancel", "ann", "", std::nullopt, nullptr});
    };
    fleet.drive();
    INFO(fleet.told());
    CHECK(has(asked, "test.lua:5: typo; out of service meanwhile: 2 targets, the first is shop/a0 on a0-1"));
}

TEST_CASE("kill -9 at every event of a run that is continued with a mended text changes nothing", "[law-7]") {
    const auto played = [](std::map<std::int64_t, bool> crashes) {
        auto fleet = std::make_unique<Fleet>(fleet_input({2, 2}), broken,
                                             Fleet::Settings{.crashes = std::move(crashes)});
        fleet->mended = mended;
        fleet->person("continue"); // again when nobody has heard it
        fleet->drive();
        CHECK(fleet->broken == std::vector<std::string>{});
        std::string end = fleet->outcome();
        for (const TargetView& view : fleet->run().targets()) {
            end += "\n" + view.target.str() + " " + std::string(word(view.state)) + " " + view.reason;
        }
        return std::pair(end, fleet->events());
    };
    const auto [undisturbed, events] = played({});
    CHECK(has(undisturbed, "succeeded"));
    for (std::int64_t at = 0; at < events; ++at) {
        for (const bool before : {true, false}) {
            INFO(at << (before ? " before" : " after"));
            CHECK(played({{at, before}}).first == undisturbed);
        }
    }
}

TEST_CASE("a mended text is tried on what the run has done up to the failure, and may be tried again") {
    const auto tried = [](const Said& said, const std::string& source) {
        const RunInput input = fleet_input({2, 2});
        Script script(source, "new.lua", {}, ScriptModel::of(input));
        const TrialReplay trial =
            trial_replay(said, [&](const std::optional<Answer>& answer) { return script.resume(answer); });
        return trial.same() ? fmt::format("the same in {} commands", trial.compared) : trial.difference;
    };
    for (const bool has_deferred : {true, false}) {
        const std::string before = has_deferred ? deferred : " ctx:log('on')\n";
        Fleet fleet(fleet_input({2, 2}), workflow(before + first_level + " error('typo')"));
        Said said;
        fleet.Simulation::person = [&](const std::vector<Waiting>&) {
            said = fleet.run().said();
            CHECK(fleet.run().takes_another_text());
            return std::optional(Signalled{"cancel", "ann", "", std::nullopt, nullptr});
        };
        fleet.drive();
        CHECK(tried(said, workflow(before + first_level + " ctx:wait('1s')")) == "the same in 3 commands");
        CHECK(tried(said, workflow(before + first_level)) == "the same in 3 commands");
        CHECK(tried(said, workflow(before + " ctx:wait('1s')")) ==
              "gives 'wait' as its command 3, but gave 'update'");
        CHECK(tried(fleet.run().said(), workflow(before + first_level + " ctx:wait('1s')")) ==
              "gives 'wait' as its command 4, but had ended");
        CHECK_FALSE(fleet.run().takes_another_text());
    }
}
