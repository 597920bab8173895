// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "base/process.hpp"

#include "base/files.hpp"
#include "tests/fakes/processes.hpp"
#include "tests/refusal.hpp"

#include <array>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <sstream>
#include <thread>
#include <unistd.h>

using base::Command;
using base::Fault;
using base::Outcome;
using base::SystemProcesses;
using tests::refusal;
using namespace std::chrono_literals;

namespace {

Outcome shell(const std::string& script, base::Duration timeout = 60s) {
    Command command;
    command.argv = {"sh", "-c", script};
    command.timeout = timeout;
    return SystemProcesses().run(command);
}

/// Waits at most ten seconds for the process to be gone or a zombie: only then has it let go of everything.
bool ends(pid_t process) {
    for (int at = 0; at < 1000; ++at) {
        std::string state;
        try {
            state = base::SystemFiles().read("/proc/" + std::to_string(process) + "/stat");
        } catch (const base::Error&) {
            return true;
        }
        if (state.substr(state.rfind(')')).starts_with(") Z")) {
            return true;
        }
        std::this_thread::sleep_for(10ms);
    }
    return false;
}

} // namespace

TEST_CASE("a program's output, errors and exit code come back") {
    const Outcome outcome = shell("echo out; echo err >&2; exit 3");
    CHECK(outcome.exit_code == 3);
    CHECK(outcome.output == "out\n");
    CHECK(outcome.errors == "err\n");
    CHECK_FALSE(outcome.signal);
    CHECK_FALSE(outcome.timed_out);
    CHECK_FALSE(outcome.truncated);
}

TEST_CASE("arguments reach the program as they are, without a shell") {
    Command command;
    command.argv = {"printf", "%s|", "a b", "$HOME", "*", "", "'\""};
    CHECK(SystemProcesses().run(command).output == "a b|$HOME|*||'\"|");
}

TEST_CASE("a megabyte goes in and comes out at the same time") {
    Command command;
    command.argv = {"cat"};
    command.input.assign(1 << 20, 'x');
    const Outcome outcome = SystemProcesses().run(command);
    CHECK(outcome.output == command.input);
}

TEST_CASE("a program that does not read its input is no reason to die") {
    Command command;
    command.argv = {"true"};
    command.input.assign(1 << 20, 'x');
    CHECK(SystemProcesses().run(command).exit_code == 0);
    CHECK(shell("cat").output.empty());
}

TEST_CASE("the environment is the given one and nothing else") {
    Command command;
    command.argv = {"env"};
    command.environment = std::map<std::string, std::string>{{"A", "1"}, {"B", "two words"}};
    CHECK(SystemProcesses().run(command).output == "A=1\nB=two words\n");
    command.environment.emplace();
    CHECK(SystemProcesses().run(command).output.empty());
}

TEST_CASE("a program runs in the directory that was asked for") {
    const base::TemporaryDirectory directory;
    Command command;
    command.argv = {"pwd", "-P"};
    command.directory = directory.path();
    CHECK(SystemProcesses().run(command).output ==
          std::filesystem::canonical(directory.path()).native() + "\n");
    command.directory = directory.path() / "missing";
    CHECK(refusal(Fault::NotFound, [&] { SystemProcesses().run(command); }) ==
          "'" + (directory.path() / "missing").native() +
              "' is not a directory that a program can be started in");
}

TEST_CASE("a program that cannot be executed is named") {
    const auto said = [](std::string program) {
        Command command;
        command.argv = {std::move(program)};
        return refusal(Fault::NotFound, [&] { SystemProcesses().run(command); });
    };
    CHECK(said("no-such-program") == "program 'no-such-program' is not installed");
    CHECK(said("/no/such/program") == "program '/no/such/program' is not installed");
    const base::TemporaryDirectory directory;
    const std::string script = directory.path() / "script";
    base::SystemFiles().write(script, "#!/no/such/interpreter\n", 0755);
    CHECK(said(script) == "program '" + script + "' cannot be executed: its interpreter is missing");
    base::SystemFiles().write(script, "exit 0\n", 0644);
    CHECK(said(script) == "program '" + script + "' cannot be executed: Permission denied");
    base::SystemFiles().write(script, "exit 0\n", 0755);
    CHECK(said(script) == "program '" + script + "' cannot be executed: Exec format error");
}

TEST_CASE("a program that dies of a signal says of which") {
    const Outcome outcome = shell("kill -SEGV $$");
    CHECK(outcome.signal == SIGSEGV);
    CHECK(outcome.exit_code == 128 + SIGSEGV);
    CHECK_FALSE(outcome.timed_out);
}

TEST_CASE("more output than the limit is cut, and the program still ends") {
    Command command;
    command.argv = {"sh", "-c", "head -c 300000 /dev/zero; echo short >&2"};
    command.output_limit_bytes = 1000;
    const Outcome outcome = SystemProcesses().run(command);
    CHECK(outcome.exit_code == 0);
    CHECK(outcome.output.size() == 1000);
    CHECK(outcome.errors == "short\n");
    CHECK(outcome.truncated);
    command.argv = {"head", "-c", "1000", "/dev/zero"};
    CHECK_FALSE(SystemProcesses().run(command).truncated);
}

TEST_CASE("a program that ends at TERM is given the chance to") {
    const Outcome outcome =
        shell("trap 'echo bye; exit 0' TERM; echo ready; while :; do sleep 0.05; done", 1s);
    CHECK(outcome.timed_out);
    CHECK(outcome.output == "ready\nbye\n");
    CHECK(outcome.exit_code == 0);
}

