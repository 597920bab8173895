// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "ctl-client/programs.hpp"
#include "rpm/about.hpp"

#include <functional>
#include <string>

namespace ctl_client {

/// How a check ended. A check that could not run is neither pass nor fail.
struct CheckResult {
    enum class Verdict { Pass, Fail, Inconclusive };
    std::string name;
    Verdict verdict = Verdict::Inconclusive;
    std::string reason; ///< empty for a pass
};

/// Time for probes; tests give one that does not wait.
struct ProbeTime {
    std::function<std::chrono::steady_clock::time_point()> now = [] {
        return std::chrono::steady_clock::now();
    };
    std::function<void(base::Duration)> pause;
};

/// One try of a rendered probe: HTTP over plain TCP, a TCP connection, or a program.
CheckResult try_once(const rpm::Probe& probe, Programs& programs);

/// Tries until `rise` passes came in a row or the deadline is over; then the last try's verdict counts,
/// except that an inconclusive one does not hide that an earlier try failed.
CheckResult check(const rpm::Probe& probe, Programs& programs, const ProbeTime& time);

/// A probe of a consumed service: can its address be connected to?
rpm::Probe reachability(const std::string& service, const std::string& address, int port);

} // namespace ctl_client
