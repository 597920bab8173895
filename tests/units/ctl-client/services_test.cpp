// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// Real processes: each test ends what it started.
#include "base/files.hpp"
#include "ctl-client/services.hpp"
#include "tests/refusal.hpp"

#include <csignal>
#include <filesystem>
#include <fstream>
#include <sys/wait.h>
#include <unistd.h>

namespace {

using ctl_client::PackagedServices;
using ctl_client::ProcessIdentity;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

class Bench {
public:
    Bench() { fs::create_directories(directory.path() / "logs"); }
    ~Bench() {
        for (const pid_t id : started) {
            ::kill(id, SIGKILL);
        }
    }
    /// Leaves `body` behind as a daemon whose number is in the pid file.
    rpm::Service service(const std::string& body = "exec sleep 1000") const {
        rpm::Service service;
        service.name = "app";
        service.pid_file = (directory.path() / "pid").string();
        service.start = {"/bin/sh", "-c",
                         "(" + body + ") & echo $! > " + service.pid_file + "; echo started"};
        service.start_timeout = 5s;
        service.stop_timeout = 5s;
        return service;
    }
    ProcessIdentity start(const rpm::Service& service) {
        const ProcessIdentity process = services.start(service, "app");
        started.push_back(process.id);
        return process;
    }

    /// Whether the file `name` comes to be, within five seconds.
    bool comes(const std::string& name) const {
        for (int look = 0; look < 500 && !fs::exists(directory.path() / name); ++look) {
            ::usleep(10'000);
        }
        return fs::exists(directory.path() / name);
    }
    std::string path(const std::string& name) const { return (directory.path() / name).string(); }

    base::TemporaryDirectory directory;
    PackagedServices services{directory.path() / "logs"};
    std::vector<pid_t> started;
};

} // namespace

TEST_CASE("a service is started in a session of its own, found again, and stopped") {
    Bench bench;
    const rpm::Service service = bench.service();
    CHECK_FALSE(bench.services.running(service, {}));
    const ProcessIdentity process = bench.start(service);
    CHECK(process.id > 1);
    CHECK(::getsid(process.id) != ::getsid(0));
    CHECK(bench.services.running(service, process) == process);
    CHECK(bench.services.running(service, {}) == process);
    CHECK(ProcessIdentity::parse(process.str()) == process);
    bench.services.stop(service, process);
    CHECK_FALSE(bench.services.running(service, process));
}

TEST_CASE("what the start command says is in the log, not in a pipe that fills up") {
    Bench bench;
    const ProcessIdentity process = bench.start(bench.service("while :; do echo much >&2; sleep 0.01; done"));
    CHECK(base::SystemFiles().read(bench.directory.path() / "logs/app.log").find("started") !=
          std::string::npos);
    CHECK(bench.services.running(bench.service(), process));
}

TEST_CASE("a service that does not start is refused with its last words") {
    Bench bench;
    rpm::Service service = bench.service();
    service.start = {"/bin/sh", "-c", "echo port is taken >&2; exit 3"};
    CHECK(tests::refusal(base::Fault::Unavailable, [&] { bench.services.start(service, "app"); }) ==
          "service 'app' did not start: '/bin/sh' ended with 3: port is taken");
    service.start = {"/bin/true"};
    service.start_timeout = 50ms;
    CHECK(tests::refusal(base::Fault::Unavailable, [&] {
              bench.services.start(service, "app");
          }).find("no living process in") != std::string::npos);
    service.start = {"/bin/sh", "-c", "sleep 1000"};
    CHECK(tests::refusal(base::Fault::Unavailable, [&] { bench.services.start(service, "app"); }) ==
          "service 'app' did not start: '/bin/sh' did not return within 50ms: ");
    service.start = {"/nowhere/daemon"};
    CHECK(tests::refusal(base::Fault::Unavailable, [&] { bench.services.start(service, "app"); }) ==
          "program '/nowhere/daemon' cannot be started: No such file or directory");
}

TEST_CASE("a pid file whose number was given to another process later is not believed") {
    Bench bench;
    const rpm::Service service = bench.service();
    const ProcessIdentity process = bench.start(service);
    // The file is older than the process that has its number now.
    fs::last_write_time(service.pid_file, fs::file_time_type::clock::now() - 1h);
    CHECK_FALSE(bench.services.running(service, {}));
    ProcessIdentity former = process;
    former.started_ticks -= 1000;
    CHECK_FALSE(bench.services.running(service, former));
    // Unless it is the one that was recorded at the start.
    CHECK(bench.services.running(service, process) == process);
    for (const char* text : {"", "no number", "1\n", "99999999999999"}) {
        std::ofstream(service.pid_file) << text;
        CHECK_FALSE(bench.services.running(service, {}));
    }
}

TEST_CASE("a process that ignores TERM is killed when its time is over") {
    Bench bench;
    rpm::Service service =
        bench.service("trap '' TERM; : > " + bench.path("trapped") + "; while :; do sleep 1; done");
    service.stop_timeout = 100ms;
    const ProcessIdentity process = bench.start(service);
    REQUIRE(bench.comes("trapped"));
    bench.services.stop(service, process);
    CHECK_FALSE(bench.services.running(service, process));
}

TEST_CASE("services are stopped and reloaded by signals or by commands of their own") {
    Bench bench;
    rpm::Service service = bench.service("trap 'echo reloaded > " + bench.path("note") + "' HUP; : > " +
                                         bench.path("trapped") + "; while :; do sleep 0.01; done");
    service.reload = rpm::Signal{"HUP"};
    const ProcessIdentity process = bench.start(service);
    REQUIRE(bench.comes("trapped"));
    bench.services.reload(service, process);
    CHECK(bench.comes("note"));
    service.reload = rpm::Argv{"/bin/sh", "-c", "echo no >&2; exit 4"};
    CHECK(tests::refusal(base::Fault::Unavailable, [&] { bench.services.reload(service, process); }) ==
          "service 'app' cannot be reloaded: the command ended with 4: no");
    service.stop = rpm::Argv{"/bin/sh", "-c", fmt::format("kill -KILL {}", process.id)};
    bench.services.stop(service, process);
    CHECK_FALSE(bench.services.running(service, process));
}

TEST_CASE("a stop command whose package is gone does not keep the process alive") {
    Bench bench;
    rpm::Service service = bench.service();
    service.stop = rpm::Argv{"/opt/gone/stop"};
    const ProcessIdentity process = bench.start(service);
    bench.services.stop(service, process);
    CHECK_FALSE(bench.services.running(service, process));
}
