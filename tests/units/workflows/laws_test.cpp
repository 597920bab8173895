// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// The laws of docs/architecture.md that the rollout engine keeps, one by one.
#include "base/json.hpp"
#include "tests/catch.hpp"
#include "tests/fakes/laws.hpp"
#include "workflows/engine/transitions.hpp"

#include <algorithm>

using namespace tests;
using namespace workflows::engine;
using namespace std::chrono_literals;

namespace {

// In these order to these nodes, "drain a0-1, apply a0-1 …", prepare and settle left out.
std::string steps(const Fleet& fleet) {
    std::string text;
    for (const SendOrder& order : fleet.sent) {
        if (order.kind != OrderKind::Prepare && order.kind != OrderKind::Settle) {
            text +=
                (text.empty() ? "" : ", ") + std::string(word(order.kind)) + " " + order.target.node.str();
        }
    }
    return text;
}

bool was_sent(const Fleet& fleet, OrderKind kind, const std::string& node) {
    return std::any_of(fleet.sent.begin(), fleet.sent.end(), [&](const SendOrder& order) {
        return order.kind == kind && order.target.node.str() == node;
    });
}

} // namespace

TEST_CASE("a target is drained, applied, restarted, probed and undrained, then probed again as the gate") {
    Fleet fleet(fleet_input({1}), update_all("soak = '30s'"));
    fleet.drive();
    CHECK(fleet.outcome() == "succeeded");
    CHECK(steps(fleet) == "drain a0-1, apply a0-1, restart a0-1, probe a0-1, undrain a0-1, probe a0-1");
    CHECK(fleet.now() - base::from_rfc3339("2026-11-20T12:00:00.000Z") >= 37s);
}

TEST_CASE("what has nothing to do is not touched, what is new is not drained") {
    Fleet fleet(fleet_input({2}), update_all(""));
    fleet.at("shop/a0", "a0-1").changed = false;
    fleet.at("shop/a0", "a0-2").installed = false;
    fleet.drive();
    CHECK(fleet.counts() == "1 unchanged, 1 updated");
    CHECK(steps(fleet) == "apply a0-2, restart a0-2, probe a0-2, probe a0-2");
}

TEST_CASE("every target ends in exactly one state, and the counts add up", "[law-1]") {
    Fleet fleet(fleet_input({6, 2}),
                update_all("max_failures = 5, max_unavailable = '100%'", "{ quorum = 6 }"));
    fleet.at("shop/a0", "a0-1").refuses[OrderKind::Apply] = {};
    fleet.at("shop/a0", "a0-2").silent.insert(OrderKind::Restart);
    fleet.at("shop/a0", "a0-3").changed = false;
    fleet.at("shop/a0", "a0-4").refuses[OrderKind::Apply] = {"refused"};
    fleet.at("shop/a0", "a0-5").refuses[OrderKind::Apply] = {"quarantined"};
    fleet.away("a0-6", 0s);
    fleet.at("shop/a1", "a1-1").refuses[OrderKind::Prepare] = {};
    fleet.drive();
    INFO(fleet.told());
    CHECK(fleet.counts() ==
          "1 failed, 1 lost, 1 quarantined, 2 refused, 1 unchanged, 1 unreachable, 1 updated");
    CHECK(fleet.outcome() == "succeeded_with_left_out");
}

TEST_CASE("every word of a target's state is told from the others, and nothing follows what cannot be undone",
          "[law-1]") {
    std::set<std::string> words;
    const std::set<TargetState> last = {TargetState::RolledBack, TargetState::RollbackFailed,
                                        TargetState::Cancelled};
    for (int at = 0; at <= static_cast<int>(TargetState::Cancelled); ++at) {
        const auto state = static_cast<TargetState>(at);
        CHECK(words.insert(std::string(word(state))).second);
        CHECK(target_state_from(word(state)) == state);
        for (int to = 0; to <= static_cast<int>(TargetState::Cancelled); ++to) {
            const auto next = static_cast<TargetState>(to);
            INFO(word(state) << " to " << word(next));
            CHECK_FALSE((last.contains(state) && may_follow(state, next)));
            // From one end to another only when a person says so, skipped, or when its way back cannot begin.
            if (is_terminal_word(state) && is_terminal_word(next) && state != TargetState::NotStarted &&
                may_follow(state, next)) {
                CHECK((next == TargetState::Skipped || next == TargetState::RollbackFailed));
            }
        }
    }
    CHECK_THROWS(target_state_from("sleeping"));
}

