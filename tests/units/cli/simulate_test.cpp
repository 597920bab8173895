// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// `tiercel simulate` and `tiercel workflow test`, as people and CI call them.
#include "base/error.hpp"
#include "base/json.hpp"
#include "cli/nouns.hpp"
#include "tests/catch.hpp"

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <sstream>

namespace {

struct Said {
    int code;
    std::string text;
};

Said run(const cli::Verb& verb, cli::Arguments arguments) {
    std::ostringstream text;
    std::streambuf* const before = std::cout.rdbuf(text.rdbuf());
    try {
        const int code = verb.run(arguments);
        std::cout.rdbuf(before);
        return {code, text.str()};
    } catch (...) {
        std::cout.rdbuf(before);
        throw;
    }
}

cli::Arguments with(std::map<std::string, std::vector<std::string>> values) {
    cli::Arguments arguments;
    arguments.values = std::move(values);
    return arguments;
}

Said simulate(std::map<std::string, std::vector<std::string>> values) {
    return run(cli::simulate_verbs().front(), with(std::move(values)));
}

std::string refused(std::map<std::string, std::vector<std::string>> values) {
    try {
        simulate(std::move(values));
    } catch (const base::Error& error) {
        return error.message();
    }
    return "no error";
}

/// A directory with these files, removed at the end.
struct Directory {
    std::filesystem::path path =
        std::filesystem::temp_directory_path() / ("tiercel-simulate-" + std::to_string(::getpid()));
    explicit Directory(const std::map<std::string, std::string>& files) {
        std::filesystem::create_directories(path);
        for (const auto& [name, text] : files) {
            std::ofstream(path / name) << text;
        }
    }
    ~Directory() { std::filesystem::remove_all(path); }
};

} // namespace

TEST_CASE("a simulation prints its batches, its outcome and that no law broke", "[cli]") {
    const Said said = simulate({{"WORKFLOW", {"rolling"}}, {"--nodes", {"40"}}, {"--levels", {"2"}}});
    CHECK(said.code == 0);
    CHECK(said.text.find("batch started") != std::string::npos);
    CHECK(said.text.find("succeeded after 0:0") != std::string::npos);
    CHECK(said.text.find("40 updated") != std::string::npos);
    CHECK(said.text.find("\nno law broke\n") != std::string::npos);
}

TEST_CASE("the same seed prints the same, another one something else", "[cli]") {
    const auto once = [](const std::string& seed) {
        return simulate({{"WORKFLOW", {"rolling"}}, {"--faults", {"rough"}}, {"--seed", {seed}}}).text;
    };
    CHECK(once("7") == once("7"));
    CHECK(once("7") != once("8"));
}

TEST_CASE("a sweep counts outcomes over all its seeds", "[cli]") {
    cli::Arguments arguments = with({{"WORKFLOW", {"rolling"}}, {"--sweep", {"60"}}});
    arguments.json = true;
    const Said said = run(cli::simulate_verbs().front(), arguments);
    const base::Value document = base::parse_json(said.text, "simulate");
    CHECK(*document.object()->find("seeds") == base::Value(60));
    std::int64_t seeds = 0;
    for (const base::Member& outcome : document.object()->find("outcomes")->object()->members) {
        seeds += *outcome.value.whole();
    }
    CHECK(seeds == 60);
}

TEST_CASE("what cannot be simulated is refused in one sentence", "[cli]") {
    CHECK(refused({{"WORKFLOW", {"roling"}}})
              .find("workflow 'roling' is not among the stock workflows; there "
                    "are: all-at-once, ") == 0);
    CHECK(refused({{"WORKFLOW", {"rolling"}}, {"--nodes", {"many"}}}) ==
          "--nodes 'many' is not a number from 0 to 1000000");
    CHECK(refused({{"WORKFLOW", {"rolling"}}, {"--app", {"x"}}, {"--levels", {"2"}}}) ==
          "--app and --levels contradict each other; an application has its levels");
    CHECK(refused({{"WORKFLOW", {"rolling"}}, {"--faults", {"harsh"}}})
              .find("'harsh' is no profile of faults; there are: none, light, rough, hostile") == 0);
    CHECK(refused({{"WORKFLOW", {"rolling"}}, {"--param", {"sok=1s"}}}) ==
          "workflow 'rolling.lua': unknown parameter 'sok'; did you mean 'soak'?");
    const Directory directory({{std::string("empty.lua"), ""}});
    const std::string empty = directory.path / "empty.lua";
    CHECK(refused({{"WORKFLOW", {empty}}}) == empty + ": not a workflow; write return workflow { … }");
}

