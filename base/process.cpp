// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "base/process.hpp"

#include "base/descriptor.hpp"
#include "base/error.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
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

struct Pipe {
    Descriptor read{-1};
    Descriptor write{-1};

    Pipe() {
        std::array<int, 2> ends{};
        if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
            throw Error(Fault::Unavailable, "no pipe can be opened: {}", system_reason(errno));
        }
        read = above_standard(ends[0]);
        write = above_standard(ends[1]);
    }

private:
    // Started with a closed standard stream we would get its number, and the child's streams would mix.
    static Descriptor above_standard(int number) {
        Descriptor given(number);
        if (number > STDERR_FILENO) {
            return given;
        }
        return Descriptor(::fcntl(number, F_DUPFD_CLOEXEC, STDERR_FILENO + 1));
    }
};

void stop_blocking(const Descriptor& descriptor) {
    ::fcntl(descriptor.get(), F_SETFL, ::fcntl(descriptor.get(), F_GETFL) | O_NONBLOCK);
}

/// posix_spawn with what every child of ours gets: its own process group, default signals, nothing but its
/// standard streams. It is vfork inside, so a large parent costs nothing, and it returns the reason when exec
/// fails.
class Spawn {
public:
    Spawn() {
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
    ~Spawn() {
        ::posix_spawnattr_destroy(&attributes_);
        ::posix_spawn_file_actions_destroy(&actions_);
    }
    Spawn(const Spawn&) = delete;
    Spawn& operator=(const Spawn&) = delete;

    void connect(const Descriptor& end, int stream) {
        ::posix_spawn_file_actions_adddup2(&actions_, end.get(), stream);
    }

    void enter(const fs::path& directory) {
        if (std::error_code ignored; !fs::is_directory(directory, ignored)) {
            throw Error(Fault::NotFound, "'{}' is not a directory that a program can be started in",
                        directory.native());
        }
        ::posix_spawn_file_actions_addchdir_np(&actions_, directory.c_str());
    }

    pid_t start(const std::vector<std::string>& argv,
                const std::optional<std::map<std::string, std::string>>& environment = {}) {
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

private:
    static std::vector<char*> pointers(const std::vector<std::string>& texts) {
        std::vector<char*> result;
        result.reserve(texts.size() + 1);
        for (const std::string& text : texts) {
            result.push_back(const_cast<char*>(text.c_str())); // exec's signature is older than const
        }
        result.push_back(nullptr);
        return result;
    }

    [[noreturn]] static void refuse(const std::string& program, int problem) {
        if (problem == EAGAIN || problem == ENOMEM) {
            throw Error(Fault::Unavailable, "program '{}' cannot be started: {}", program,
                        system_reason(problem));
        }
        if (problem != ENOENT && problem != ENOTDIR) {
            throw Error(Fault::NotFound, "program '{}' cannot be executed: {}", program,
                        system_reason(problem));
        }
        if (program.find('/') != std::string::npos && ::access(program.c_str(), F_OK) == 0) {
            throw Error(Fault::NotFound, "program '{}' cannot be executed: its interpreter is missing",
                        program);
        }
        throw Error(Fault::NotFound, "program '{}' is not installed", program);
    }

    posix_spawn_file_actions_t actions_{};
    posix_spawnattr_t attributes_{};
};

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

/// Blocks. The exit code, and the signal when it died of one.
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