TEST_CASE("stop means stop: after the failure nobody else is started, those under way finish their step and "
          "go back",
          "[law-2]") {
    Fleet fleet(fleet_input({8}), update_all("max_unavailable = 4"));
    fleet.at("shop/a0", "a0-2").refuses[OrderKind::Drain] = {};
    fleet.at("shop/a0", "a0-1").slow[OrderKind::Drain] = 20s;
    fleet.drive();
    INFO(fleet.told());
    CHECK(fleet.outcome() == "rolled_back");
    CHECK_FALSE(was_sent(fleet, OrderKind::Drain, "a0-5"));
    CHECK_FALSE(was_sent(fleet, OrderKind::Apply, "a0-1"));
    CHECK(was_sent(fleet, OrderKind::Undrain, "a0-1"));
    CHECK(fleet.counts() == "3 cancelled, 1 failed, 4 not_started");
}

TEST_CASE("with on_failure stop those under way come to their end and nothing goes back", "[law-2]") {
    Fleet fleet(fleet_input({4}), update_all("max_unavailable = 2, on_failure = 'stop'"));
    fleet.at("shop/a0", "a0-1").refuses[OrderKind::Drain] = {};
    fleet.drive();
    CHECK(fleet.outcome() == "stopped");
    CHECK(fleet.counts() == "1 failed, 2 not_started, 1 updated");
    CHECK_FALSE(was_sent(fleet, OrderKind::Undo, "a0-2"));
}

TEST_CASE("a level starts only after the gate of the level before it", "[law-3]") {
    Fleet fleet(fleet_input({2, 2}), update_all("soak = '1m', max_unavailable = 2"));
    fleet.drive();
    CHECK(fleet.outcome() == "succeeded");
    const std::string all = steps(fleet);
    CHECK(all.rfind(" a0-") < all.find("drain a1-1"));

    Fleet gate(fleet_input({1, 1}), update_all("soak = '1m'"));
    gate.at("shop/a0", "a0-1").refuses[OrderKind::Probe] = {"failed", 0};
    gate.watch = [&](const Event&, const std::vector<Effect>& effects) {
        for (const Effect& effect : effects) {
            if (const SetTimer* timer = std::get_if<SetTimer>(&effect);
                timer != nullptr && timer->why.find("soaks") != std::string::npos) {
                gate.at("shop/a0", "a0-1").refuses[OrderKind::Probe] = {"failed", 1};
            }
        }
    };
    gate.drive();
    CHECK(gate.outcome() == "rolled_back");
    CHECK(gate.counts() == "1 not_started, 1 rolled_back");
    CHECK_FALSE(was_sent(gate, OrderKind::Drain, "a1-1"));
}

TEST_CASE("a script cannot start a level before the one below is through", "[law-3]") {
    Fleet fleet(fleet_input({1, 1}),
                "return workflow { run = function(ctx)\n ctx:preflight()\n ctx:update(ctx.levels[2])\nend }");
    fleet.drive();
    CHECK(fleet.outcome() == "refused");
    CHECK(fleet.counts() == "2 not_started");
    CHECK(fleet.told().find(
              "the workflow failed: test.lua:3: ctx:update: level 1 cannot start before level 0 is through: "
              "'shop/a0 on a0-1' has not been updated") != std::string::npos);
}

