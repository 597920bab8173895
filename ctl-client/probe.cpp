// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "ctl-client/probe.hpp"

#include "base/error.hpp"
#include "ctl-client/http_get.hpp"

namespace ctl_client {
namespace {

using Verdict = CheckResult::Verdict;

CheckResult try_exec(const rpm::Probe& probe, Programs& programs) {
    base::Command command;
    command.argv = *probe.exec;
    command.timeout = probe.timeout;
    command.output_limit_bytes = 4096;
    const auto kept = programs.keep(command, "check '" + probe.name + "'");
    if (!kept) {
        return {probe.name, Verdict::Inconclusive,
                fmt::format("nobody knows how '{}' ended: its keeper was killed", probe.exec->front())};
    }
    const base::Outcome& outcome = *kept;
    if (outcome.timed_out) {
        return {probe.name, Verdict::Fail,
                fmt::format("'{}' did not end within {}", probe.exec->front(), base::to_text(probe.timeout))};
    }
    if (outcome.exit_code != 0) {
        return {probe.name, Verdict::Fail,
                fmt::format("'{}' ended with {}", probe.exec->front(), outcome.exit_code)};
    }
    return {probe.name, Verdict::Pass, ""};
}

} // namespace

CheckResult try_once(const rpm::Probe& probe, Programs& programs) {
    const Deadline deadline = std::chrono::steady_clock::now() + probe.timeout;
    try {
        if (probe.http) {
            const int status = http_status(*probe.http, deadline);
            if (status != probe.status) {
                return {probe.name, Verdict::Fail,
                        fmt::format("'{}' answers {} instead of {}", *probe.http, status, probe.status)};
            }
            return {probe.name, Verdict::Pass, ""};
        }
        if (probe.tcp) {
            connect_tcp(*probe.tcp, deadline);
            return {probe.name, Verdict::Pass, ""};
        }
        return try_exec(probe, programs);
    } catch (const base::Error& error) {
        // Only what the other side does is a verdict on it; a missing program or an unknown host is none.
        const bool theirs = error.fault() == base::Fault::Unavailable && !probe.exec;
        return {probe.name, theirs ? Verdict::Fail : Verdict::Inconclusive, error.message()};
    }
}

CheckResult check(const rpm::Probe& probe, Programs& programs, const ProbeTime& time) {
    const auto deadline = time.now() + probe.deadline;
    int passes = 0;
    std::optional<CheckResult> failure;
    while (true) {
        CheckResult last = try_once(probe, programs);
        passes = last.verdict == Verdict::Pass ? passes + 1 : 0;
        if (passes >= probe.rise) {
            return last;
        }
        if (last.verdict == Verdict::Fail) {
            failure = last;
        }
        if (time.now() + probe.interval >= deadline) {
            if (last.verdict == Verdict::Pass) {
                last = failure.value_or(CheckResult{probe.name, Verdict::Fail,
                                                    fmt::format("passed only {} times in a row", passes)});
            }
            CheckResult result = last.verdict == Verdict::Inconclusive && failure ? *failure : last;
            result.reason += fmt::format(", for {}", base::to_text(probe.deadline));
            return result;
        }
        time.pause(probe.interval);
    }
}

rpm::Probe reachability(const std::string& service, const std::string& address, int port) {
    rpm::Probe probe;
    probe.name = service;
    probe.tcp =
        fmt::format("{}:{}", address.find(':') == std::string::npos ? address : "[" + address + "]", port);
    probe.deadline = std::chrono::seconds(30);
    return probe;
}

} // namespace ctl_client
