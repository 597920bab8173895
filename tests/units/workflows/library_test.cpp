// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// The tests of the stock workflows can fail: each fails when its workflow's text is altered in an essential
// point.
#include "base/error.hpp"
#include "base/files.hpp"
#include "tests/catch.hpp"
#include "tests/fakes/stock_workflows.hpp"
#include "workflows/engine/native_rollback.hpp"
#include "workflows/engine/script_kind.hpp"
#include "workflows/simulator/test_file.hpp"

#include <algorithm>
#include <filesystem>
#include <set>

using namespace workflows::simulator;
using workflows::engine::Application;
using workflows::engine::kind_of_script;
using workflows::engine::RunKind;

namespace {

const std::filesystem::path library = std::filesystem::path(TIERCEL_SOURCE) / "workflows/library";

std::string text_of(const std::filesystem::path& file) {
    return base::SystemFiles().read(file, 1u << 20);
}

/// The test file of this workflow, with this text instead of its own.
std::vector<TestResult> tested(const Workflow& workflow) {
    const std::string name = workflow.name + "_test.lua";
    return run_test_file(text_of(library / "tests" / name), name,
                         {[&](const std::string& asked) {
                              CHECK(asked == workflow.name);
                              return workflow;
                          },
                          [](const std::string& file) {
                              return Application::evaluate(text_of(library / "tests" / file), file);
                          }});
}

std::string failures(const std::vector<TestResult>& results) {
    std::string text;
    for (const TestResult& result : results) {
        text += result.passed ? "" : result.name + ": " + result.message + "\n";
    }
    return text;
}

const std::string consumers_first =
    "for index = #ctx.levels, 1, -1 do\n      local level = ctx.levels[index]";

/// What somebody might break: `before` stands in the workflow's text once, `after` instead of it.
struct Alteration {
    const char* workflow;
    const char* what;
    std::string before;
    std::string after;
};
const Alteration alterations[] = {
    {"all-at-once", "a few at a time", "max_unavailable = \"100%\"", "max_unavailable = \"25%\""},
    {"all-at-once", "no level after the other", "for _, level in ipairs(ctx.levels) do", consumers_first},
    {"all-at-once", "always back", "on_failure = params.on_failure", "on_failure = \"rollback-all\""},
    {"all-at-once", "nobody may fail", "max_failures = params.max_failures", "max_failures = 0"},
    {"blue-green", "both halves together",
     "options.where, options.analysis = params.label .. \"=\" .. params.first, analysis", ""},
    {"blue-green", "they come back one by one", "{ hold = true, settle", "{ settle"},
    {"blue-green", "both halves serve", "options.standby = params.label .. \"=\" .. params.second",
     "options.standby = \"color=none\""},
    {"blue-green", "no time to prove itself", "soak = params.soak, ", ""},
    {"blue-green", "it serves at once", "settle = params.settle, ", ""},
    {"blue-green", "nobody is asked", "if params.approve then", "if false then"},
    {"blue-green", "nobody measures it", "params.first, analysis", "params.first, nil"},
    {"blue-green", "who is of neither half is forgotten", "options.where, options.hold = nil, false", ""},
    {"canary", "no canary", "      ctx:update(level, options)\n      if", "      if"},
    {"canary", "nobody watches it", "soak = { params.canary_soak }", "soak = { params.soak }"},
    {"canary", "nobody measures it", "analysis = analysis, ", ""},
    {"canary", "any number will do", "pass = params.pass", "pass = \"<= 100\""},
    {"canary", "nobody is asked", "if params.approve and", "if false and"},
    {"canary", "everybody is asked", "if params.approve and", "if"},
    {"canary", "it serves at once", "settle = params.settle, ", ""},
    {"config-only", "packages, too", "found.package_changes > 0", "found.package_changes > 10"},
    {"config-only", "no canary", "ramp { 1, \"20%\", \"100%\" }", "ramp { \"100%\" }"},
    {"config-only", "it stays as it is", "on_failure = params.on_failure", "on_failure = \"stop\""},
    {"one-zone-first", "zones do not matter", "zone = params.zone, ", ""},
    {"one-zone-first", "no time between zones", "zone_soak = params.zone_soak, ", ""},
    {"one-zone-first", "no canary in a zone", "ramp = params.ramp, ", ""},
    {"outage", "nobody is asked", "if not answer.approved then", "if false then"},
    {"outage", "nothing is stopped", "ctx:stop(ctx.levels[index], all)", "local nothing = index"},
    {"outage", "nothing is started", "ctx:start(level, all)", "local nothing = level"},
    {"outage", "producers stop first", "for index = #ctx.levels, 1, -1 do", "for index = 1, #ctx.levels do"},
    {"outage", "it stays as it is", "on_failure = \"rollback-all\"", "on_failure = \"stop\""},
    {"refresh", "who does not have it, too", "if has and (", "if ("},
    {"refresh", "the other components, too", "params.component == \"\" or ", "true or "},
    {"refresh", "all at once", "max_parallel = params.max_parallel, ", ""},
    {"refresh", "any number may fail", "max_failures = params.max_failures", "max_failures = \"100%\""},
    {"refresh", "nobody is fine, too", "if not found then", "if false then"},
    {"repair", "what is well, too", "ctx:update(level, { window = \"sliding\", ramp = { 1, \"10%\" }, ",
     "ctx:restart(level, { "},
    {"repair", "many at once", "ramp = { 1, \"10%\" }, ", ""},
    {"repair", "all must answer", "quorum = params.quorum, ", ""},
    {"repair", "what was mended goes back", "on_failure = \"stop\"", "on_failure = \"rollback-all\""},
    {"repair", "nobody may fail", "max_failures = params.max_failures, ", ""},
    {"restart", "all at once", "max_unavailable = params.max_unavailable", "max_unavailable = \"100%\""},
    {"restart", "racks do not matter", "spread = params.spread", "spread = \"\""},
    {"restart", "they are not started", "ctx:restart(level, {", "ctx:stop(level, {"},
    {"rolling", "no canary", "ramp { 1, \"20%\", \"100%\" }", "ramp { \"20%\", \"100%\" }"},
    {"rolling", "nobody watches a batch", "soak = params.soak, ", ""},
    {"rolling", "all at once", "max_unavailable = params.max_unavailable", "max_unavailable = \"100%\""},
    {"rolling", "it stays as it is", "on_failure = params.on_failure", "on_failure = \"stop\""},
    {"rolling", "any number may fail", "max_failures = params.max_failures", "max_failures = \"100%\""},
    {"rolling", "with who is there", "{ deadline = params.preflight_deadline }", "{ quorum = 1 }"},
    {"start", "consumers first", "for _, level in ipairs(ctx.levels) do", consumers_first},
    {"start", "a few at a time", "max_unavailable = \"100%\"", "max_unavailable = 1"},
    {"start", "what is up is restarted", "ctx:start(level, {", "ctx:restart(level, {"},
    {"status", "somebody is restarted", "ctx:probe(level).failed", "ctx:restart(level).failures"},
    {"status", "all is well in any case", "if failed > 0 then", "if false then"},
    {"stop", "producers first", "for index = #ctx.levels, 1, -1 do", "for index = 1, #ctx.levels do"},
    {"stop", "nobody is asked", "if not answer.approved then", "if false then"},
    {"stop", "they come up again", "ctx:stop(ctx.levels[index], {", "ctx:restart(ctx.levels[index], {"},
};

std::vector<Workflow> stock() {
    std::vector<Workflow> all = tests::workflows_of(library);
    all.push_back({std::string(workflows::engine::rollback_name), "", RunKind::Rollback});
    return all;
}

} // namespace

