// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// ctl-keep: runs one program of a package, as the record on descriptor 3 says (programs.hpp), and writes into
// it how that ended. As the subreaper of all that the program starts it can end the whole tree, double-forked
// daemons included: when the time is over, or at TERM. Single-threaded, short-lived; started by ctl-client.
#include "base/descriptor.hpp"
#include "base/error.hpp"
#include "ctl-client/process_tree.hpp"
#include "ctl-client/program_record.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <fcntl.h>
#include <poll.h>
#include <set>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

namespace {

using ctl_client::ProgramRecord;
using Steady = std::chrono::steady_clock;
using namespace std::chrono_literals;

/// What a tree that was told to end is given for it.
constexpr auto term_grace = 2s;
/// After KILL only a process stuck in the kernel lives on; nobody can wait for that.
constexpr auto kill_grace = 10s;
constexpr auto look_again = 10ms;

/// The end of what the program says on both streams.
class Tail {
public:
    Tail(base::Descriptor from, std::size_t limit) : from_(std::move(from)), limit_(limit) {}
    int descriptor() const noexcept { return from_.get(); }
    /// One read; false when there is nothing (more) for now.
    bool take() {
        std::array<char, 65536> block;
        const ssize_t got = ::read(from_.get(), block.data(), block.size());
        if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
            return false;
        }
        if (got <= 0) {
            from_.reset();
            return false;
        }
        text_.append(block.data(), static_cast<std::size_t>(got));
        if (text_.size() > limit_) {
            truncated_ = true;
            text_.erase(0, text_.size() - limit_);
        }
        return true;
    }
    /// What the program itself wrote is in the pipe when it has ended; whoever it left behind may hold the
    /// pipe open for ever and is not waited for.
    void take_rest() {
        constexpr int more_than_a_pipe_holds = 32;
        for (int at = 0; from_ && at < more_than_a_pipe_holds && take(); ++at) {
        }
    }
    const std::string& text() const noexcept { return text_; }
    bool truncated() const noexcept { return truncated_; }

private:
    base::Descriptor from_;
    std::size_t limit_;
    std::string text_;
    bool truncated_ = false;
};

/// In the child. All descriptors of ours but the standard streams close themselves at exec; until then
/// `trouble` can tell why there was none.
[[noreturn]] void become(const base::Command& command, int output, int trouble) {
    ::setsid();
    // Its keeper is the one that ends it; without, it must not go on unseen.
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    const int nothing = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    ::dup2(nothing, STDIN_FILENO);
    ::dup2(output, STDOUT_FILENO);
    ::dup2(output, STDERR_FILENO);
    for (int signal = 1; signal < NSIG; ++signal) {
        ::signal(signal, SIG_DFL);
    }
    sigset_t none;
    sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    int problem = 0;
    if (!command.directory.empty() && ::chdir(command.directory.c_str()) != 0) {
        problem = errno;
    } else {
        std::vector<char*> words;
        for (const std::string& word : command.argv) {
            words.push_back(const_cast<char*>(word.c_str())); // exec's signature is older than const
        }
        words.push_back(nullptr);
        ::execvp(words.front(), words.data());
        problem = errno;
    }
    [[maybe_unused]] const ssize_t told = ::write(trouble, &problem, sizeof problem);
    ::_exit(127);
}

/// Everything below us ends: TERM, and after the grace KILL, to frozen processes that can start no more.
/// @returns how many processes it was.
std::size_t end_tree(Tail& output) {
    std::set<pid_t> seen;
    const auto reap_all = [&] {
        while (::waitpid(-1, nullptr, WNOHANG) > 0) {
        }
    };
    const auto each = [&](int signal) {
        bool fresh = false;
        const std::vector<pid_t> found = ctl_client::descendants(::getpid());
        for (const pid_t id : found) {
            fresh = seen.insert(id).second || fresh;
            ::kill(id, signal);
        }
        return std::pair(!found.empty(), fresh);
    };
    each(SIGTERM);
    for (const auto until = Steady::now() + term_grace; Steady::now() < until;) {
        if (output.descriptor() >= 0) {
            output.take(); // who waits for its reader could not end
        }
        reap_all();
        if (ctl_client::descendants(::getpid()).empty()) {
            return seen.size();
        }
        std::this_thread::sleep_for(look_again);
    }
    while (each(SIGSTOP).second) {
    }
    for (const auto until = Steady::now() + kill_grace; Steady::now() < until && each(SIGKILL).first;) {
        reap_all();
        std::this_thread::sleep_for(look_again);
    }
    reap_all();
    return seen.size();
}