TEST_CASE("no more than max_unavailable are out of service, window by window", "[law-4]") {
    for (const std::size_t limit : {1u, 2u, 3u}) {
        Fleet fleet(fleet_input({7}), update_all("max_unavailable = " + std::to_string(limit)));
        Laws laws(fleet, {{base::ComponentName("shop/a0"), limit}});
        fleet.at("shop/a0", "a0-2").slow[OrderKind::Apply] = 1min;
        fleet.drive();
        laws.at_end();
        CHECK(laws.broken.empty());
        CHECK(fleet.outcome() == "succeeded");
    }
}

TEST_CASE("failed targets count as out of service: when they use up max_unavailable, the run stops",
          "[law-4]") {
    Fleet fleet(fleet_input({4}), update_all("max_unavailable = 1, max_failures = 3, on_failure = 'stop'"));
    Laws laws(fleet, {{base::ComponentName("shop/a0"), 1}});
    fleet.at("shop/a0", "a0-1").refuses[OrderKind::Probe] = {};
    fleet.drive();
    laws.at_end();
    CHECK(laws.broken.empty());
    CHECK(fleet.outcome() == "stopped");
    CHECK(fleet.counts() == "1 failed, 3 not_started");
    CHECK(fleet.told().find(
              "max_unavailable of component 'shop/a0' is used up by targets that failed (1 of 4)") !=
          std::string::npos);
}

TEST_CASE("what was drained is undrained after a failure at any step", "[law-5]") {
    for (const OrderKind step : {OrderKind::Drain, OrderKind::Apply, OrderKind::Restart, OrderKind::Probe}) {
        for (const char* on_failure : {"stop", "rollback-all", "rollback-batch"}) {
            Fleet fleet(fleet_input({1}), update_all(std::string("on_failure = '") + on_failure + "'"));
            fleet.at("shop/a0", "a0-1").refuses[step] = {"failed", 1};
            fleet.drive();
            INFO(fleet.told());
            CHECK(fleet.run().ended());
            CHECK_FALSE(fleet.at("shop/a0", "a0-1").drained);
            CHECK(was_sent(fleet, OrderKind::Undrain, "a0-1"));
        }
    }
}

TEST_CASE("a target that cannot be undrained is reported as left out", "[law-5]") {
    for (const char* on_failure : {"stop", "rollback-all"}) {
        Fleet fleet(fleet_input({1}), update_all(std::string("on_failure = '") + on_failure + "'"));
        fleet.at("shop/a0", "a0-1").refuses[OrderKind::Restart] = {};
        fleet.at("shop/a0", "a0-1").refuses[OrderKind::Undrain] = {};
        fleet.drive();
        INFO(fleet.told());
        CHECK(fleet.reason("shop/a0", "a0-1").find("left out of rotation") != std::string::npos);
    }
}

TEST_CASE("a cancelled run puts back who was between two steps and undrains who was only drained",
          "[law-5]") {
    Fleet fleet(fleet_input({4}), update_all("max_unavailable = 3"));
    fleet.at("shop/a0", "a0-2").slow[OrderKind::Drain] = 30s;
    fleet.at("shop/a0", "a0-3").slow[OrderKind::Apply] = 30s;
    fleet.signal(10s, "cancel");
    fleet.drive();
    INFO(fleet.told());
    CHECK(fleet.outcome() == "cancelled");
    for (const char* node : {"a0-1", "a0-2", "a0-3", "a0-4"}) {
        CHECK_FALSE(fleet.at("shop/a0", node).drained);
    }
    CHECK(fleet.at("shop/a0", "a0-3").release == "old");
    CHECK(fleet.state("shop/a0", "a0-2") == TargetState::Cancelled);
    CHECK(fleet.state("shop/a0", "a0-3") == TargetState::RolledBack);
}