TEST_CASE("every stock workflow has tests, and they pass") {
    for (const Workflow& workflow : stock()) {
        INFO(workflow.name);
        const std::vector<TestResult> results = tested(workflow);
        CHECK(results.size() > 1);
        CHECK(failures(results) == "");
    }
}

TEST_CASE("the tests of a stock workflow fail when it is altered in an essential point") {
    std::set<std::string> unaltered;
    for (const Workflow& workflow : tests::workflows_of(library)) {
        unaltered.insert(workflow.name);
    }
    for (const Alteration& alteration : alterations) {
        INFO(alteration.workflow << ": " << alteration.what);
        unaltered.erase(alteration.workflow);
        Workflow altered{alteration.workflow, text_of(library / (std::string(alteration.workflow) + ".lua")),
                         RunKind::Deploy};
        const std::size_t at = altered.source.find(alteration.before);
        REQUIRE(at != std::string::npos);
        REQUIRE(altered.source.find(alteration.before, at + 1) == std::string::npos);
        altered.source.replace(at, alteration.before.size(), alteration.after);
        altered.kind = kind_of_script(altered.source);
        const std::vector<TestResult> results = tested(altered);
        CHECK(failures(results) != "");
        // It is the behaviour that is wrong, not the text.
        CHECK(failures(results).find("unknown") == std::string::npos);
    }
    CHECK(unaltered == std::set<std::string>{});
}

TEST_CASE("the tests of the way back fail for a workflow that goes forth") {
    const std::string rolling = text_of(library / "rolling.lua");
    CHECK(failures(tested({"rollback", rolling, RunKind::Deploy}))
              .find("levels go back in the reverse order") != std::string::npos);
    CHECK(failures(tested({"rollback", rolling, RunKind::Deploy})).find("there is no canary and no soak") !=
          std::string::npos);
}
