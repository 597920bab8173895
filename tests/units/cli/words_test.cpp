// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "base/error.hpp"
#include "cli/checked_workflows.hpp"
#include "cli/command_line.hpp"
#include "cli/document.hpp"
#include "cli/parameters.hpp"
#include "cli/terminal.hpp"
#include "tests/catch.hpp"

namespace {

using cli::Arguments;
using cli::Option;

/// Runs one verb `tiercel thing do …` and keeps what it was given.
struct Tried {
    int code = -1;
    Arguments given;

    explicit Tried(std::vector<std::string> words, const std::vector<std::string>& before = {}) {
        const cli::Verb verb{"thing",
                             "do",
                             "does it",
                             "tiercel thing do x",
                             {{"WHAT", "what", Option::Kind::Positional, true},
                              {"MORE", "more", Option::Kind::Positionals, false},
                              {"--how", "how", Option::Kind::Text, false},
                              {"--param", "several", Option::Kind::Texts, false},
                              {"--fast", "flag", Option::Kind::Flag, false}},
                             [this](const Arguments& arguments) {
                                 given = arguments;
                                 return 0;
                             }};
        words.insert(words.begin(), {"thing", "do"});
        words.insert(words.begin(), before.begin(), before.end());
        words.insert(words.begin(), "tiercel");
        std::vector<char*> argv;
        for (std::string& word : words) {
            argv.push_back(word.data());
        }
        code = cli::run_command_line(static_cast<int>(argv.size()), argv.data(), {verb});
    }
};

} // namespace

TEST_CASE("an option takes one word, positionals take the rest, in any order", "[cli]") {
    const Tried tried({"--how", "well", "a", "b", "c", "--fast"});
    CHECK(tried.code == 0);
    CHECK(tried.given.text("WHAT") == "a");
    CHECK(tried.given.texts("MORE") == std::vector<std::string>{"b", "c"});
    CHECK(tried.given.text("--how") == "well");
    CHECK(tried.given.flag("--fast"));
}

TEST_CASE("the directory may stand before the command or after it", "[cli]") {
    CHECK(Tried({"a", "-C", "there"}).given.directory == "there");
    CHECK(Tried({"a"}, {"-C", "here"}).given.directory == "here");
}

TEST_CASE("a repeated option keeps each of its words", "[cli]") {
    const Tried tried({"a", "--param", "x=1", "--param", "y=2"});
    CHECK(tried.given.texts("--param") == std::vector<std::string>{"x=1", "y=2"});
}

TEST_CASE("bad usage ends with 2", "[cli]") {
    CHECK(Tried({}).code == 2);
    CHECK(Tried({"a", "--nope"}).code == 2);
    CHECK(Tried({"a", "--how"}).code == 2);
}

TEST_CASE("parameters are JSON where they read as JSON, and text otherwise", "[cli]") {
    Arguments arguments;
    arguments.values["--param"] = {"soak=30s", "ramp=[1,\"50%\"]", "max_failures=2", "why=a=b"};
    const base::Object params = cli::parameters(arguments);
    CHECK(*params.find("soak") == base::Value("30s"));
    CHECK(*params.find("ramp") == base::Value(base::Array{1, "50%"}));
    CHECK(*params.find("max_failures") == base::Value(2));
    CHECK(*params.find("why") == base::Value("a=b"));
}

TEST_CASE("a parameter without '=' is refused with what to write", "[cli]") {
    Arguments arguments;
    arguments.values["--param"] = {"soak"};
    try {
        cli::parameters(arguments);
        FAIL("it was accepted");
    } catch (const base::Error& error) {
        CHECK(error.fault() == base::Fault::Input);
        CHECK(error.message() == "'soak' is not a parameter; write --param NAME=VALUE");
    }
}

TEST_CASE("what nodes report cannot drive a person's terminal", "[cli]") {
    CHECK(cli::printable("\x1b[2Jgone\r") == "\\x1b[2Jgone\\x0d");
    CHECK(cli::printable("two\nlines\tand a tab") == "two\nlines\tand a tab");
}

TEST_CASE("a table's columns are as wide as their widest cell, whatever the script", "[cli]") {
    CHECK(cli::table({{"NAME", "N"}, {"größe", "1"}, {"x", "22"}}) == "NAME   N\ngröße  1\nx      22\n");
}

TEST_CASE("what a document lacks reads as empty", "[cli]") {
    const base::Value document = base::Object{{"name", "a"}, {"number", 3}, {"nothing", nullptr}};
    CHECK(cli::text_of(document, "name") == "a");
    CHECK(cli::text_of(document, "number") == "3");
    CHECK(cli::text_of(document, "nothing").empty());
    CHECK(cli::text_of(document, "absent").empty());
    CHECK(cli::list_of(document, "absent").empty());
}

TEST_CASE("names cannot leave their part of a URL", "[cli]") {
    CHECK(cli::url_part("shop/1.0?x=#") == "shop%2F1.0%3Fx%3D%23");
}

TEST_CASE("a package whose workflows cannot run is refused with all that is wrong with them", "[cli]") {
    const std::string good = "return workflow { run = function(ctx) ctx:wait('1s') end }";
    CHECK_NOTHROW(cli::check_workflows("shop-1.0-1.noarch", {{"good", good}}));
    try {
        cli::check_workflows(
            "shop-1.0-1.noarch",
            {{"bad", "return workflow { run = function(ctx)\nctx:wiat('1s') ctx:wait(1) end }"},
             {"good", good},
             {"rollback", good}});
        FAIL("it was accepted");
    } catch (const base::Error& error) {
        CHECK(error.fault() == base::Fault::Input);
        CHECK(error.message() ==
              "package 'shop-1.0-1.noarch' brings workflows that cannot run:\n"
              "bad.lua:2:5: ctx has no 'wiat'; did you mean 'wait'?\n"
              "bad.lua:2:25: ctx:wait: 'duration' is a number, but must be a duration such as "
              "\"30s\"\n"
              "rollback.lua: the way back is no script, so that it works whatever scripts say; give the "
              "workflow another name than 'rollback'");
    }
}