TEST_CASE("every order has an id of its own; an apply is bound to what is wanted and to what the node said "
          "is there",
          "[law-6][law-13]") {
    Fleet fleet(fleet_input({1}), update_all(""));
    fleet.drive();
    std::set<std::int64_t> ids;
    for (const SendOrder& order : fleet.sent) {
        CHECK(ids.insert(order.order).second);
        if (order.kind == OrderKind::Prepare) {
            CHECK(*order.body.object()->find("desired") == fleet.run().input().targets[0].document);
            CHECK(*order.body.object()->find("plan") == base::Value(false));
        }
        if (order.kind == OrderKind::Apply) {
            CHECK(*order.body.object()->find("desired_digest") ==
                  base::Value(base::sha256(base::to_json(fleet.run().input().targets[0].document)).str()));
            CHECK(*order.body.object()->find("present") == base::Value("sha256:present"));
        }
        if (order.kind == OrderKind::Probe) {
            CHECK(order.body.object()->find("availability")->array()->size() == 1);
        }
        if (order.kind == OrderKind::Settle) {
            CHECK(*order.body.object()->find("known_good") == base::Value(true));
            CHECK(*order.body.object()->find("release") == base::Value("shop/2.0"));
        }
    }
    CHECK(fleet.run().input().epoch == 7);
}

TEST_CASE(
    "a lost outcome is reported as lost, a node that was never there as unreachable; neither is success",
    "[law-6]") {
    Fleet fleet(fleet_input({2}), update_all("max_failures = 2, max_unavailable = 2"));
    fleet.at("shop/a0", "a0-1").silent.insert(OrderKind::Apply);
    fleet.away("a0-2", 3s);
    fleet.drive();
    INFO(fleet.told());
    CHECK(fleet.state("shop/a0", "a0-1") == TargetState::Lost);
    CHECK(fleet.reason("shop/a0", "a0-1").find("no answer to 'apply' by 2026-11-20T12:10:0") !=
          std::string::npos);
    CHECK(fleet.state("shop/a0", "a0-2") == TargetState::Lost);
    CHECK(fleet.outcome() == "stopped");
}

TEST_CASE("a report that comes twice or too late changes nothing", "[law-6]") {
    Fleet fleet(fleet_input({2}), update_all("max_failures = 1, max_unavailable = 2"));
    fleet.at("shop/a0", "a0-1").answers_twice = true;
    fleet.at("shop/a0", "a0-2").slow[OrderKind::Apply] = 11min;
    fleet.drive();
    CHECK(fleet.state("shop/a0", "a0-1") == TargetState::Updated);
    CHECK(fleet.state("shop/a0", "a0-2") == TargetState::Lost);
    CHECK(fleet.told().find("late report") != std::string::npos);
}

TEST_CASE("replaying the journal from any point gives the same run", "[law-7]") {
    for (const char* options : {"ramp = { 1, '100%' }, soak = '10s', max_unavailable = 2",
                                "max_failures = 1, max_unavailable = '50%'"}) {
        Fleet fleet(fleet_input({4, 3}), update_all(options));
        fleet.at("shop/a1", "a1-2").refuses[OrderKind::Restart] = {};
        fleet.at("shop/a0", "a0-3").answers_twice = true;
        fleet.at("shop/a0", "a0-2").refuses[OrderKind::Probe] = {"inconclusive", 1};
        fleet.person("resume");
        std::vector<std::string> effects;
        fleet.watch = [&](const Event&, const std::vector<Effect>& caused) {
            std::string text;
            for (const Effect& effect : caused) {
                text += std::to_string(effect.index());
                if (const SendOrder* order = std::get_if<SendOrder>(&effect)) {
                    text += fmt::format("{}{}{}{}", order->order, word(order->kind), order->target.str(),
                                        base::to_json(order->body));
                }
                if (const TargetChanged* change = std::get_if<TargetChanged>(&effect)) {
                    text += fmt::format("{}{}{}", change->target.str(), word(change->state), change->reason);
                }
            }
            effects.push_back(text);
        };
        fleet.drive();
        REQUIRE(fleet.run().ended());
        for (std::size_t killed = 0; killed <= fleet.journal.size(); ++killed) {
            // As after kill -9: the input and the events come back from disk, the script is begun anew.
            Run run(RunInput::from_value(
                base::parse_json(base::to_json(fleet.run().input().to_value()), "input")));
            std::vector<std::string> again;
            const auto feed = [&](std::size_t from, std::size_t to) {
                for (std::size_t i = from; i < to; ++i) {
                    const Event event = event_from_value(
                        base::parse_json(base::to_json(to_value(fleet.journal[i].first)), "journal"));
                    std::string text;
                    for (const Effect& effect : run.handle(event, fleet.journal[i].second)) {
                        text += std::to_string(effect.index());
                        if (const SendOrder* order = std::get_if<SendOrder>(&effect)) {
                            text += fmt::format("{}{}{}{}", order->order, word(order->kind),
                                                order->target.str(), base::to_json(order->body));
                        }
                        if (const TargetChanged* change = std::get_if<TargetChanged>(&effect)) {
                            text += fmt::format("{}{}{}", change->target.str(), word(change->state),
                                                change->reason);
                        }
                    }
                    again.push_back(text);
                }
            };
            feed(0, killed);
            Script script(update_all(options), "test.lua", {},
                          {"prod", "shop/2.0", "", fleet.run().input().levels});
            std::optional<Answer> answer;
            for (std::int64_t commands = 0;; ++commands) {
                const Script::Step step = script.resume(answer);
                const ScriptCommand* command = std::get_if<ScriptCommand>(&step);
                if (command == nullptr) {
                    break;
                }
                const Run::Replayed replayed = run.replayed(*command);
                if (!replayed.known || !replayed.answer) {
                    break;
                }
                answer = replayed.answer;
            }
            feed(killed, fleet.journal.size());
            CHECK(again == effects);
            CHECK(run.outcome() == fleet.run().outcome());
        }
    }
}

