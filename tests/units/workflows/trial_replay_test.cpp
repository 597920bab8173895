// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "workflows/engine/trial_replay.hpp"

#include "tests/catch.hpp"
#include "tests/fakes/fleet.hpp"

using namespace workflows::engine;

namespace {

std::string workflow_of(const std::string& body) {
    return "return workflow { params = { soak = duration '1s' }, run = function(ctx, params)\n" + body +
           "\nend }";
}

const std::string original = workflow_of(
    "local got = ctx:preflight() ctx:wait('30s')\n"
    "ctx:update(ctx.levels[1], { soak = params.soak })\nif got.ready > 1 then ctx:wait('1m') end");

// The journal of a run of the original, cut after so many events.
struct Journal {
    RunInput input = tests::fleet_input({2});
    std::vector<std::pair<Event, base::Time>> events;

    explicit Journal(std::size_t most = 1'000'000, const std::string& source = original) {
        tests::Fleet fleet(input, source);
        fleet.drive();
        events = fleet.journal;
        events.resize(std::min(events.size(), most));
    }

    std::string tried(const std::string& body) const {
        Script script(workflow_of(body), "new.lua", input.params, ScriptModel::of(input));
        const TrialReplay trial = trial_replay(
            input, events, [&](const std::optional<Answer>& answer) { return script.resume(answer); });
        return trial.same() ? fmt::format("the same in {} commands", trial.compared) : trial.difference;
    }

    // Events up to the answer to the script's first command.
    static Journal cut_at(const std::string& kind) {
        Journal journal;
        for (std::size_t i = 0; i < journal.events.size(); ++i) {
            const auto* command = std::get_if<ScriptCommand>(&journal.events[i].first);
            if (command != nullptr && command->kind == kind) {
                journal.events.resize(i + 1);
                break;
            }
        }
        return journal;
    }
};

} // namespace

TEST_CASE("a text that gives the same commands may take over a run, however it is written") {
    const Journal journal;
    CHECK(
        journal.tried(
            "local got = ctx:preflight() ctx:wait('30s')\n"
            "ctx:update(ctx.levels[1], { soak = params.soak })\nif got.ready > 1 then ctx:wait('1m') end") ==
        "the same in 4 commands");
    CHECK(journal.tried("local n = ctx:preflight().ready for _, t in ipairs { '30s' } do ctx:wait(t) end\n"
                        "for _, level in ipairs(ctx.levels) do ctx:update(level, { soak = '1s' }) end\n"
                        "for i = 2, n do ctx:wait('1m') end") == "the same in 4 commands");
}

TEST_CASE("a text that says something else is told apart, with the command and what is different") {
    const Journal journal;
    CHECK(journal.tried("ctx:wait('30s')") == "gives 'wait' as its command 1, but gave 'preflight'");
    CHECK(journal.tried("ctx:preflight() ctx:wait('31s')") ==
          R"(gives 'duration' of its command 2 ('wait') as "31s", but gave "30s")");
    CHECK(journal.tried("ctx:preflight() ctx:wait('30s') ctx:update(ctx.levels[1])") ==
          R"(gives 'soak' of its command 3 ('update') as nothing, but gave "1s")");
    CHECK(journal.tried("ctx:preflight() ctx:wait('30s')") == "ends after 2 commands, but went on then");
    CHECK(journal.tried("ctx:preflight() ctx:wait('30s') error 'no'") ==
          "ends after 2 commands with 'new.lua:2: no', but went on then");
    CHECK(journal.tried(
              "ctx:preflight() ctx:wait('30s') ctx:update(ctx.levels[1], { soak = '1s' }) ctx:wait('1m') "
              "ctx:wait('1h')") == "gives 'wait' as its command 5, but had ended");
    CHECK(journal.tried(
              "ctx:preflight() ctx:wait('30s') ctx:update(ctx.levels[1], { soak = '1s' }) ctx:wait('1m') "
              "error 'no'") == "ends after 4 commands with 'new.lua:2: no', but ended well then");
}

TEST_CASE("the line of the call that is different is told, unless the text catches its refusal") {
    const Journal journal;
    const auto place = [&](const std::string& body) {
        Script script(workflow_of(body), "new.lua", journal.input.params, ScriptModel::of(journal.input));
        return trial_replay(journal.input, journal.events,
                            [&](const std::optional<Answer>& answer) { return script.resume(answer); })
            .place;
    };
    CHECK(place("ctx:preflight()\nctx:wait('31s')") == "new.lua:3");
    CHECK(place("ctx:preflight()\n\nctx:log('x')") == "new.lua:4");
    CHECK(place("ctx:preflight() pcall(function() ctx:wait('31s') end)").empty());
    CHECK(place("ctx:preflight() ctx:wait('30s')").empty());
}

TEST_CASE("what a run has not come to yet may be different") {
    const Journal journal = Journal::cut_at("update");
    CHECK(journal.tried(
              "ctx:preflight() ctx:wait('30s') ctx:update(ctx.levels[1], { soak = '1s' }) ctx:wait('1h')") ==
          "the same in 3 commands");
    CHECK(journal.tried("ctx:preflight() ctx:wait('30s') ctx:update(ctx.levels[1], { soak = '2s' })") ==
          R"(gives 'soak' of its command 3 ('update') as "2s", but gave "1s")");
    CHECK(Journal(0).tried("ctx:wait('1h')") == "the same in 0 commands");
}

TEST_CASE("the record of a side effect answers again, and is not compared") {
    const std::string body =
        "ctx:preflight() if ctx:side_effect(function() return %d end) == 7 then ctx:wait('7s') end";
    const auto with = [&](const std::string& number) {
        std::string text = body;
        return text.replace(text.find("%d"), 2, number);
    };
    const Journal journal(1'000'000, workflow_of(with("7")));
    CHECK(journal.tried(with("8")) == "the same in 3 commands");
    CHECK(difference({1, "record", base::Object{{"value", 1}}}, {1, "record", base::Object{}}).empty());
    Run run(tests::fleet_input({1}));
    run.handle(Started{}, {});
    run.handle(ScriptCommand{1, "record", base::Object{{"value", 1}}}, {});
    CHECK(run.replayed({1, "record", base::Object{{"value", 2}}}).answer->value == base::Value(1));
}
