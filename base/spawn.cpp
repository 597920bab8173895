// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "base/spawn.hpp"

#include "base/error.hpp"

#include <array>
#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <string_view>
#include <sys/wait.h>
#include <system_error>
#include <unistd.h>

namespace base {

namespace {

namespace fs = std::filesystem;

// Started with a closed standard stream we would get its number, and the child's streams would mix.
Descriptor above_standard(int number) {
    Descriptor given(number);
    if (number > STDERR_FILENO) {
        return given;
    }
    return Descriptor(::fcntl(number, F_DUPFD_CLOEXEC, STDERR_FILENO + 1));
}

std::vector<char*> pointers(const std::vector<std::string>& texts) {
    std::vector<char*> result;
    result.reserve(texts.size() + 1);
    for (const std::string& text : texts) {
        result.push_back(const_cast<char*>(text.c_str())); // exec's signature is older than const
    }
    result.push_back(nullptr);
    return result;
}

[[noreturn]] void refuse(const std::string& program, int problem) {
    if (problem == EAGAIN || problem == ENOMEM) {
        throw Error(Fault::Unavailable, "program '{}' cannot be started: {}", program,
                    system_reason(problem));
    }
    if (problem != ENOENT && problem != ENOTDIR) {
        throw Error(Fault::NotFound, "program '{}' cannot be executed: {}", program, system_reason(problem));
    }
    if (program.find('/') != std::string::npos && ::access(program.c_str(), F_OK) == 0) {
        throw Error(Fault::NotFound, "program '{}' cannot be executed: its interpreter is missing", program);
    }
    throw Error(Fault::NotFound, "program '{}' is not installed", program);
}

} // namespace

Pipe::Pipe() {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
        throw Error(Fault::Unavailable, "no pipe can be opened: {}", system_reason(errno));
    }
    read = above_standard(ends[0]);
    write = above_standard(ends[1]);
}

Spawn::Spawn() {
    ::posix_spawn_file_actions_init(&actions_);
    ::posix_spawnattr_init(&attributes_);
    sigset_t signals;
    sigfillset(&signals);
    sigdelset(&signals, SIGKILL);
    sigdelset(&signals, SIGSTOP);
    ::posix_spawnattr_setsigdefault(&attributes_, &signals);
    sigemptyset(&signals);
    ::posix_spawnattr_setsigmask(&attributes_, &signals);
    ::posix_spawnattr_setpgroup(&attributes_, 0);
    ::posix_spawnattr_setflags(&attributes_,
                               POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
}

Spawn::~Spawn() {
    ::posix_spawnattr_destroy(&attributes_);
    ::posix_spawn_file_actions_destroy(&actions_);
}

void Spawn::connect(const Descriptor& end, int stream) {
    ::posix_spawn_file_actions_adddup2(&actions_, end.get(), stream);
}

void Spawn::enter(const fs::path& directory) {
    if (std::error_code ignored; !fs::is_directory(directory, ignored)) {
        throw Error(Fault::NotFound, "'{}' is not a directory that a program can be started in",
                    directory.native());
    }
    ::posix_spawn_file_actions_addchdir_np(&actions_, directory.c_str());
}

pid_t Spawn::start(const std::vector<std::string>& argv,
                   const std::optional<std::map<std::string, std::string>>& environment) {
    if (argv.empty()) {
        throw Error(Fault::Internal, "a command without a program cannot be started");
    }
    std::vector<char*> arguments = pointers(argv);
    std::vector<std::string> pairs;
    std::vector<char*> pair_pointers;
    if (environment) {
        for (const auto& [name, value] : *environment) {
            pairs.push_back(name + "=" + value);
        }
        pair_pointers = pointers(pairs);
    }
    ::posix_spawn_file_actions_addclosefrom_np(&actions_, STDERR_FILENO + 1);
    pid_t child = -1;
    const int problem = ::posix_spawnp(&child, argv.front().c_str(), &actions_, &attributes_,
                                       arguments.data(), environment ? pair_pointers.data() : environ);
    if (problem != 0) {
        refuse(argv.front(), problem);
    }
    return child;
}

std::pair<int, std::optional<int>> reap(pid_t child) {
    int status = 0;
    while (::waitpid(child, &status, 0) < 0) {
        if (errno != EINTR) {
            throw Error(Fault::Internal, "the end of process {} was taken by somebody else: {}", child,
                        system_reason(errno));
        }
    }
    if (WIFSIGNALED(status)) {
        return {128 + WTERMSIG(status), WTERMSIG(status)};
    }
    return {WEXITSTATUS(status), std::nullopt};
}

} // namespace base