TEST_CASE("a script that says something else when it is replayed stops the run for a person", "[law-7]") {
    Fleet fleet(fleet_input({1}), update_all(""));
    fleet.drive();
    const ScriptCommand same{1, "preflight", base::Object{}};
    CHECK(fleet.run().replayed(same).answer->ok);
    CHECK_FALSE(fleet.run().replayed({9, "update", base::Object{}}).known);
    CHECK_THROWS_WITH(
        fleet.run().replayed({2, "wait", base::Object{}}),
        "workflow 'test' now gives 'wait' as its command 2, but gave 'update' before, while being replayed");

    Run run(fleet_input({2}));
    const base::Time now{};
    run.handle(Started{}, now);
    run.handle(ScriptCommand{1, "preflight", base::Object{}}, now);
    run.handle(Reported{1, true, "", "", nullptr}, now);
    run.handle(Reported{2, true, "", "", nullptr}, now);
    run.handle(ScriptCommand{2, "update", base::Object{{"level", 0}}}, now);
    run.handle(ScriptEnded{false, "it differs when replayed"}, now);
    for (std::int64_t order = 3; order <= 7; ++order) {
        run.handle(Reported{order, true, "", "", nullptr}, now);
    }
    CHECK_FALSE(run.ended());
    CHECK(run.targets()[0].state == TargetState::Soaking);
    CHECK(run.targets()[1].state == TargetState::Ready);
    REQUIRE(run.waiting().size() == 1);
    CHECK(run.waiting()[0].what == "a person, to continue with another text of the workflow, roll back or "
                                   "cancel: the workflow failed: it differs when replayed");
    CHECK(run.waiting()[0].until == now + 72h);
}

TEST_CASE("nothing is touched when one node is not ready, and every reason is told", "[law-8]") {
    Fleet fleet(fleet_input({2, 2}), update_all(""));
    fleet.at("shop/a0", "a0-2").refuses[OrderKind::Prepare] = {};
    fleet.away("a1-1", 0s);
    fleet.drive();
    CHECK(fleet.outcome() == "refused");
    CHECK(fleet.counts() == "2 not_started, 1 refused, 1 unreachable");
    CHECK(steps(fleet).empty());
    CHECK(fleet.told().find("nothing was touched, 2 of 4 targets are ready, but 4 must be: shop/a0 on a0-2: "
                            "as told by the test; "
                            "shop/a1 on a1-1: the node is offline") != std::string::npos);
}