TEST_CASE("a program that ignores TERM is killed at its timeout with its whole group") {
    // Both the program and what it started in the background ignore TERM; the second prints its number.
    const Outcome outcome = shell("trap '' TERM; sleep 1000 & echo $!; wait; sleep 1000", 1s);
    CHECK(outcome.timed_out);
    CHECK(outcome.signal == SIGKILL);
    CHECK(outcome.exit_code == 128 + SIGKILL);
    CHECK(ends(static_cast<pid_t>(std::stol(outcome.output))));
}

TEST_CASE("what a program leaves behind is ended too when it is ended itself") {
    // The leader dies of TERM at once, its child does not.
    const Outcome outcome = shell("(trap '' TERM; sleep 1000) & echo $!; sleep 1000", 1s);
    CHECK(outcome.timed_out);
    CHECK(outcome.signal == SIGTERM);
    CHECK(ends(static_cast<pid_t>(std::stol(outcome.output))));
}

TEST_CASE("a service that stays in the background is not waited for and not ended") {
    const Outcome outcome = shell("sleep 1000 & echo $!");
    CHECK_FALSE(outcome.timed_out);
    const auto service = static_cast<pid_t>(std::stol(outcome.output));
    CHECK(::kill(service, 0) == 0);
    ::kill(service, SIGKILL);
    CHECK(ends(service));
}

TEST_CASE("a child has default signals, its own group, and no descriptor of ours") {
    const auto handler = std::signal(SIGPIPE, SIG_IGN);
    const int leaked = ::open("/dev/null", O_RDONLY); // not close-on-exec
    const Outcome outcome =
        shell("grep -E 'SigIgn|SigBlk' /proc/self/status | cut -f2; "
              // No pipe here: the shell itself would hold its ends for a moment.
              "for n in 0 1 2 3 4 5 6 7 8 9; do test -e /proc/$$/fd/$n && printf '%s ' $n; done; "
              "test $(cut -d' ' -f5 /proc/$$/stat) = $$ && echo leader");
    ::close(leaked);
    std::signal(SIGPIPE, handler);
    // The two signals above 31 are the C library's own, and posix_spawn ignores them.
    constexpr unsigned long ours = 0x7fffffff;
    std::istringstream lines(outcome.output);
    unsigned long blocked = ~0ul;
    unsigned long ignored = ~0ul;
    std::string rest;
    lines >> std::hex >> blocked >> ignored >> std::ws;
    std::getline(lines, rest);
    CHECK((blocked & ours) == 0);
    CHECK((ignored & ours) == 0);
    CHECK(rest == "0 1 2 leader");
}

TEST_CASE("a helper is spoken with line by line") {
    base::Child child({"cat"});
    REQUIRE(::write(child.to(), "hello\n", 6) == 6);
    std::array<char, 16> answer{};
    CHECK(::read(child.from(), answer.data(), answer.size()) == 6);
    CHECK(std::string_view(answer.data(), 6) == "hello\n");
    CHECK(child.wait() == 0);
    CHECK(child.wait() == 0);
}

TEST_CASE("a helper that still lives at the end of its scope is killed with its group") {
    pid_t grandchild = -1;
    {
        base::Child child({"sh", "-c", "sleep 1000 & echo $!; exec sleep 1000"});
        std::array<char, 16> answer{};
        REQUIRE(::read(child.from(), answer.data(), answer.size() - 1) > 0);
        grandchild = static_cast<pid_t>(std::stol(answer.data()));
        const base::Child moved(std::move(child));
        CHECK(moved.id() > 0);
    }
    CHECK(ends(grandchild));
    base::Child killed({"sleep", "1000"});
    killed.kill();
    CHECK(killed.wait() == 128 + SIGKILL);
    CHECK(refusal(Fault::NotFound, [] { base::Child({"no-such-helper"}); }) ==
          "program 'no-such-helper' is not installed");
}

TEST_CASE("the helpers stand beside the program, or where the environment says") {
    ::unsetenv("TIERCEL_LIBEXEC");
    CHECK(base::own_program().filename() == "test_base");
    CHECK(base::libexec_directory() == base::own_program().parent_path().parent_path() / "libexec/tiercel");
    ::setenv("TIERCEL_LIBEXEC", "/opt/helpers", 1);
    CHECK(base::libexec_directory() == "/opt/helpers");
    ::unsetenv("TIERCEL_LIBEXEC");
}

TEST_CASE("the fake processes do what was laid down, in turn, and keep what was asked for") {
    fakes::Processes processes;
    processes.answer("haproxy", fakes::ended(1, "", "bad backend"));
    processes.answer("haproxy", fakes::ended(0));
    processes.answer("redis-cli", [](const Command& command) { return fakes::ended(0, command.input); });
    Command command;
    command.argv = {"/usr/sbin/haproxy", "-c"};
    CHECK(processes.run(command).errors == "bad backend");
    CHECK(processes.run(command).exit_code == 0);
    CHECK(processes.run(command).exit_code == 0);
    command.argv = {"redis-cli"};
    command.input = "PING";
    CHECK(processes.run(command).output == "PING");
    processes.answer("sleep", fakes::timed_out());
    command.argv = {"sleep"};
    CHECK(processes.run(command).timed_out);
    processes.uninstall("sleep");
    CHECK(refusal(Fault::NotFound, [&] { processes.run(command); }) == "program 'sleep' is not installed");
    CHECK(processes.commands().size() == 6);
    CHECK(processes.commands().at(0).argv.at(1) == "-c");
}
