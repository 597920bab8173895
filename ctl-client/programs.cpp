// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "ctl-client/programs.hpp"

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/json.hpp"
#include "ctl-client/program_record.hpp"

#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <spawn.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

namespace ctl_client {
namespace {

using namespace std::chrono_literals;

constexpr auto look_again = 10ms;

/// The keeper inherits the record, and with it the lock, as descriptor 3, and nothing else of ours.
pid_t start_keeper(const base::Descriptor& record) {
    const std::string program = (base::libexec_directory() / "ctl-keep").string();
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawnattr_init(&attributes);
    ::posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    ::posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    ::posix_spawn_file_actions_adddup2(&actions, record.get(), ProgramRecord::descriptor);
    ::posix_spawn_file_actions_addclosefrom_np(&actions, ProgramRecord::descriptor + 1);
    sigset_t none;
    sigemptyset(&none);
    ::posix_spawnattr_setsigmask(&attributes, &none);
    ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK);
    const char* words[] = {program.c_str(), nullptr};
    pid_t child = -1;
    const int problem = ::posix_spawn(&child, program.c_str(), &actions, &attributes,
                                      const_cast<char* const*>(words), // exec's signature is older than const
                                      environ);
    ::posix_spawn_file_actions_destroy(&actions);
    ::posix_spawnattr_destroy(&attributes);
    if (problem != 0) {
        throw base::Error(base::Fault::Internal, "'{}' cannot be started: {}", program,
                          base::system_reason(problem));
    }
    return child;
}

std::string processes(std::int64_t number) {
    return fmt::format("{} process{}", number, number == 1 ? "" : "es");
}

} // namespace

base::Descriptor KeptPrograms::lock(bool end_it) const {
    base::Descriptor record(::open(file_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    if (!record) {
        throw base::Error(base::Fault::Unavailable, "'{}' cannot be opened: {}", file_.string(),
                          base::system_reason(errno));
    }
    bool told = false;
    while (::flock(record.get(), LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK && errno != EINTR) {
            throw base::Error(base::Fault::Unavailable, "'{}' cannot be locked: {}", file_.string(),
                              base::system_reason(errno));
        }
        // While it is locked its keeper lives, so the number is still its own.
        const auto keeper = ProgramRecord::read(record.get()).keeper;
        if (keeper && !told && (end_it || interruption_.asked())) {
            ::kill(*keeper, SIGTERM);
            told = true;
        }
        interruption_.wait(look_again);
    }
    return record;
}

void KeptPrograms::wait_for(pid_t keeper) const {
    bool told = false;
    int status = 0;
    while (::waitpid(keeper, &status, WNOHANG) == 0) {
        if (!told && interruption_.asked()) {
            ::kill(keeper, SIGTERM);
            told = true;
        }
        interruption_.wait(look_again);
    }
}

std::optional<base::Outcome> KeptPrograms::conclude(const base::Descriptor& record) const {
    const ProgramRecord ended = ProgramRecord::read(record.get());
    if (!ended.end) {
        return std::nullopt;
    }
    const base::Fields end(*ended.end, "record of a program");
    if (end.has("fault")) {
        throw base::Error(base::fault_from(end.text("fault")), "{}", end.text("message"));
    }
    if (end.flag("cancelled", false)) {
        const std::int64_t number = end.whole("ended", 0, INT32_MAX, 0);
        interruption_.ended(fmt::format("{} ({})", ended.what, processes(number)));
        throw base::Error(base::Fault::Unavailable, "{} was ended with {}", ended.what, processes(number));
    }
    base::Outcome outcome;
    outcome.exit_code = static_cast<int>(end.whole("exit_code", 0, 255));
    outcome.timed_out = end.flag("timed_out", false);
    outcome.truncated = end.flag("truncated", false);
    outcome.output = end.text("output");
    return outcome;
}

std::optional<base::Outcome> KeptPrograms::keep(const base::Command& command, const std::string& what) {
    interruption_.check();
    const base::Descriptor record = lock(true);
    ProgramRecord::begin(record.get(), interruption_.order(), what, command);
    wait_for(start_keeper(record));
    return conclude(record);
}

base::Outcome KeptPrograms::run(const base::Command& command) {
    auto outcome = keep(command, "program '" + command.argv.at(0) + "'");
    if (!outcome) {
        throw base::Error(base::Fault::Unavailable, "nobody knows how '{}' ended: its keeper was killed",
                          command.argv.front());
    }
    return std::move(*outcome);
}

std::optional<base::Outcome> KeptPrograms::left_behind(const std::string& order) {
    const base::Descriptor record = lock(false);
    return ProgramRecord::read(record.get()).order == order ? conclude(record) : std::nullopt;
}

} // namespace ctl_client