TEST_CASE(
    "the way back undoes all that was touched, highest level first, without ramp, within max_unavailable",
    "[law-9]") {
    Fleet fleet(fleet_input({3, 4}), update_all("ramp = { 1, '100%' }, max_unavailable = 2"));
    Laws laws(fleet, {{base::ComponentName("shop/a0"), 2}, {base::ComponentName("shop/a1"), 2}});
    fleet.at("shop/a1", "a1-4").refuses[OrderKind::Restart] = {};
    fleet.drive();
    laws.at_end();
    INFO(fleet.told());
    CHECK(laws.broken == std::vector<std::string>{});
    CHECK(fleet.outcome() == "rolled_back");
    CHECK(fleet.counts() == "7 rolled_back");
    for (const auto& desired : fleet.run().input().targets) {
        CHECK(fleet.at(desired.target).release == "old");
        CHECK(fleet.at(desired.target).running == "old");
    }
    const std::string all = steps(fleet);
    CHECK(all.rfind("undo a1-") < all.find("undo a0-"));
}

TEST_CASE("a way back that fails is said, and the rest goes back all the same", "[law-9]") {
    Fleet fleet(fleet_input({3}), update_all("max_unavailable = 3"));
    fleet.at("shop/a0", "a0-3").refuses[OrderKind::Restart] = {};
    fleet.at("shop/a0", "a0-1").refuses[OrderKind::Undo] = {};
    fleet.drive();
    CHECK(fleet.outcome() == "rollback_failed");
    CHECK(exit_code(*fleet.run().outcome()) == 8);
    CHECK(fleet.counts() == "1 rollback_failed, 2 rolled_back");
    CHECK_FALSE(fleet.at("shop/a0", "a0-1").drained);
}

TEST_CASE("a failed batch alone goes back when asked for, earlier batches stay", "[law-9]") {
    Fleet fleet(fleet_input({4}),
                update_all("ramp = { 1, 3, '100%' }, max_unavailable = 2, on_failure = 'rollback-batch'"));
    fleet.at("shop/a0", "a0-3").refuses[OrderKind::Restart] = {};
    fleet.drive();
    CHECK(fleet.outcome() == "stopped");
    CHECK(fleet.counts() == "1 not_started, 2 rolled_back, 1 updated");
}

TEST_CASE("a rollback goes level by level from the top, without ramp and soak, and settles what it reached",
          "[law-9]") {
    Fleet fleet(fleet_input({2, 3}, RunKind::Rollback), "");
    fleet.drive();
    INFO(fleet.told());
    CHECK(fleet.outcome() == "succeeded");
    CHECK(fleet.counts() == "5 rolled_back");
    CHECK(steps(fleet).rfind(" a1-") < steps(fleet).find("drain a0-1"));
    CHECK(was_sent(fleet, OrderKind::Settle, "a0-1"));
    CHECK_FALSE(fleet.run().wants_script());
}

TEST_CASE("a rollback leaves out who is away and goes on past who fails", "[law-9]") {
    Fleet fleet(fleet_input({2, 4}, RunKind::Rollback), "");
    fleet.away("a1-1", 0s);
    fleet.at("shop/a1", "a1-2").refuses[OrderKind::Drain] = {};
    fleet.drive();
    INFO(fleet.told());
    CHECK(fleet.outcome() == "rollback_failed");
    CHECK(fleet.counts() == "1 rollback_failed, 4 rolled_back, 1 unreachable");

    Fleet refused(fleet_input({2}, RunKind::Rollback), "");
    refused.at("shop/a0", "a0-1").refuses[OrderKind::Prepare] = {"refused"};
    refused.drive();
    CHECK(refused.outcome() == "refused");
    CHECK(steps(refused).empty());
}

