// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "base/process.hpp"

#include "base/descriptor.hpp"
#include "base/error.hpp"
#include "base/spawn.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <poll.h>
#include <string_view>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <system_error>
#include <thread>
#include <tuple>
#include <unistd.h>
#include <utility>

namespace base {

namespace {

using Steady = std::chrono::steady_clock;
namespace fs = std::filesystem;

/// What a group that was told to end is given for it.
constexpr std::chrono::seconds term_grace{2};
/// After KILL only a process stuck in the kernel lives on; nobody can wait for that.
constexpr std::chrono::seconds kill_grace{10};

void stop_blocking(const Descriptor& descriptor) {
    ::fcntl(descriptor.get(), F_SETFL, ::fcntl(descriptor.get(), F_GETFL) | O_NONBLOCK);
}

/// While it lives, writing to a child that no longer reads is an error of this thread's write and not the end
/// of us.
class NoBrokenPipeSignal {
public:
    NoBrokenPipeSignal() {
        sigemptyset(&pipe_);
        sigaddset(&pipe_, SIGPIPE);
        sigset_t pending;
        ::sigpending(&pending);
        was_pending_ = sigismember(&pending, SIGPIPE) == 1;
        ::pthread_sigmask(SIG_BLOCK, &pipe_, &before_);
    }
    ~NoBrokenPipeSignal() {
        const timespec at_once{};
        while (!was_pending_ && ::sigtimedwait(&pipe_, nullptr, &at_once) < 0 && errno == EINTR) {
        }
        ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
    }
    NoBrokenPipeSignal(const NoBrokenPipeSignal&) = delete;
    NoBrokenPipeSignal& operator=(const NoBrokenPipeSignal&) = delete;

private:
    sigset_t pipe_{};
    sigset_t before_{};
    bool was_pending_ = false;
};

/// True once the child is a zombie; it stays one, so its number and its group cannot be somebody else's yet.
bool has_ended(pid_t child) {
    siginfo_t information{};
    return ::waitid(P_PID, static_cast<id_t>(child), &information, WEXITED | WNOHANG | WNOWAIT) != 0 ||
           information.si_pid == child;
}

/// One of the two streams that a child writes.
struct Stream {
    Descriptor end;
    std::string& text;
    std::size_t limit;
    bool& truncated;

    /// One read; false when there is nothing (more) for now.
    bool take() {
        std::array<char, 65536> buffer;
        const ssize_t got = ::read(end.get(), buffer.data(), buffer.size());
        if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
            return false;
        }
        if (got <= 0) {
            end.reset();
            return false;
        }
        // What is over the limit is read and dropped: a child that waits for its reader would never end.
        const std::size_t kept = std::min(static_cast<std::size_t>(got), limit - text.size());
        text.append(buffer.data(), kept);
        truncated = truncated || kept < static_cast<std::size_t>(got);
        return true;
    }
};

/// One child from its start to its end.
class Conversation {
public:
    explicit Conversation(const Command& command) : command_(command) {
        Pipe input;
        Pipe output;
        Pipe errors;
        Spawn spawn;
        spawn.connect(input.read, STDIN_FILENO);
        spawn.connect(output.write, STDOUT_FILENO);
        spawn.connect(errors.write, STDERR_FILENO);
        if (!command.directory.empty()) {
            spawn.enter(command.directory);
        }
        child_ = spawn.start(command.argv, command.environment);
        input_ = std::move(input.write);
        output_.end = std::move(output.read);
        errors_.end = std::move(errors.read);
        for (const Descriptor* ours : {&input_, &output_.end, &errors_.end}) {
            stop_blocking(*ours);
        }
        // Kernels before 5.3 have no descriptor for a process; there the loop looks every few milliseconds.
        ending_ = Descriptor(static_cast<int>(::syscall(SYS_pidfd_open, child_, 0)));
        constexpr Duration longest = std::chrono::hours(24 * 36500); // so that the sum cannot overflow
        deadline_ = Steady::now() + std::min(command.timeout, longest);
    }

