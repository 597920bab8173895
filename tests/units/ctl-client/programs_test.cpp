// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// Real programs and their keepers: what they say, how they end, and who of them is left.
#include "ctl-client/cancellation.hpp"
#include "ctl-client/process_tree.hpp"
#include "ctl-client/program_record.hpp"
#include "ctl-client/worker.hpp"
#include "tests/units/ctl-client/node.hpp"

#include <csignal>
#include <fcntl.h>
#include <fstream>
#include <functional>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace {

using namespace ctl_client_tests;
using namespace std::chrono_literals;
using ctl_client::KeptPrograms;

/// Until it is so; a test that waits in vain fails.
void until(const std::function<bool()>& so) {
    for (const auto end = std::chrono::steady_clock::now() + 60s; !so();) {
        REQUIRE(std::chrono::steady_clock::now() < end);
        std::this_thread::sleep_for(5ms);
    }
}

/// A node whose programs are real.
class Host : public Node {
public:
    Host() {
        ::setenv("TIERCEL_LIBEXEC", fs::path(CTL_KEEP).parent_path().c_str(), 1);
        real_programs = &kept;
        restart_client();
    }
    ~Host() {
        ::unsetenv("TIERCEL_LIBEXEC");
        for (const pid_t id : marked()) { // what a failed test left
            ::kill(id, SIGKILL);
        }
    }

    fs::path file(const std::string& name) const { return directory.path() / name; }
    bool there(const std::string& name) const { return fs::exists(file(name)); }

    base::Command shell(const std::string& text, base::Duration timeout = 60s) const {
        base::Command command;
        command.argv = {"/bin/sh", "-c", text, mark};
        command.directory = directory.path();
        command.timeout = timeout;
        command.output_limit_bytes = 16u << 10;
        return command;
    }
    /// Processes of this test's programs that live: each shell has the mark among its arguments, and its
    /// `sleep` a number of its own.
    std::vector<pid_t> marked() const {
        std::vector<pid_t> found;
        for (const fs::directory_entry& entry : fs::directory_iterator("/proc")) {
            const std::string name = entry.path().filename();
            if (name.find_first_not_of("0123456789") != std::string::npos) {
                continue;
            }
            try {
                const std::string words = base::SystemFiles().read(entry.path() / "cmdline", 1u << 20);
                if (words.find(mark) != std::string::npos) {
                    found.push_back(static_cast<pid_t>(std::stol(name)));
                }
            } catch (const base::Error&) {
                continue; // it has just ended
            }
        }
        return found;
    }

    /// The shop with a command "work" that is this shell text.
    void deploy_command(const std::string& text) {
        auto made = shop("1.0");
        rpm::PackagedCommand command;
        command.name = "work";
        command.run = {"/bin/sh", "-c", "cd " + directory.path().string() + "; " + text, mark};
        made[0].about.commands = {command};
        made[0].about.templates.clear();
        deploy(release("shop/1.0", made), "run-1");
    }

    const std::string mark = fmt::format("tiercel-test-{}", ::getpid());
    KeptPrograms kept{state, interruption};
};

/// A tree that does not want to end: a shell and its sleep that ignore TERM, and a daemon of two forks in a
/// session of its own that does, too.
const std::string stubborn =
    "trap '' TERM\n"
    "(setsid /bin/sh -c 'trap \"\" TERM; touch daemon; while :; do sleep 0.05; done' $0 &)\n"
    "until [ -e daemon ]; do sleep 0.01; done\n"
    "touch ready; while :; do sleep 0.05; done\n";

} // namespace

TEST_CASE("a program's output and exit code are kept, and it runs in a session of its own") {
    Host host;
    const auto outcome = host.kept.keep(
        host.shell(
            "echo one; echo two >&2; read x && echo input; cut -d' ' -f6 /proc/$$/stat; echo $$; exit 3"),
        "x");
    REQUIRE(outcome);
    CHECK(outcome->exit_code == 3);
    REQUIRE(outcome->output.starts_with("one\ntwo\n"));
    const std::string rest = outcome->output.substr(8);
    CHECK(rest.substr(0, rest.find('\n') + 1) == rest.substr(rest.find('\n') + 1));
    CHECK(host.kept.keep(host.shell("kill -9 $$"), "x")->exit_code == 128 + 9);
    base::Command missing;
    missing.argv = {"/opt/is-not-there"};
    try {
        host.kept.keep(missing, "x");
        FAIL("it ran");
    } catch (const base::Error& error) {
        CHECK(error.fault() == base::Fault::NotFound);
        CHECK(error.message() == "program '/opt/is-not-there' is not installed");
    }
}