class Keeper {
public:
    Keeper() : record_(ProgramRecord::read(ProgramRecord::descriptor)) {
        ::prctl(PR_SET_CHILD_SUBREAPER, 1);
        sigset_t watched;
        sigemptyset(&watched);
        for (const int signal : {SIGCHLD, SIGTERM, SIGINT, SIGHUP}) {
            sigaddset(&watched, signal);
        }
        ::sigprocmask(SIG_BLOCK, &watched, nullptr);
        signals_ = base::Descriptor(::signalfd(-1, &watched, SFD_CLOEXEC | SFD_NONBLOCK));
    }

    base::Value hold() {
        ProgramRecord::add(ProgramRecord::descriptor,
                           base::Object{{"keeper", static_cast<std::int64_t>(::getpid())}});
        std::array<int, 2> output{};
        std::array<int, 2> trouble{};
        if (::pipe2(output.data(), O_CLOEXEC) != 0 || ::pipe2(trouble.data(), O_CLOEXEC) != 0) {
            throw base::Error(base::Fault::Unavailable, "no pipe can be opened: {}",
                              base::system_reason(errno));
        }
        Tail tail{base::Descriptor(output[0]), record_.command.output_limit_bytes};
        ::fcntl(output[0], F_SETFL, O_NONBLOCK);
        const pid_t child = ::fork();
        if (child == 0) {
            become(record_.command, output[1], trouble[1]);
        }
        ::close(output[1]);
        ::close(trouble[1]);
        if (child < 0) {
            throw base::Error(base::Fault::Unavailable, "program '{}' cannot be started: {}", program(),
                              base::system_reason(errno));
        }
        int problem = 0;
        if (::read(trouble[0], &problem, sizeof problem) == sizeof problem) {
            ::waitpid(child, nullptr, 0);
            refuse(problem);
        }
        return wait(child, tail);
    }

private:
    const std::string& program() const { return record_.command.argv.at(0); }

    [[noreturn]] void refuse(int problem) const {
        if (problem == ENOENT || problem == ENOTDIR) {
            throw base::Error(base::Fault::NotFound, "program '{}' is not installed", program());
        }
        throw base::Error(base::Fault::NotFound, "program '{}' cannot be executed: {}", program(),
                          base::system_reason(problem));
    }

    base::Value wait(pid_t child, Tail& tail) {
        constexpr base::Duration longest = std::chrono::hours(24 * 36500); // so that the sum cannot overflow
        const auto deadline = Steady::now() + std::min(record_.command.timeout, longest);
        bool cancelled = false;
        bool timed_out = false;
        std::optional<int> status;
        std::size_t ended = 0;
        while (true) {
            // In this order: the signal of an end that we do not see yet is still there to wake us.
            cancelled = told_to_end();
            if (status = reap(child); status) {
                cancelled = false;
                break;
            }
            timed_out = !cancelled && Steady::now() >= deadline;
            if (cancelled || timed_out) {
                ended = end_tree(tail);
                break;
            }
            look(tail, deadline);
        }
        tail.take_rest();
        const int code = !status              ? 128 + SIGKILL
                         : WIFEXITED(*status) ? WEXITSTATUS(*status)
                                              : 128 + WTERMSIG(*status);
        return base::Object{{"exit_code", code}, {"timed_out", timed_out},        {"cancelled", cancelled},
                            {"ended", ended},    {"truncated", tail.truncated()}, {"output", tail.text()}};
    }

    /// The status of the program, once it has ended; what it has left to us is taken leave of on the way.
    static std::optional<int> reap(pid_t child) {
        int status = 0;
        for (pid_t id = 0; (id = ::waitpid(-1, &status, WNOHANG)) > 0;) {
            if (id == child) {
                return status;
            }
        }
        return std::nullopt;
    }

    bool told_to_end() const {
        bool told = false;
        signalfd_siginfo signal{};
        while (::read(signals_.get(), &signal, sizeof signal) == sizeof signal) {
            told = told || signal.ssi_signo == SIGTERM || signal.ssi_signo == SIGINT;
        }
        return told;
    }

    void look(Tail& tail, Steady::time_point deadline) const {
        std::array<pollfd, 2> events{{{signals_.get(), POLLIN, 0}, {tail.descriptor(), POLLIN, 0}}};
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Steady::now()).count();
        ::poll(events.data(), events.size(),
               static_cast<int>(std::clamp<std::chrono::milliseconds::rep>(left, 0, 60'000)));
        if (events[1].revents != 0) {
            tail.take();
        }
    }

    ProgramRecord record_;
    base::Descriptor signals_{-1};
};

} // namespace

int main() {
    ::fcntl(ProgramRecord::descriptor, F_SETFD, FD_CLOEXEC);
    base::Value end;
    try {
        end = Keeper().hold();
    } catch (const base::Error& error) {
        end = base::Object{{"fault", base::word(error.fault())}, {"message", error.message()}};
    }
    try {
        ProgramRecord::add(ProgramRecord::descriptor, end);
    } catch (const base::Error&) {
        return 1; // nobody will know how it ended, which is what a missing line says
    }
    return 0;
}
