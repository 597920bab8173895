// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "base/json.hpp"
#include "base/process.hpp"
#include "tests/catch.hpp"
#include "workflows/vm/conversation.hpp"

using workflows::vm::Conversation;

namespace {

const std::string source =
    "return workflow { summary = 'test', params = { soak = duration '30s' }, run = function(ctx, params) "
    "ctx:preflight() local got = ctx:wait(params.soak) if got then error(got, 0) end end }";

std::string start() {
    return base::to_json(
        base::Object{{"start", base::Object{{"source", source},
                                            {"name", "test.lua"},
                                            {"params", base::Object{{"soak", "5s"}}},
                                            {"model", base::Object{{"environment", "prod"},
                                                                   {"release", "shop/1.0"},
                                                                   {"from", ""},
                                                                   {"levels", base::Array{}}}}}}});
}

std::string answer(int sequence, const base::Value& value = nullptr) {
    return base::to_json(base::Object{
        {"answer", base::Object{{"sequence", sequence}, {"ok", true}, {"value", value}, {"error", ""}}}});
}

} // namespace

TEST_CASE("a conversation starts a script, gives its commands one by one, and tells its end") {
    Conversation conversation;
    CHECK(
        conversation.handle(base::to_json(
            base::Object{{"describe", base::Object{{"source", source}, {"name", "test.lua"}}}})) ==
        R"({"description":{"summary":"test","parameters":[{"name":"soak","type":"duration","default":"30s"}]}})");
    CHECK(conversation.handle(start()) == R"({"command":{"sequence":1,"kind":"preflight","arguments":{}}})");
    CHECK(conversation.handle(answer(1)) ==
          R"({"command":{"sequence":2,"kind":"wait","arguments":{"duration":"5s"}}})");
    CHECK(conversation.handle(answer(2, "stop here")) ==
          R"({"ended":{"ok":false,"error":"test.lua: stop here"}})");
    CHECK(conversation.handle(answer(3)) == R"({"ended":{"ok":false,"error":"test.lua: stop here"}})");
}

TEST_CASE("what cannot be answered is refused with its fault and sentence") {
    Conversation conversation;
    CHECK(conversation.handle("{").find(R"({"refused":{"fault":"input","message":"message:1: )") == 0);
    CHECK(
        conversation.handle("{}") ==
        R"({"refused":{"fault":"input","message":"message: one of 'start', 'answer' and 'describe' is needed"}})");
    CHECK(conversation.handle(R"({"begin": 1})").find("unknown key 'begin'") != std::string::npos);
    CHECK(conversation.handle(answer(1)) ==
          R"({"refused":{"fault":"conflict","message":"no workflow is running here"}})");
    CHECK(
        conversation.handle(
            R"({"start": {"source": "return 1", "name": "x.lua", "params": {}, "model": {"environment": "e", "release": "a/1", "levels": []}}})") ==
        R"({"refused":{"fault":"input","message":"x.lua: not a workflow; write return workflow { … }"}})");
    conversation.handle(start());
    CHECK(conversation.handle(start()) ==
          R"({"refused":{"fault":"conflict","message":"a workflow is running here already"}})");
    CHECK(conversation.handle(answer(7)).find("waits for the answer to its command 1") != std::string::npos);
}

TEST_CASE("workflow-vm speaks lines and ends with its input") {
    base::SystemProcesses processes;
    base::Command command;
    command.argv = {TIERCEL_LIBEXEC_BUILT "/workflow-vm"};
    command.input = start() + "\n" + answer(1) + "\n";
    const base::Outcome outcome = processes.run(command);
    CHECK(outcome.exit_code == 0);
    CHECK(outcome.output ==
          "{\"command\":{\"sequence\":1,\"kind\":\"preflight\",\"arguments\":{}}}\n"
          "{\"command\":{\"sequence\":2,\"kind\":\"wait\",\"arguments\":{\"duration\":\"5s\"}}}\n");
}

TEST_CASE("workflow-vm outlives every attack on it and says what happened") {
    base::SystemProcesses processes;
    for (const char* body : {"while true do end", "local s = 'x' while true do s = s .. s end",
                             "local function f() return f() + 1 end f()", "while true do pcall(error) end"}) {
        base::Command command;
        command.argv = {TIERCEL_LIBEXEC_BUILT "/workflow-vm"};
        command.input =
            base::to_json(base::Object{
                {"start",
                 base::Object{
                     {"source", std::string("return workflow { run = function() ") + body + " end }"},
                     {"name", "attack.lua"},
                     {"params", base::Object{}},
                     {"model",
                      base::Object{{"environment", "e"}, {"release", "a/1"}, {"levels", base::Array{}}}}}}}) +
            "\n";
        const base::Outcome outcome = processes.run(command);
        CHECK(outcome.exit_code == 0);
        CHECK(outcome.output.find(R"({"ended":{"ok":false,"error":"attack.lua:)") == 0);
    }
}
