// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/clock.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace base {

/// What clocks on the wall show somewhere, without saying where.
using LocalTime = std::chrono::local_time<std::chrono::milliseconds>;

/// The offsets of one place from UTC, past and future, read from the system's time zone database (TZif,
/// RFC 9636). The process's own TZ is neither read nor changed.
class TimeZone {
public:
    /// @throws Error{Fault::Input} without a place when the system has no such zone: `time zone
    /// 'Europe/Belrin' does not exist here; write one such as 'Europe/Berlin' or 'UTC'`.
    static TimeZone named(const std::string& name);
    /// `bytes` of a TZif file of version 2 or later. @throws Error{Fault::Corrupt}
    static TimeZone parse(std::string_view bytes, const std::string& name);

    std::chrono::seconds offset_at(Time time) const;
    LocalTime local(Time time) const;
    /// The instants at which the clocks there showed `local`. Usually they are the same. In the hour that
    /// comes twice they differ; in the hour that is left out they enclose the jump, so that a span from an
    /// earliest to a latest is never too short.
    Time earliest(LocalTime local) const;
    Time latest(LocalTime local) const;

    /// One of the two yearly changes of the rule that holds after the last listed transition: `M3.5.0/3`.
    struct Change {
        unsigned month = 0;
        unsigned week = 0; ///< 5 is the last one
        unsigned weekday = 0;
        std::chrono::seconds time{}; ///< since midnight, on the clock that is in force before
    };

private:
    struct Rule {
        std::chrono::seconds standard{};
        std::optional<std::chrono::seconds> daylight;
        Change begins, ends;
        std::chrono::seconds offset_at(Time time) const;
    };
    static Rule parse_rule(std::string_view text, const std::string& name);
    std::vector<std::chrono::seconds> offsets_near(LocalTime local) const;

    std::vector<std::pair<Time, std::chrono::seconds>> transitions_; ///< from then on this offset
    std::chrono::seconds first_{};                                   ///< before the first transition
    Rule rule_;                                                      ///< after the last one
};

} // namespace base
