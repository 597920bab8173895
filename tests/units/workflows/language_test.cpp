// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// The table of ctx's methods beside what is made from it: the documentation, the annotations for editors, the
// engine's own reading.
#include "base/error.hpp"
#include "tests/catch.hpp"
#include "tests/fakes/fleet.hpp"
#include "workflows/engine/lua_syntax.hpp"
#include "workflows/engine/methods.hpp"
#include "workflows/engine/options.hpp"
#include "workflows/engine/sandbox.hpp"
#include "workflows/engine/script.hpp"

#include <fstream>
#include <iterator>
#include <set>

using namespace workflows::engine;

namespace {

std::string text_of(const std::string& file) {
    std::ifstream stream(TIERCEL_SOURCE "/" + file);
    REQUIRE(stream);
    return {std::istreambuf_iterator<char>(stream), {}};
}

// A value that an argument takes.
base::Value example_of(const Argument& argument) {
    switch (argument.slot) {
    case Slot::Level:
        return base::Object{{"index", 0}};
    case Slot::Component:
        return "shop/app";
    case Slot::Choice:
        return argument.choices.back();
    case Slot::Where:
        return "rack=a";
    case Slot::Text:
    case Slot::Label:
        return argument.name == "pass" ? "<= 1" : "x";
    case Slot::Duration:
    case Slot::Soak:
        return "1m";
    case Slot::Portion:
    case Slot::Count:
    case Slot::Number:
    case Slot::Budget:
        return 1;
    case Slot::Ramp:
        return base::Array{1, "100%"};
    case Slot::Flag:
        return true;
    case Slot::Deadlines: {
        base::Object all;
        for (const std::string& step : deadline_steps()) {
            all.set(step, "1m");
        }
        return all;
    }
    case Slot::Analysis: {
        base::Object all;
        for (const Argument& field : measurement_fields()) {
            if (field.slot != Slot::Address) {
                all.set(std::string(field.name), example_of(field));
            }
        }
        return base::Array{std::move(all)};
    }
    case Slot::Address:
        return base::Object{{std::string(argument.choices[0]), "x"}, {std::string(argument.choices[1]), "x"}};
    case Slot::Record:
        return base::Object{{"x", 1}};
    case Slot::Data:
    case Slot::Function:
        return 1;
    }
    return nullptr;
}

// A call with every option that there is.
base::Value command_of(const Method& method) {
    std::vector<base::Value> arguments;
    for (const Argument& argument : method.arguments) {
        arguments.push_back(example_of(argument));
    }
    base::Object options;
    for (const Argument& option : method.options) {
        options.set(std::string(option.name), example_of(option));
    }
    if (base::Value* window = options.find("window")) {
        *window = "barrier"; // with 'analysis' no other
    }
    return command_arguments(method, arguments,
                             method.options.empty() ? base::Value() : base::Value(options));
}

} // namespace

TEST_CASE("the page on workflows has every method, argument, option, choice, answer and member of ctx") {
    const std::string page = text_of("docs/workflows.md");
    const auto has = [&](const std::string& text) {
        INFO(text);
        CHECK(page.find(text) != std::string::npos);
    };
    for (const Method& method : methods()) {
        INFO(method.name);
        const std::size_t begin = page.find(fmt::format("### ctx:{}", method.name));
        REQUIRE(begin != std::string::npos);
        const std::string section = page.substr(begin, page.find("\n##", begin + 3) - begin);
        const auto explains = [&](std::string_view name) {
            INFO(name);
            CHECK(section.find(fmt::format("`{}`", name)) != std::string::npos);
        };
        for (const auto* list : {&method.arguments, &method.options}) {
            for (const Argument& argument : *list) {
                explains(argument.name);
                for (const std::string_view choice : argument.choices) {
                    CHECK(section.find(choice) != std::string::npos);
                }
            }
        }
        for (const Field& field : method.fields) {
            CHECK(section.find(field.name) != std::string::npos);
        }
        if (method.deferrable) {
            has(fmt::format("`ctx:{}`", method.name));
        }
    }
    for (const auto& [prefix, fields] : {std::pair("ctx.", &context_fields())}) {
        for (const Field& field : *fields) {
            has(fmt::format("`{}{}`", prefix, field.name));
        }
    }
    for (const auto* fields : {&level_fields(), &component_fields()}) {
        for (const Field& field : *fields) {
            has(fmt::format("`{}`", field.name));
        }
    }
    for (const Argument& field : measurement_fields()) {
        has(fmt::format("`{}`", field.name));
    }
    for (const std::string& step : deadline_steps()) {
        has(fmt::format("`{}`", step));
    }
    for (const std::string& word : workflow_words()) {
        has(fmt::format("`{} ", word).substr(0, word.size() + 1));
    }
    for (const auto& [name, members] : Sandbox().names()) {
        has(name);
        for (const std::string& member : members) {
            has(member);
        }
    }
}

TEST_CASE("the annotations for editors are those of the table") {
    // After a change of the table: build/release/bin/tiercel workflow annotations >
    // workflows/annotations/tiercel.d.lua
    CHECK(text_of("workflows/annotations/tiercel.d.lua") == annotations());
    CHECK(syntax::parse(annotations()).errors.empty());
}

TEST_CASE("the engine takes every option of the table") {
    for (const auto& [name, action] :
         {std::pair("update", Action::Update), std::pair("restart", Action::Restart),
          std::pair("stop", Action::Stop), std::pair("start", Action::Start)}) {
        INFO(name);
        // Of these two only one at a time: nobody compares with peers that stand by.
        for (const std::string_view without : {"analysis", "standby"}) {
            base::Value arguments = command_of(*find_method(name));
            std::erase_if(arguments.object()->members,
                          [&](const base::Member& member) { return member.name == without; });
            CHECK_NOTHROW(read_act(action, arguments, 1));
        }
    }
    RunInput input = tests::fleet_input({1});
    input.levels = {{base::ComponentName("shop/app")}};
    input.commands[base::ComponentName("shop/app")] = {{"x", "shop-app"}};
    CHECK_NOTHROW(read_command(command_of(*find_method("command")), input));
}

TEST_CASE("the examples of the table are right") {
    for (const Method& method : methods()) {
        INFO(method.example);
        const std::string source =
            "return workflow { run = function(ctx)\nlocal level, choice = ctx.levels[1], 7\n" +
            std::string(method.example) + "\nend }";
        Script script(source, "example.lua", {},
                      {"prod", "shop/2.0", "", {{base::ComponentName("shop/app")}}});
        const Script::Step step = script.resume(std::nullopt);
        REQUIRE(std::holds_alternative<ScriptCommand>(step));
        CHECK(std::get<ScriptCommand>(step).kind == method.command);
    }
}

TEST_CASE("names in the table are unique, and a method is none of ctx's other members") {
    std::set<std::string_view> names;
    for (const Method& method : methods()) {
        CHECK(names.insert(method.name).second);
    }
    for (const Field& field : context_fields()) {
        CHECK(names.insert(field.name).second);
    }
}
