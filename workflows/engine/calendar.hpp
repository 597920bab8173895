// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/time_zone.hpp"

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace workflows::engine {

/// A point on somebody's calendar: "Fri 16:00" comes every week, "2026-12-24 18:00" once. "2026-12-24" is the
/// day as a whole.
struct CalendarPoint {
    std::optional<std::chrono::weekday> weekday; ///< else `day` counts
    std::chrono::local_days day{};
    std::optional<std::chrono::minutes> time; ///< since midnight; nothing: a day without a time

    /// @throws base::Error{Input} without a place: `'Friday' is no time of a calendar; write 'Fri 16:00',
    /// '2026-12-24' or '2026-12-24 18:00'`.
    static CalendarPoint read(std::string_view text);
};

/// A span of a calendar, every week or once, on the clocks of one place. A day without a time belongs to the
/// span as a whole, first and last. When clocks change, the span is rather longer than shorter.
struct CalendarSpan {
    CalendarPoint from, to;
    std::string zone_name = "UTC";
    base::TimeZone zone;

    struct Instants {
        base::Time begin, end; ///< `end` is the first instant after it
    };
    /// The occurrence that holds `now`.
    std::optional<Instants> around(base::Time now) const;
    /// When the next occurrence after `now` begins.
    std::optional<base::Time> next(base::Time now) const;

private:
    Instants occurrence(std::chrono::local_days first_day) const;
};

} // namespace workflows::engine