TEST_CASE("of a flood of output the end is kept, bytes that are no text included") {
    Host host;
    const auto outcome = host.kept.keep(host.shell("head -c 30000000 /dev/urandom; echo; echo the end"), "x");
    REQUIRE(outcome);
    CHECK(outcome->exit_code == 0);
    CHECK(outcome->truncated);
    CHECK(outcome->output.ends_with("\nthe end\n"));
}

TEST_CASE("a program whose time is over ends with all that it has started, whatever that ignores") {
    Host host;
    const auto outcome = host.kept.keep(host.shell(stubborn, 400ms), "x");
    REQUIRE(outcome);
    CHECK(outcome->timed_out);
    CHECK(host.there("daemon"));
    CHECK(host.marked().empty());
}

TEST_CASE("what a program leaves in the background when it ends by itself is not touched or waited for") {
    Host host;
    const auto outcome = host.kept.keep(
        host.shell(
            "setsid /bin/sh -c 'touch daemon; while :; do sleep 0.05; done' $0 & until [ -e daemon ]; do "
            "sleep 0.01; done; echo started"),
        "x");
    REQUIRE(outcome);
    CHECK(outcome->output == "started\n");
    CHECK(host.marked().size() == 1);
}

TEST_CASE("a cancelled program ends with its whole tree, and it is said what was ended") {
    Host host;
    host.interruption.begin("order-1", false);
    std::thread link([&] {
        until([&] { return host.there("ready"); });
        CHECK(host.interruption.ask("order-2").answer == ctl_client::Interruption::Answer::NotUnderWay);
        CHECK(host.interruption.ask("order-1").answer == ctl_client::Interruption::Answer::Ending);
    });
    std::string message;
    try {
        host.kept.keep(host.shell(stubborn), "command 'x'");
    } catch (const base::Error& error) {
        message = error.message();
    }
    link.join();
    CHECK(message.starts_with("command 'x' was ended with "));
    const std::vector<std::string> ended = host.interruption.ended_so_far();
    REQUIRE(ended.size() == 1);
    CHECK(ended[0].starts_with("command 'x' ("));
    CHECK(host.marked().empty());
}

TEST_CASE("a program that starts others faster than they are looked at is ended, too") {
    Host host;
    const auto outcome = host.kept.keep(host.shell("trap '' TERM; i=0; while :; do (trap '' TERM; sleep 600) "
                                                   "& i=$((i+1)); [ $i -gt 300 ] && sleep 1; done",
                                                   300ms),
                                        "x");
    REQUIRE(outcome);
    CHECK(outcome->timed_out);
    CHECK(host.marked().empty());
}

TEST_CASE("a keeper that is killed takes its program along, and the end is not known", "[law-6]") {
    Host host;
    std::optional<base::Outcome> outcome = base::Outcome{};
    std::thread killer([&] {
        until([&] { return host.there("ready"); });
        const int record = ::open(host.state.program().c_str(), O_RDONLY | O_CLOEXEC);
        ::kill(ctl_client::ProgramRecord::read(record).keeper.value(), SIGKILL);
        ::close(record);
    });
    outcome = host.kept.keep(host.shell("touch ready; while :; do read x < /dev/zero; done"), "x");
    killer.join();
    CHECK_FALSE(outcome);
    until([&] { return host.marked().empty(); });
}

TEST_CASE("a record that a power cut has torn says that the end is not known", "[law-6]") {
    Host host;
    host.interruption.begin("order-1", false);
    REQUIRE(host.kept.keep(host.shell("exit 4"), "x"));
    CHECK(host.kept.left_behind("order-1")->exit_code == 4);
    CHECK_FALSE(host.kept.left_behind("order-2"));
    const std::string whole = base::SystemFiles().read(host.state.program());
    for (std::size_t size = 0; size < whole.size(); ++size) {
        fs::resize_file(host.state.program(), 0);
        std::ofstream(host.state.program(), std::ios::binary) << whole.substr(0, size);
        CHECK_FALSE(host.kept.left_behind("order-1"));
    }
}

