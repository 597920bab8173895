// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "ctl-client/services.hpp"

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/log.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <optional>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <utility>

namespace ctl_client {
namespace {

using Steady = std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr auto look_again = 20ms;

std::string boot_id() {
    static const std::string id = [] {
        std::string text = base::SystemFiles().read("/proc/sys/kernel/random/boot_id");
        text.erase(std::find(text.begin(), text.end(), '\n'), text.end());
        return text;
    }();
    return id;
}

/// State letter and start time out of /proc/PID/stat; nothing for a process that is gone or a zombie.
std::optional<std::uint64_t> started_ticks(pid_t id) {
    std::string stat;
    try {
        stat = base::SystemFiles().read(fmt::format("/proc/{}/stat", id));
    } catch (const base::Error&) {
        return std::nullopt;
    }
    // The second field is the program's name in parentheses and may contain anything.
    std::size_t at = stat.rfind(')');
    if (at == std::string::npos || stat.size() < at + 3 || stat[at + 2] == 'Z' || stat[at + 2] == 'X') {
        return std::nullopt;
    }
    for (int field = 2; field < 22; ++field) {
        at = stat.find(' ', at + 1);
        if (at == std::string::npos) {
            return std::nullopt;
        }
    }
    std::uint64_t ticks = 0;
    const char* first = stat.data() + at + 1;
    return std::from_chars(first, stat.data() + stat.size(), ticks).ec == std::errc() ? std::optional(ticks)
                                                                                      : std::nullopt;
}

/// The number that the pid file names, and when it was written, in seconds since the boot.
struct PidFile {
    pid_t id;
    double written;
};

double seconds_since_boot(clockid_t clock) {
    timespec now{};
    ::clock_gettime(clock, &now);
    return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

std::optional<PidFile> read_pid_file(const std::string& file) {
    struct stat status {};
    std::string text;
    try {
        if (::stat(file.c_str(), &status) != 0) {
            return std::nullopt;
        }
        text = base::SystemFiles().read(file, 4096);
    } catch (const base::Error&) {
        return std::nullopt;
    }
    const std::size_t digits = text.find_first_of("0123456789");
    pid_t id = 0;
    if (digits == std::string::npos ||
        std::from_chars(text.data() + digits, text.data() + text.size(), id).ec != std::errc() || id <= 1) {
        return std::nullopt;
    }
    const double age =
        seconds_since_boot(CLOCK_REALTIME) -
        (static_cast<double>(status.st_mtim.tv_sec) + static_cast<double>(status.st_mtim.tv_nsec) / 1e9);
    return PidFile{id, seconds_since_boot(CLOCK_BOOTTIME) - age};
}

constexpr std::array<std::pair<std::string_view, int>, 11> signals{{{"TERM", SIGTERM},
                                                                    {"INT", SIGINT},
                                                                    {"QUIT", SIGQUIT},
                                                                    {"HUP", SIGHUP},
                                                                    {"USR1", SIGUSR1},
                                                                    {"USR2", SIGUSR2},
                                                                    {"KILL", SIGKILL},
                                                                    {"ALRM", SIGALRM},
                                                                    {"CONT", SIGCONT},
                                                                    {"WINCH", SIGWINCH},
                                                                    {"ABRT", SIGABRT}}};

int signal_number(const std::string& name) {
    for (const auto& [known, number] : signals) {
        if (known == name) {
            return number;
        }
    }
    throw base::Error(base::Fault::Input, "'{}' is no signal", name);
}

std::string last_words(const std::filesystem::path& log) {
    std::string text;
    try {
        text = base::SystemFiles().read(log);
    } catch (const base::Error&) {
        return {};
    }
    while (!text.empty() && text.back() == '\n') {
        text.pop_back();
    }
    constexpr std::size_t shown = 1000;
    return text.size() > shown ? "… " + text.substr(text.size() - shown) : text;
}

/// Runs one packaged command to its end in a session of its own, with its output in a file: a daemon that it
/// leaves behind keeps that file open for ever, which would wear out a pipe. Nothing of ours is inherited.
/// The exit code; nothing when the time was over.
std::optional<int> run_apart(const rpm::Argv& argv, const std::filesystem::path& log,
                             base::Duration timeout) {
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawnattr_init(&attributes);
    ::posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    ::posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, log.c_str(), O_WRONLY | O_CREAT | O_APPEND,
                                       0600);
    ::posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO);
    ::posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1);
    sigset_t every;
    sigset_t none;
    sigfillset(&every);
    sigdelset(&every, SIGKILL);
    sigdelset(&every, SIGSTOP);
    sigemptyset(&none);
    ::posix_spawnattr_setsigdefault(&attributes, &every);
    ::posix_spawnattr_setsigmask(&attributes, &none);
    ::posix_spawnattr_setflags(&attributes,
                               POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
    std::vector<char*> words;
    for (const std::string& word : argv) {
        words.push_back(const_cast<char*>(word.c_str())); // exec's signature is older than const
    }
    words.push_back(nullptr);
    pid_t child = -1;
    const int problem = ::posix_spawnp(&child, words.front(), &actions, &attributes, words.data(), environ);
    ::posix_spawn_file_actions_destroy(&actions);
    ::posix_spawnattr_destroy(&attributes);
    if (problem != 0) {
        throw base::Error(base::Fault::Unavailable, "program '{}' cannot be started: {}", argv.front(),
                          base::system_reason(problem));
    }
    const Steady::time_point deadline = Steady::now() + timeout;
    int status = 0;
    while (::waitpid(child, &status, WNOHANG) == 0) {
        if (Steady::now() >= deadline) {
            ::kill(-child, SIGKILL);
            ::waitpid(child, &status, 0);
            return std::nullopt;
        }
        std::this_thread::sleep_for(look_again);
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

} // namespace

std::string ProcessIdentity::str() const {
    return id <= 0 ? std::string() : fmt::format("{} {} {}", id, started_ticks, boot);
}

ProcessIdentity ProcessIdentity::parse(const std::string& text) {
    ProcessIdentity process;
    const char* end = text.data() + text.size();
    auto [at, problem] = std::from_chars(text.data(), end, process.id);
    if (problem != std::errc() || at == end) {
        return {};
    }
    auto [rest, other] = std::from_chars(at + 1, end, process.started_ticks);
    if (other != std::errc() || rest == end) {
        return {};
    }
    process.boot = std::string(rest + 1, end);
    return process;
}

std::optional<ProcessIdentity> PackagedServices::running(const rpm::Service& service,
                                                         const ProcessIdentity& known) {
    const auto file = read_pid_file(service.pid_file);
    if (!file) {
        return std::nullopt;
    }
    const auto started = started_ticks(file->id);
    if (!started) {
        return std::nullopt;
    }
    const ProcessIdentity process{file->id, *started, boot_id()};
    if (process == known) {
        return process;
    }
    // One tick of the kernel's clock and the rounding of the file's time.
    constexpr double slack = 1.0;
    const double started_at = static_cast<double>(*started) / static_cast<double>(::sysconf(_SC_CLK_TCK));
    return started_at <= file->written + slack ? std::optional(process) : std::nullopt;
}

ProcessIdentity PackagedServices::start(const rpm::Service& service, const std::string& log_name) {
    const std::filesystem::path log = logs_ / (log_name + ".log");
    std::error_code ignored;
    std::filesystem::remove(log, ignored);
    const Steady::time_point deadline = Steady::now() + service.start_timeout;
    const std::optional<int> code = run_apart(service.start, log, service.start_timeout);
    // One that we began before we were killed may just be there: then this start could not have the address,
    // and is not needed.
    constexpr int looks = 20;
    for (int look = 0; code && *code != 0 && look < looks; ++look) {
        if (const auto process = running(service, {})) {
            return *process;
        }
        std::this_thread::sleep_for(look_again);
    }
    if (code != 0) {
        throw base::Error(base::Fault::Unavailable, "service '{}' did not start: {}: {}", service.name,
                          code ? fmt::format("'{}' ended with {}", service.start.front(), *code)
                               : fmt::format("'{}' did not return within {}", service.start.front(),
                                             base::to_text(service.start_timeout)),
                          last_words(log));
    }
    while (true) {
        if (const auto process = running(service, {})) {
            return *process;
        }
        if (Steady::now() >= deadline) {
            throw base::Error(base::Fault::Unavailable,
                              "service '{}' did not start: no living process in '{}' after {}: {}",
                              service.name, service.pid_file, base::to_text(service.start_timeout),
                              last_words(log));
        }
        std::this_thread::sleep_for(look_again);
    }
}

void PackagedServices::stop(const rpm::Service& service, const ProcessIdentity& process) {
    const auto alive = [&] {
        return started_ticks(process.id) == process.started_ticks;
    };
    const Steady::time_point deadline = Steady::now() + service.stop_timeout;
    if (const auto* command = std::get_if<rpm::Argv>(&service.stop)) {
        try {
            run_apart(*command, logs_ / (service.name + ".stop.log"), service.stop_timeout);
        } catch (const base::Error& error) {
            // The package that brought the command may be gone; the process is not.
            base::log(base::LogLevel::Warning, "stop command cannot run",
                      {{"service", service.name}, {"reason", error.message()}});
            ::kill(process.id, SIGTERM);
        }
    } else if (alive()) {
        ::kill(process.id, signal_number(std::get<rpm::Signal>(service.stop).name));
    }
    while (alive() && Steady::now() < deadline) {
        std::this_thread::sleep_for(look_again);
    }
    if (alive()) {
        base::log(base::LogLevel::Warning, "service did not stop in time and is killed",
                  {{"service", service.name}});
        ::kill(process.id, SIGKILL);
        const Steady::time_point last = Steady::now() + 10s;
        while (alive() && Steady::now() < last) {
            std::this_thread::sleep_for(look_again);
        }
        if (alive()) {
            throw base::Error(base::Fault::Unavailable,
                              "service '{}' cannot be stopped: process {} hangs in the kernel", service.name,
                              process.id);
        }
    }
}

void PackagedServices::reload(const rpm::Service& service, const ProcessIdentity& process) {
    if (const auto* signal = std::get_if<rpm::Signal>(&*service.reload)) {
        if (::kill(process.id, signal_number(signal->name)) != 0) {
            throw base::Error(base::Fault::Unavailable, "service '{}' cannot be reloaded: {}", service.name,
                              base::system_reason(errno));
        }
        return;
    }
    const std::filesystem::path log = logs_ / (service.name + ".reload.log");
    std::error_code ignored;
    std::filesystem::remove(log, ignored);
    const std::optional<int> code =
        run_apart(std::get<rpm::Argv>(*service.reload), log, service.start_timeout);
    if (code != 0) {
        throw base::Error(
            base::Fault::Unavailable, "service '{}' cannot be reloaded: the command {}: {}", service.name,
            code ? fmt::format("ended with {}", *code) : std::string("did not return"), last_words(log));
    }
}

} // namespace ctl_client