TEST_CASE("what updates is simulated as a deployment, all else on the release that is there", "[cli]") {
    const auto release = [](const std::string& workflow, const std::vector<std::string>& more) {
        std::map<std::string, std::vector<std::string>> values{{"WORKFLOW", {workflow}}, {"--nodes", {"6"}}};
        for (const std::string& flag : more) {
            values[flag];
        }
        const std::string text = simulate(std::move(values)).text;
        const std::size_t at = text.find("kind ");
        return text.substr(at, text.find(", targets", at) - at);
    };
    CHECK(release("rolling", {}) == "kind deploy, environment simulation, release app/2.0");
    CHECK(release("restart", {}) == "kind operation, environment simulation, release app/1.0");
    CHECK(release("repair", {"--operation"}) == "kind operation, environment simulation, release app/1.0");
    CHECK(release("rollback", {}) == "kind rollback, environment simulation, release app/1.0");
}

TEST_CASE("the way back is found beside the stock workflows: shown, simulated, swept", "[cli]") {
    const std::vector<cli::Verb> verbs = cli::workflow_verbs();
    const auto verb = [&](const std::string& name) {
        return *std::find_if(verbs.begin(), verbs.end(),
                             [&](const cli::Verb& one) { return one.verb == name; });
    };
    const std::string list = run(verb("list"), with({})).text;
    CHECK(list.find("rollback        Back to the newest known-good release") != std::string::npos);
    CHECK(list.find("rolling         Rolling update") != std::string::npos);
    const std::string shown = run(verb("show"), with({{"WORKFLOW", {"rollback"}}})).text;
    CHECK(shown.find("It is no script: it works whatever scripts say. Start it with 'tiercel rollback'.") !=
          std::string::npos);
    CHECK(shown.find("--to ") != std::string::npos);
    CHECK(simulate({{"WORKFLOW", {"rollback"}}, {"--nodes", {"12"}}}).text.find("12 rolled_back") !=
          std::string::npos);
    CHECK(simulate({{"WORKFLOW", {"rollback"}}, {"--sweep", {"50"}}}).code == 0);
    CHECK(refused({{"WORKFLOW", {"rollback"}}, {"--param", {"soak=1s"}}}) == "'rollback' has no parameters");
    CHECK(refused({{"WORKFLOW", {"rollback"}}, {"--operation", {}}}) ==
          "'rollback' is no operation; leave --operation out");
}

TEST_CASE("test files beside a workflow run like in a test runner", "[cli]") {
    const Directory directory(
        {{"our.lua",
          "return workflow { run = function(ctx) ctx:preflight() for _, level in ipairs(ctx.levels) "
          "do ctx:update(level) end end }"},
         {"app.lua", "application \"shop\" { component \"web\" { packages = { \"shop-web\" } } }"},
         {"our_test.lua", "test('it goes out', function()\n"
                          "  simulate { workflow = 'our', app = 'app.lua', nodes = 4 }\n"
                          "  expect.count('updated', 4)\nend)\n"
                          "test('it fails', function()\n"
                          "  simulate { workflow = 'our.lua', app = 'app.lua', nodes = 4 }\n"
                          "  expect.outcome('stopped')\nend)\n"}});
    const cli::Verb verb = cli::workflow_test_verbs().front();
    const Said said = run(verb, with({{"PATH", {directory.path.string()}}}));
    CHECK(said.code == 3);
    CHECK(said.text == "ok      it goes out\nfailed  it fails\n        " +
                           (directory.path / "our_test.lua").string() +
                           ":7: the outcome is succeeded, not stopped\n2 tests, 1 failed\n");
    const Directory empty({});
    CHECK_THROWS_AS(run(verb, with({{"PATH", {(empty.path / "no").string()}}})), base::Error);
}

TEST_CASE("a test file that cannot be read is named, and no test is left out for it", "[cli]") {
    const Directory directory({{std::string("our_test.lua"), ""}});
    const std::filesystem::path loop = directory.path / "loop_test.lua";
    std::filesystem::create_symlink(loop, loop);
    for (const std::filesystem::path& named : {directory.path, loop}) {
        try {
            run(cli::workflow_test_verbs().front(), with({{"PATH", {named.string()}}}));
            FAIL("no error");
        } catch (const base::Error& error) {
            CHECK(error.message() ==
                  "'" + loop.string() + "' cannot be read: Too many levels of symbolic links");
        }
    }
}