TEST_CASE("a rollback that is waiting takes over at once: those under way are undrained, the rest stays",
          "[law-9]") {
    Fleet fleet(fleet_input({3}), update_all("max_unavailable = 2"));
    fleet.at("shop/a0", "a0-1").slow[OrderKind::Apply] = 20s;
    fleet.at("shop/a0", "a0-2").refuses[OrderKind::Probe] = {"inconclusive"};
    fleet.signal(15s, "preempt");
    fleet.drive();
    INFO(fleet.told());
    CHECK(fleet.outcome() == "cancelled");
    CHECK(fleet.counts() == "3 cancelled");
    CHECK_FALSE(fleet.at("shop/a0", "a0-1").drained);
    CHECK_FALSE(fleet.at("shop/a0", "a0-2").drained);
    CHECK_FALSE(was_sent(fleet, OrderKind::Undo, "a0-1"));
}

TEST_CASE("a run always says what it waits for and until when", "[law-10]") {
    Fleet fleet(fleet_input({1}),
                "return workflow { run = function(ctx)\n ctx:preflight()\n ctx:wait('5m')\n "
                "ctx:update(ctx.levels[1], { soak = '2m' })\nend }");
    std::set<std::string> seen;
    fleet.watch = [&](const Event&, const std::vector<Effect>&) {
        if (!fleet.run().ended()) {
            REQUIRE_FALSE(fleet.run().waiting().empty());
            for (const Waiting& waiting : fleet.run().waiting()) {
                CHECK((waiting.until || waiting.what.find("next command") != std::string::npos));
                seen.insert(waiting.what);
            }
        }
    };
    fleet.drive();
    CHECK(fleet.outcome() == "succeeded");
    for (const char* what :
         {"the next command of workflow 'test'", "'prepare' of shop/a0 on a0-1", "the workflow waits 5m",
          "'drain' of shop/a0 on a0-1", "batch 1 of level 0 soaks 2m", "'settle' of shop/a0 on a0-1"}) {
        CHECK(seen.contains(what));
    }
}

TEST_CASE("deadlines of a workflow's own are kept", "[law-10]") {
    Fleet fleet(fleet_input({1}), update_all("deadlines = { apply = '20s', undo = '30s', undrain = '5s' }"));
    fleet.at("shop/a0", "a0-1").silent = {OrderKind::Apply, OrderKind::Undo, OrderKind::Undrain};
    fleet.drive();
    INFO(fleet.told());
    CHECK(fleet.outcome() == "rollback_failed");
    CHECK(fleet.now() - base::from_rfc3339("2026-11-20T12:00:00.000Z") < 2min);
    CHECK(fleet.reason("shop/a0", "a0-1").find("left out of rotation") != std::string::npos);
}

TEST_CASE("a run is bound to the hash of its inputs, and to nothing else", "[law-13]") {
    const RunInput input = fleet_input({2, 1});
    CHECK(input.hash() == RunInput::from_value(input.to_value()).hash());
    std::set<base::Digest> hashes{input.hash()};
    const auto differs = [&](auto change) {
        RunInput other = input;
        change(other);
        CHECK(hashes.insert(other.hash()).second);
    };
    differs([](RunInput& other) { other.release = base::ReleaseName("shop/3.0"); });
    differs([](RunInput& other) { other.environment = base::EnvironmentName("test"); });
    differs([](RunInput& other) { other.kind = RunKind::Rollback; });
    differs([](RunInput& other) { other.workflow_source = "return 1"; });
    differs([](RunInput& other) { other.params.set("soak", "1s"); });
    differs([](RunInput& other) { other.targets.pop_back(); });
    differs([](RunInput& other) {
        other.targets[0].document.object()->set("settings", base::Object{{"port", 1}});
    });
    differs([](RunInput& other) { std::swap(other.levels[0], other.levels[1]); });
    differs([](RunInput& other) { other.from.reset(); });
    RunInput later = input;
    later.epoch = 8;
    CHECK(later.hash() == input.hash());
}

