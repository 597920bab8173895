// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "base/process.hpp"
#include "base/spawn.hpp"

#include <cerrno>
#include <csignal>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>

namespace base {

Child::Child(const std::vector<std::string>& argv) {
    Pipe input;
    Pipe output;
    Spawn spawn;
    spawn.connect(input.read, STDIN_FILENO);
    spawn.connect(output.write, STDOUT_FILENO);
    id_ = spawn.start(argv);
    to_ = input.write.release();
    from_ = output.read.release();
}

Child::Child(Child&& other) noexcept
    : to_(std::exchange(other.to_, -1)), from_(std::exchange(other.from_, -1)),
      id_(std::exchange(other.id_, -1)), exit_code_(other.exit_code_) {}

Child::~Child() {
    close_input();
    if (from_ >= 0) {
        ::close(from_);
    }
    if (id_ >= 0 && !exit_code_) {
        kill();
        while (::waitpid(id_, nullptr, 0) < 0 && errno == EINTR) {
        }
    }
}

void Child::close_input() noexcept {
    if (to_ >= 0) {
        ::close(std::exchange(to_, -1));
    }
}

int Child::wait() {
    close_input();
    if (!exit_code_) {
        exit_code_ = reap(id_).first;
    }
    return *exit_code_;
}

void Child::kill() noexcept {
    if (id_ >= 0 && !exit_code_) {
        ::kill(-id_, SIGKILL);
    }
}

} // namespace base
