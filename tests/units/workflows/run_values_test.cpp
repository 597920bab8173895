// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "base/json.hpp"
#include "tests/catch.hpp"
#include "tests/fakes/fleet.hpp"
#include "tests/units/workflows/errors.hpp"

using namespace workflows::engine;
using tests::fleet_input;
using tests::input_error;

namespace {

std::string refusal(const std::string& key, const base::Value& value) {
    base::Value document = fleet_input({1}).to_value();
    document.object()->set(key, value);
    return input_error([&] { RunInput::from_value(document); });
}

} // namespace

TEST_CASE("each kind of event comes back from the journal as it went in") {
    const Event events[] = {
        Started{},
        ScriptCommand{3, "update", base::Object{{"level", 0}, {"ramp", base::Array{1, "20%"}}}},
        ScriptEnded{false, "test.lua:3: no"},
        Reported{7, false, "refused", "another release is there", base::Object{{"present", "x"}}},
        TimerFired{9},
        NodeSeen{base::NodeName("web-1"), true},
        Signalled{"cancel", "anna", "too slow", std::nullopt, nullptr},
        Signalled{"skip", "anna", "broken", Target{base::ComponentName("shop/web"), base::NodeName("web-1")},
                  nullptr},
        Signalled{"signal", "alarm", "errors", std::nullopt, base::Object{{"rate", 0.5}}},
        Measured{3, true, 0.25, std::nullopt, ""},
        Measured{4, false, std::nullopt, std::nullopt, "no answer"}};
    for (const Event& event : events) {
        const base::Value written = to_value(event);
        const Event read = event_from_value(base::parse_json(base::to_json(written), "journal"));
        CHECK(read.index() == event.index());
        CHECK(to_value(read) == written);
    }
    CHECK_THROWS_WITH(event_from_value(base::Object{{"event", "dreamt"}}),
                      "journal: 'dreamt' is no event of a run");
    CHECK(input_error([] {
              event_from_value(base::Object{{"event", "timer"}});
          }) == "journal: 'timer' is missing");
}

TEST_CASE("a run's input comes back as it went in, and what is wrong with it is said") {
    RunInput input = fleet_input({2, 1}, RunKind::Rollback);
    input.actor = "anna";
    input.commands[base::ComponentName("shop/a0")] = {
        {"migrate", "shop-app", true, true, false, std::chrono::minutes(5)}};
    input.migrate.emplace("shop/a0", "migrate");
    input.budgets = {{base::ComponentName("shop/a0"), "rack", Portion{true, 25'000}}};
    input.out = {input.targets[1].target};
    CHECK(RunInput::from_value(input.to_value()).to_value() == input.to_value());
    const base::Digest hash = input.hash();
    input.epoch = 9;
    input.actor = "bert";
    input.out.clear();
    CHECK(input.hash() == hash);
    input.budgets.clear();
    CHECK(input.hash() != hash);
    CHECK(refusal("kind", "restart") ==
          "run: 'kind' is 'restart', but must be 'deploy', 'rollback' or 'operation'");
    CHECK(refusal("levels", 7) == "run: 'levels' must be a list of lists of components");
    CHECK(refusal("levels", base::Array{7}) == "run: 'levels' must be a list of lists of components");
    CHECK(refusal("levels", base::Array{base::Array{7}}) ==
          "run: 'levels' must be a list of lists of components");
}

TEST_CASE("a run of a target that has no level, or is there twice, is refused") {
    RunInput homeless = fleet_input({1});
    homeless.levels.clear();
    CHECK(input_error([&] { Run(std::move(homeless)); }) ==
          "target 'shop/a0 on a0-1' is of no level of the run");
    RunInput twice = fleet_input({1});
    twice.targets.push_back(twice.targets[0]);
    CHECK(input_error([&] { Run(std::move(twice)); }) == "target 'shop/a0 on a0-1' is in the run twice");
}

TEST_CASE("a run without targets ends at once and says why") {
    tests::Fleet fleet(fleet_input({}), tests::update_all(""));
    fleet.drive();
    CHECK(fleet.outcome() == "refused");
    CHECK(fleet.told().find("the run has no targets") != std::string::npos);
}

TEST_CASE("exit codes of outcomes are those of the commands") {
    const std::pair<Outcome, int> codes[] = {
        {Outcome::Succeeded, 0},      {Outcome::SucceededWithLeftOut, 11},
        {Outcome::Stopped, 3},        {Outcome::RolledBack, 4},
        {Outcome::RollbackFailed, 8}, {Outcome::Cancelled, 9},
        {Outcome::NeedsPerson, 5},    {Outcome::Refused, 6}};
    for (const auto& [outcome, code] : codes) {
        CHECK(exit_code(outcome) == code);
    }
    CHECK(word(Outcome::SucceededWithLeftOut) == "succeeded_with_left_out");
    CHECK(word(OrderKind::Settle) == "settle");
}