    Outcome hold() {
        const NoBrokenPipeSignal guard;
        give_input();
        while (!has_ended(child_)) {
            enforce_deadline();
            wait_for_events();
        }
        // What the child itself wrote is in the pipes now. Whoever it left behind in the background may hold
        // them open for ever, as a started service does, and is not waited for.
        constexpr int more_than_a_pipe_holds = 32;
        for (Stream* stream : {&output_, &errors_}) {
            for (int at = 0; stream->end && at < more_than_a_pipe_holds && stream->take(); ++at) {
            }
        }
        std::tie(outcome_.exit_code, outcome_.signal) = reap(child_);
        if (outcome_.timed_out) {
            end_rest_of_group();
        }
        return std::move(outcome_);
    }

private:
    void enforce_deadline() {
        if (Steady::now() < deadline_) {
            return;
        }
        if (!outcome_.timed_out) {
            outcome_.timed_out = true;
            ::kill(-child_, SIGTERM);
            deadline_ += term_grace;
        } else if (!killed_) {
            killed_ = true;
            ::kill(-child_, SIGKILL);
            deadline_ += kill_grace;
        } else {
            throw Error(Fault::Unavailable,
                        "program '{}' hangs in the kernel as process {} and cannot be ended",
                        command_.argv.front(), child_);
        }
    }

    void wait_for_events() {
        std::array<pollfd, 4> events{{
            {input_.get(), POLLOUT, 0},
            {output_.end.get(), POLLIN, 0},
            {errors_.end.get(), POLLIN, 0},
            {ending_.get(), POLLIN, 0},
        }};
        const auto left =
            std::chrono::duration_cast<std::chrono::milliseconds>(deadline_ - Steady::now()).count() + 1;
        const auto longest = ending_ ? 60'000 : 10;
        ::poll(events.data(), events.size(),
               static_cast<int>(std::clamp<std::chrono::milliseconds::rep>(left, 0, longest)));
        if (events[0].revents != 0) {
            give_input();
        }
        if (events[1].revents != 0) {
            output_.take();
        }
        if (events[2].revents != 0) {
            errors_.take();
        }
    }

    void give_input() {
        while (given_ < command_.input.size()) {
            const ssize_t written =
                ::write(input_.get(), command_.input.data() + given_, command_.input.size() - given_);
            if (written < 0 && (errno == EAGAIN || errno == EINTR)) {
                return;
            }
            if (written < 0) {
                break; // it does not want the rest
            }
            given_ += static_cast<std::size_t>(written);
        }
        input_.reset();
    }

    void end_rest_of_group() const {
        while (!killed_ && ::kill(-child_, 0) == 0 && Steady::now() < deadline_) {
            std::this_thread::sleep_for(std::chrono::milliseconds(10));
        }
        ::kill(-child_, SIGKILL);
    }

    const Command& command_;
    Outcome outcome_;
    pid_t child_ = -1;
    Descriptor input_{-1};
    Descriptor ending_{-1};
    Stream output_{Descriptor(-1), outcome_.output, command_.output_limit_bytes, outcome_.truncated};
    Stream errors_{Descriptor(-1), outcome_.errors, command_.output_limit_bytes, outcome_.truncated};
    std::size_t given_ = 0;
    Steady::time_point deadline_;
    bool killed_ = false;
};

} // namespace

Outcome SystemProcesses::run(const Command& command) {
    return Conversation(command).hold();
}

fs::path own_program() {
    std::error_code problem;
    fs::path program = fs::read_symlink("/proc/self/exe", problem);
    if (problem) {
        throw Error(Fault::Unavailable, "'/proc/self/exe' cannot be read: {}", problem.message());
    }
    // So the kernel names a program whose file was replaced, as an upgrade of ours does while we run.
    constexpr std::string_view replaced = " (deleted)";
    if (program.native().ends_with(replaced)) {
        const std::string& name = program.native();
        program = name.substr(0, name.size() - replaced.size());
    }
    return program;
}

fs::path libexec_directory() {
    if (const char* chosen = std::getenv("TIERCEL_LIBEXEC"); chosen != nullptr && *chosen != '\0') {
        return chosen;
    }
    return own_program().parent_path().parent_path() / "libexec" / "tiercel";
}

} // namespace base