TEST_CASE(
    "a client that is killed while a command runs reports its true end at the next start, and it ran once",
    "[law-6][law-7]") {
    Host host;
    host.deploy_command(
        "echo x >> began; touch runs; until [ -e go ]; do sleep 0.01; done; echo done; exit 3");
    const Order order = host.make_order("command", {{"name", "work"}});
    host.kill_client();
    const pid_t client = ::fork();
    if (client == 0) {
        host.restart_client();
        host.executor().journal().receive(order.text(), host.clock.now());
        host.executor().perform_next();
        ::_exit(0);
    }
    until([&] { return host.there("runs"); });
    ::kill(client, SIGKILL);
    ::waitpid(client, nullptr, 0);
    host.restart_client();
    SECTION("the command goes on without its client") {
        std::thread later([&] {
            std::this_thread::sleep_for(50ms);
            base::SystemFiles().write(host.file("go"), "");
        });
        const Report report = host.send(order);
        later.join();
        CHECK(report.code == "failed");
        CHECK(report.reason == "command 'work' ended with 3: done");
    }
    SECTION("it is cancelled at the next client") {
        const Order cancel = host.make_order("cancel", {{"order", order.id}});
        REQUIRE_FALSE(host.executor().journal().receive(cancel.text(), host.clock.now()));
        CHECK(host.send(order).code == "cancelled");
        CHECK(member(host.send(cancel), "ended").starts_with("[\"command 'work' ("));
    }
    SECTION("its keeper was killed, too, as by a machine that went down") {
        const int record = ::open(host.state.program().c_str(), O_RDONLY | O_CLOEXEC);
        ::kill(ctl_client::ProgramRecord::read(record).keeper.value(), SIGKILL);
        ::close(record);
        CHECK(host.send(order).code == "lost");
    }
    CHECK(base::SystemFiles().read(host.file("began")) == "x\n");
    until([&] { return host.marked().empty(); });
}

TEST_CASE("a hook that a killed client left running is ended before it runs again") {
    Host host;
    auto made = shop("1.0");
    rpm::Hook hook;
    hook.at = "before-undrain";
    hook.run = {"/bin/sh", "-c",
                "cd " + host.directory.path().string() +
                    "; echo x >> began; [ -e again ] || { touch again; while :; do sleep 0.01; done; }",
                host.mark};
    made[0].about.hooks = {hook};
    host.deploy(host.release("shop/1.0", made), "run-1");
    const Order order = host.make_order("undrain", {});
    host.kill_client();
    const pid_t client = ::fork();
    if (client == 0) {
        host.restart_client();
        host.executor().journal().receive(order.text(), host.clock.now());
        host.executor().perform_next();
        ::_exit(0);
    }
    until([&] { return host.there("again"); });
    ::kill(client, SIGKILL);
    ::waitpid(client, nullptr, 0);
    host.restart_client();
    CHECK(host.send(order).ok);
    CHECK(base::SystemFiles().read(host.file("began")) == "x\nx\n");
    CHECK(host.marked().empty());
}

TEST_CASE("a cancel order is carried out while the worker runs what it names, and both are reported") {
    Host host;
    host.deploy_command(stubborn);
    const Order order = host.make_order("command", {{"name", "work"}});
    const Order cancel = host.make_order("cancel", {{"order", order.id}});
    host.kill_client();
    base::Database link = host.state.open();
    ctl_client::Journal journal(link);
    REQUIRE_FALSE(journal.receive(order.text(), host.clock.now()));
    base::Database database = host.state.open();
    ctl_client::Worker worker([&] { return host.make_executor(database); }, [] {});
    until([&] { return host.there("ready"); });
    REQUIRE_FALSE(journal.receive(cancel.text(), host.clock.now()));
    ctl_client::carry_out_cancels(journal, host.interruption);
    until([&] { return journal.receive(cancel.text(), host.clock.now()).has_value(); });
    worker.stop();
    const auto report = journal.receive(order.text(), host.clock.now());
    REQUIRE(report);
    CHECK(report->code == "cancelled");
    CHECK(report->reason.starts_with("command 'work' was ended with "));
    const auto answer = journal.receive(cancel.text(), host.clock.now());
    CHECK(answer->ok);
    CHECK(member(*answer, "ended").starts_with("[\"command 'work' ("));
    CHECK(host.marked().empty());
}