TEST_CASE("a node that has moved on refuses its apply, and counts as untouched", "[law-13]") {
    Fleet fleet(fleet_input({2}), update_all("ramp = { 1, '100%' }"));
    fleet.at("shop/a0", "a0-1").refuses[OrderKind::Apply] = {"refused"};
    fleet.drive();
    CHECK(fleet.outcome() == "rolled_back");
    CHECK(fleet.state("shop/a0", "a0-1") == TargetState::Refused);
    CHECK_FALSE(was_sent(fleet, OrderKind::Undo, "a0-1"));
    CHECK_FALSE(fleet.at("shop/a0", "a0-1").drained);
}

TEST_CASE("a probe that could not run is no verdict: the run pauses until a person has looked", "[law-15]") {
    const auto make = [] {
        return Fleet(fleet_input({3}), update_all("max_unavailable = 1"));
    };
    Fleet waits = make();
    waits.at("shop/a0", "a0-1").refuses[OrderKind::Probe] = {"inconclusive"};
    waits.drive();
    CHECK(waits.meanwhile == "1 probing, 2 ready");
    REQUIRE(waits.asked.size() == 1);
    CHECK(waits.asked[0].what ==
          "a person, to resume or cancel: the probe of shop/a0 on a0-1 could not judge: as told by the test");
    // It goes back, and there, too, nobody comes to say whether it is well.
    CHECK(waits.outcome() == "rollback_failed");
    CHECK(waits.counts() == "2 not_started, 1 rollback_failed");
    CHECK(waits.reason("shop/a0", "a0-1").find("its probe could not judge, and nobody has answered by") !=
          std::string::npos);

    Fleet resumed = make();
    resumed.at("shop/a0", "a0-1").refuses[OrderKind::Probe] = {"inconclusive", 2};
    resumed.person("resume");
    resumed.drive();
    CHECK(resumed.outcome() == "succeeded");

    Fleet cancelled = make();
    cancelled.at("shop/a0", "a0-1").refuses[OrderKind::Probe] = {"inconclusive", 1};
    cancelled.person("cancel");
    cancelled.drive();
    CHECK(cancelled.outcome() == "cancelled");
    CHECK(cancelled.counts() == "2 cancelled, 1 rolled_back");
}

TEST_CASE("an inconclusive probe on the way back waits for a person, too", "[law-15]") {
    Fleet fleet(fleet_input({2}), update_all("max_unavailable = 2"));
    fleet.at("shop/a0", "a0-1").refuses[OrderKind::Restart] = {};
    fleet.at("shop/a0", "a0-2").slow[OrderKind::Apply] = 5s;
    fleet.at("shop/a0", "a0-2").refuses[OrderKind::Probe] = {"inconclusive", 1};
    fleet.person("resume");
    fleet.drive();
    INFO(fleet.told());
    CHECK(fleet.outcome() == "rolled_back");
    CHECK(fleet.counts() == "2 rolled_back");

    Fleet given_up(fleet_input({1}), update_all(""));
    given_up.at("shop/a0", "a0-1").refuses[OrderKind::Restart] = {};
    given_up.at("shop/a0", "a0-1").refuses[OrderKind::Probe] = {"inconclusive"};
    given_up.person("cancel");
    given_up.drive();
    CHECK(given_up.outcome() == "rollback_failed");
    CHECK_FALSE(given_up.at("shop/a0", "a0-1").drained);
}

TEST_CASE("a paused run starts nobody, lets those under way finish, and goes on when told") {
    Fleet fleet(fleet_input({3}), update_all("max_unavailable = 1"));
    fleet.signal(2s, "pause");
    fleet.signal(10min, "resume");
    bool paused_with_nobody_drained = false;
    fleet.watch = [&](const Event&, const std::vector<Effect>&) {
        const auto targets = fleet.run().targets();
        paused_with_nobody_drained |=
            targets[0].state == TargetState::Soaking && targets[1].state == TargetState::Ready;
    };
    fleet.drive();
    CHECK(paused_with_nobody_drained);
    CHECK(fleet.outcome() == "succeeded");
    CHECK(fleet.now() - base::from_rfc3339("2026-11-20T12:00:00.000Z") > 10min);
}
