// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/descriptor.hpp"
#include "base/process.hpp"
#include "ctl-client/interruption.hpp"
#include "ctl-client/state.hpp"

#include <optional>
#include <string>

namespace ctl_client {

/// Seam to the programs that packages bring: commands, hooks, checks, validations. One at a time; when the
/// order under way is cancelled, the program ends with everything that it has started, and `run` and `keep`
/// throw base::Error{Unavailable}. Standard output and standard error come together, and of both the end is
/// kept, not the beginning. Thread: the worker's.
class Programs : public base::Processes {
public:
    /// As run(); nothing when it was started and nobody knows how it ended.
    virtual std::optional<base::Outcome> keep(const base::Command& command, const std::string& what) = 0;
    /// How the program ended that a killed client had under way for this order, after waiting for its end;
    /// nothing when nobody knows.
    virtual std::optional<base::Outcome> left_behind(const std::string& order) = 0;
};

/// Each program has a keeper, `ctl-keep`: a process that starts it in a session of its own, is the one to
/// whom everything goes that the program leaves behind, ends the whole tree when the time is over or it is
/// told to (TERM, two seconds later KILL), and writes how it ended. It outlives a client that is killed, so
/// that the next client learns the true end. What a program that ends by itself leaves in the background is
/// not touched: it may have started a service.
///
/// The record of the one program, STATE/program, is locked by client and keeper as long as either lives:
///
///     {"order", "what", "argv", "directory", "timeout", "limit"}            by the client
///     {"keeper": 4711}                                                      by the keeper, before it starts
///     {"exit_code", "timed_out", "cancelled", "ended", "truncated", "output"} or {"fault", "message"}   at
///     the end
///
/// A last line that is not whole, or missing, means that the end is not known.
class KeptPrograms final : public Programs {
public:
    KeptPrograms(const StateDirectory& state, Interruption& interruption)
        : file_(state.program()), interruption_(interruption) {}

    base::Outcome run(const base::Command& command) override;
    std::optional<base::Outcome> keep(const base::Command& command, const std::string& what) override;
    std::optional<base::Outcome> left_behind(const std::string& order) override;

private:
    /// The record, locked; waits for the end of a program that somebody still keeps, which is told to end
    /// when `end_it` is set or the order under way is cancelled.
    base::Descriptor lock(bool end_it) const;
    void wait_for(pid_t keeper) const;
    std::optional<base::Outcome> conclude(const base::Descriptor& record) const;

    std::filesystem::path file_;
    Interruption& interruption_;
};

} // namespace ctl_client
