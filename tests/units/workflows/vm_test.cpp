// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "base/error.hpp"
#include "base/json.hpp"
#include "base/process.hpp"
#include "tests/catch.hpp"
#include "workflows/vm/confinement.hpp"
#include "workflows/vm/conversation.hpp"

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <fmt/format.h>
#include <fstream>
#include <iterator>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

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
        R"({"refused":{"fault":"input","message":"message: one of 'start', 'answer', 'describe' and 'check' is needed"}})");
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

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)

namespace {

// What a confined process dies of, or its exit code, when it does this.
std::string fate(int (*act)()) {
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        int code = 100;
        try {
            workflows::vm::confine();
            code = act();
        } catch (const std::exception&) {
            code = 101;
        }
        ::_exit(code);
    }
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    return WIFSIGNALED(status) ? fmt::format("signal {}", WTERMSIG(status))
                               : fmt::format("exit {}", WEXITSTATUS(status));
}

} // namespace

TEST_CASE("a confined process that asks the kernel for more than reading and writing dies at once") {
    const std::string killed = fmt::format("signal {}", SIGSYS);
    CHECK(fate([] { return 7; }) == "exit 7");
    CHECK(fate([] { return ::open("/etc/passwd", O_RDONLY); }) == killed);
    CHECK(fate([] { return ::socket(AF_INET, SOCK_STREAM, 0); }) == killed);
    CHECK(fate([] { return static_cast<int>(::fork()); }) == killed);
    CHECK(fate([] { return ::execl("/bin/true", "true", nullptr); }) == killed);
    CHECK(fate([] { return ::kill(::getppid(), 0); }) == killed);
    CHECK(fate([] { return ::unlink("/tmp/none"); }) == killed);
    CHECK(fate([] { return ::dup(0); }) == killed);
    CHECK(fate([] { return ::prctl(PR_SET_DUMPABLE, 1, 0, 0, 0); }) == killed);
    CHECK(fate([] {
              rlimit bound{};
              return ::getrlimit(RLIMIT_CPU, &bound);
          }) == killed);
    CHECK(fate([] { return static_cast<int>(::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr)); }) == killed);
    CHECK(fate([] { return ::nice(1); }) == killed);
}

TEST_CASE("a confined process has the memory that it was given, and no more") {
    CHECK(fate([] {
              void* volatile most = std::malloc(std::size_t{100} << 20);
              return most == nullptr ? 1 : 0;
          }) == "exit 0");
    CHECK(fate([] {
              void* volatile beyond = std::malloc(std::size_t{200} << 20);
              return beyond == nullptr && errno == ENOMEM ? 0 : 1;
          }) == "exit 0");
    CHECK(fate([] {
              return ::mmap(nullptr, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
                             MAP_FAILED
                         ? 0
                         : 1;
          }) == "exit 0");
    CHECK(fate([] {
              try {
                  throw base::Error(base::Fault::Input, std::string("exceptions still work"));
              } catch (const base::Error&) {
                  return 0;
              }
          }) == "exit 0");
}

TEST_CASE("workflow-vm runs under its limits and filter while it talks") {
    base::Child child({TIERCEL_LIBEXEC_BUILT "/workflow-vm"});
    const std::string line = start() + "\n";
    REQUIRE(::write(child.to(), line.data(), line.size()) == static_cast<ssize_t>(line.size()));
    char bytes[4096];
    REQUIRE(::read(child.from(), bytes, sizeof bytes) > 0);
    const auto text_of = [&](const char* name) {
        std::ifstream file(fmt::format("/proc/{}/{}", child.id(), name));
        return std::string(std::istreambuf_iterator<char>(file), {});
    };
    const std::string status = text_of("status");
    CHECK(status.find("Seccomp:\t2") != std::string::npos);
    CHECK(status.find("NoNewPrivs:\t1") != std::string::npos);
    CHECK(status.find("Threads:\t1") != std::string::npos);
    const std::string limits = text_of("limits");
    const auto limit = [&](const std::string& name) {
        const std::size_t at = limits.find(name);
        REQUIRE(at != std::string::npos);
        const std::size_t first = limits.find_first_not_of(' ', at + name.size());
        return limits.substr(first, limits.find(' ', first) - first);
    };
    CHECK(limit("Max cpu time") == "60");
    CHECK(limit("Max file size") == "0");
    CHECK(limit("Max core file size") == "0");
    CHECK(limit("Max processes") == "0");
    CHECK(limit("Max open files") == "3");
    CHECK(limit("Max address space") == std::to_string(256 << 20));
    CHECK(child.wait() == 0);
}

#endif

TEST_CASE("workflow-vm tells what is wrong with a text") {
    Conversation conversation;
    CHECK(
        conversation.handle(base::to_json(base::Object{
            {"check", base::Object{{"source", "return workflow { run = function(ctx) ctx:wiat() end }"},
                                   {"name", "t.lua"}}}})) ==
        R"({"findings":[{"file":"t.lua","line":1,"column":43,"message":"ctx has no 'wiat'; did you mean 'wait'?"}]})");
    CHECK(conversation.handle(base::to_json(base::Object{
              {"check", base::Object{{"source", source}, {"name", "t.lua"}}}})) == R"({"findings":[]})");
}

TEST_CASE("an answer that says that the run has stopped lets only what is deferred run") {
    Conversation conversation;
    conversation.handle(base::to_json(base::Object{
        {"start",
         base::Object{
             {"source", "return workflow { run = function(ctx) ctx:defer(function(o) ctx:log(o) end) "
                        "while true do pcall(ctx.wait, ctx, '1s') end end }"},
             {"name", "t.lua"},
             {"params", base::Object{}},
             {"model",
              base::Object{{"environment", "e"}, {"release", "a/1"}, {"levels", base::Array{}}}}}}}));
    conversation.handle(answer(1));
    CHECK(conversation.handle(
              R"({"answer": {"sequence": 2, "ok": false, "error": "stopped", "stopped": true}})") ==
          R"({"command":{"sequence":3,"kind":"log","arguments":{"message":"stopped"}}})");
    CHECK(conversation.handle(answer(3)) == R"({"ended":{"ok":true,"error":""}})");
}
