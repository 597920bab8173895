// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// The sandbox against a corpus of attacks, in this process and in workflow-vm.
#include "base/error.hpp"
#include "base/json.hpp"
#include "base/process.hpp"
#include "tests/catch.hpp"
#include "tests/units/workflows/attacks.hpp"
#include "workflows/engine/script.hpp"
#include "workflows/engine/script_check.hpp"

#include <ctime>

using namespace workflows::engine;

namespace {

const ScriptModel model{"prod", "shop/2.0", "shop/1.0", {{base::ComponentName("shop/db")}}};

// How a script ends that gets nothing as each answer.
ScriptEnded ended(const std::string& source, Limits limits = {}) {
    limits.processor_seconds = [] {
        return static_cast<std::int64_t>(std::clock() / CLOCKS_PER_SEC);
    };
    limits.seconds = 1;
    try {
        Script script(source, "attack.lua", {}, model, limits);
        Script::Step step = script.resume(std::nullopt);
        std::optional<ScriptEnded> failed;
        while (const auto* command = std::get_if<ScriptCommand>(&step)) {
            failed = is_failure(*command) ? end_in(step) : failed;
            step = script.resume(Answer{command->sequence, true, nullptr, ""});
        }
        return failed.value_or(std::get<ScriptEnded>(step));
    } catch (const base::Error& error) {
        return {false, error.message()};
    }
}

const std::string ordinary = R"(
local function name(level) return table.concat(level.components, ",") .. tostring(level.index) end
return workflow {
  summary = "an ordinary one",
  params = { soak = duration "30s", ramp = ramp { 1, "100%" }, on = flag(true) },
  run = function(ctx, params)
    ctx:preflight { quorum = "90%" }
    ctx:defer(function(outcome) ctx:log("over: " .. outcome) end)
    local seen = {}
    for index, level in ipairs(ctx.levels) do
      seen[name(level)] = ("%d of %s"):format(index, params.soak)
      ctx:update(level, { ramp = params.ramp, soak = params.soak })
    end
    for key, value in pairs(seen) do ctx:log(key:upper(), { value = value:gsub("%d", "#") }) end
    local ok, why = pcall(function() return ctx:side_effect(function() return { 1, "two", { three = 3 } } end) end)
    if not pcall(error, "x") and params.on then ctx:wait(params.soak) end
    table.sort(seen)
  end,
}
)";

} // namespace

TEST_CASE("every attack of the corpus ends in a clear error within the limits") {
    for (const tests::Attack& attack : tests::attacks()) {
        const ScriptEnded end = ended(attack.source);
        INFO(attack.source.substr(0, 200) << "\n" << end.error);
        CHECK(end.error == (attack.said.empty() ? "" : end.error));
        CHECK(end.error.find(attack.said) != std::string::npos);
        CHECK(end.ok == attack.said.empty());
        CHECK((end.ok || end.error.find("attack.lua") != std::string::npos));
    }
}

TEST_CASE("every attack of the corpus can be checked without running it") {
    for (const tests::Attack& attack : tests::attacks()) {
        INFO(attack.source.substr(0, 200));
        for (const Finding& finding : check_script(attack.source)) {
            CHECK_FALSE(finding.message.empty());
        }
    }
}

TEST_CASE("every attack of the corpus leaves workflow-vm standing and its parent alone") {
    base::SystemProcesses processes;
    for (const tests::Attack& attack : tests::attacks()) {
        if (attack.many_commands) {
            continue; // it would need as many answers
        }
        INFO(attack.source.substr(0, 200));
        base::Command command;
        command.argv = {TIERCEL_LIBEXEC_BUILT "/workflow-vm"};
        command.input = base::to_json(base::Object{{"start", base::Object{{"source", attack.source},
                                                                          {"name", "attack.lua"},
                                                                          {"params", base::Object{}},
                                                                          {"model", model.to_value()}}}}) +
                        "\n";
        for (int sequence = 1; sequence <= 3; ++sequence) {
            command.input +=
                base::to_json(base::Object{{"answer", base::Object{{"sequence", sequence}, {"ok", true}}}}) +
                "\n";
        }
        const base::Outcome outcome = processes.run(command);
        CHECK(outcome.exit_code == 0);
        CHECK(outcome.errors.empty());
        const std::string said = base::to_json(base::Value(attack.said));
        CHECK(outcome.output.find(said.substr(1, said.size() - 2)) != std::string::npos);
        CHECK(outcome.output.find(attack.said.empty() ? R"({"ended":{"ok":true)" : "attack.lua") !=
              std::string::npos);
    }
}

TEST_CASE("an ordinary script unwinds wherever memory ends") {
    REQUIRE(ended(ordinary).error == "");
    std::int64_t n = 1;
    for (;; ++n) {
        Limits limits;
        limits.failing_from = n;
        const ScriptEnded end = ended(ordinary, limits);
        if (end.ok) {
            break;
        }
        INFO(n << " " << end.error);
        CHECK((end.error.find("of memory") != std::string::npos ||
               end.error.find("a Lua state of") != std::string::npos));
    }
    CHECK(n > 500);
    // One that fails is one that Lua tries again after it has collected garbage.
    for (std::int64_t one = n; one > 0; one -= 3) {
        Limits limits;
        limits.failing_from = one;
        limits.failing = 1;
        const ScriptEnded end = ended(ordinary, limits);
        INFO(one << " " << end.error);
        CHECK((end.ok || end.error.find("a Lua state of") != std::string::npos ||
               end.error.find("of memory") != std::string::npos));
    }
}

TEST_CASE("a script that walks over tables does the same in 1,000 runs") {
    const std::string walk =
        "return workflow { run = function(ctx)\n"
        "local t = { zebra = 1, apple = 2, [10] = 3, [2] = 4, [1.5] = 5, [true] = 6, mango = 7 }\n"
        "for i = 1, 40 do t['k' .. (i * 7919 % 101)] = i end\n"
        "for k, v in pairs(t) do ctx:log(tostring(k), { v = v, t = tostring(t), f = tostring(ctx.now) }) "
        "end\n"
        "local list = {} for k, v in pairs(t) do list[#list + 1] = { v % 3, tostring(k) } end\n"
        "table.sort(list, function(a, b) return a[1] < b[1] end)\n"
        "for _, pair in ipairs(list) do ctx:log(pair[2]) end\n"
        "error(('%s %s'):format({}, next(t)), 0)\nend }";
    const auto course = [&] {
        std::string all;
        Script script(walk, "walk.lua", {}, model);
        Script::Step step = script.resume(std::nullopt);
        while (const auto* command = std::get_if<ScriptCommand>(&step)) {
            all += command->kind + base::to_json(command->arguments) + "\n";
            step = script.resume(Answer{command->sequence, true, nullptr, ""});
        }
        return all + std::get<ScriptEnded>(step).error;
    };
    const std::string once = course();
    CHECK(once.ends_with("walk.lua: table 1.5"));
    for (int run = 1; run < 1000; ++run) {
        REQUIRE(course() == once);
    }
}
