// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/fields.hpp"

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <sys/types.h>
#include <vector>

namespace base {

struct Command {
    std::vector<std::string> argv; ///< never a shell; argv[0] is looked up in PATH when it has no slash
    std::string input;             ///< given on standard input, then closed
    std::optional<std::map<std::string, std::string>>
        environment;                 ///< the whole environment; absent: inherited
    std::filesystem::path directory; ///< empty: the caller's
    Duration timeout = std::chrono::seconds(60);
    std::size_t output_limit_bytes = 4u << 20; ///< of each stream; more is cut and `truncated` set
};

struct Outcome {
    int exit_code = 0; ///< 128 + signal when it died of one
    std::optional<int> signal;
    bool timed_out = false; ///< the whole process group was ended: TERM, 2 s later KILL
    bool truncated = false;
    std::string output;
    std::string errors;
};

/// Seam to other programs. Thread: any; `run` blocks until the program ends; what that leaves in the
/// background is not waited for. Children start with default signals, all descriptors but 0, 1 and 2 closed,
/// and in a process group of their own.
class Processes {
public:
    virtual ~Processes() = default;
    /// @throws Error{Fault::NotFound} `program 'x' is not installed` when it cannot be executed.
    virtual Outcome run(const Command& command) = 0;
};

class SystemProcesses final : public Processes {
public:
    Outcome run(const Command& command) override;
};

/// A child with pipes on 0 and 1 (2 is inherited), for helpers that are spoken with line by line; in a
/// process group of its own. Killed with its group at the end of scope if it still lives. Who writes to it
/// ignores SIGPIPE.
class Child {
public:
    /// @throws Error{Fault::NotFound} when it cannot be executed.
    explicit Child(const std::vector<std::string>& argv);
    ~Child();
    Child(Child&& other) noexcept;
    Child& operator=(Child&&) = delete;
    int to() const noexcept { return to_; }     ///< our end of its standard input
    int from() const noexcept { return from_; } ///< our end of its standard output
    pid_t id() const noexcept { return id_; }
    void close_input() noexcept;
    /// Closes its input and waits for its end; the exit code, or 128 + signal.
    int wait();
    void kill() noexcept;

private:
    int to_ = -1;
    int from_ = -1;
    pid_t id_ = -1;
    std::optional<int> exit_code_; ///< once it has been waited for
};

/// The directory of the helpers: `../libexec/tiercel` beside the running program's directory, or
/// TIERCEL_LIBEXEC.
std::filesystem::path libexec_directory();
/// The running program's own path.
std::filesystem::path own_program();

} // namespace base
