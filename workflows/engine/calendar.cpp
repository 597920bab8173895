// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "workflows/engine/calendar.hpp"

#include "base/error.hpp"

#include <array>

namespace workflows::engine {

namespace {

using namespace std::chrono;

constexpr std::array<std::string_view, 7> weekdays{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};

/// "16:00"
std::optional<minutes> time_of_day(std::string_view text) {
    const auto digit = [&](std::size_t at) {
        return text[at] - '0';
    };
    if (text.size() != 5 || text[2] != ':' ||
        text.find_first_not_of("0123456789:") != std::string_view::npos ||
        text.find(':', 3) != std::string_view::npos || text.find(':') != 2) {
        return std::nullopt;
    }
    const minutes time = hours(digit(0) * 10 + digit(1)) + minutes(digit(3) * 10 + digit(4));
    return digit(3) > 5 || time > hours(24) ? std::nullopt : std::optional(time);
}

/// "2026-12-24"
std::optional<local_days> date(std::string_view text) {
    try {
        const base::Time midnight = base::from_rfc3339(std::string(text) + "T00:00:00Z");
        return local_days(floor<days>(midnight).time_since_epoch());
    } catch (const base::Error&) {
        return std::nullopt;
    }
}

} // namespace

CalendarPoint CalendarPoint::read(std::string_view text) {
    const std::size_t space = text.find(' ');
    const std::string_view first = text.substr(0, space);
    CalendarPoint point;
    bool known = false;
    for (unsigned day = 0; day < weekdays.size(); ++day) {
        if (weekdays[day] == first) {
            point.weekday = std::chrono::weekday(day);
            known = true;
        }
    }
    if (const auto day = date(first)) {
        point.day = *day;
        known = true;
    }
    if (space != std::string_view::npos) {
        point.time = time_of_day(text.substr(space + 1));
        known = known && point.time;
    }
    if (!known) {
        throw base::Error(
            base::Fault::Input,
            "'{}' is no time of a calendar; write 'Fri 16:00', 'Fri', '2026-12-24' or '2026-12-24 18:00'",
            text);
    }
    return point;
}

CalendarSpan::Instants CalendarSpan::occurrence(local_days first_day) const {
    const local_days last_day = to.weekday ? first_day + (*to.weekday - *from.weekday) : to.day;
    const base::LocalTime begin = first_day + from.time.value_or(minutes(0));
    base::LocalTime end = last_day + to.time.value_or(days(1));
    // "Fri 16:00" to "Fri 08:00" ends a week later.
    if (to.weekday && end <= begin) {
        end += weeks(1);
    }
    return {zone.earliest(begin), zone.latest(end)};
}

std::optional<CalendarSpan::Instants> CalendarSpan::around(base::Time now) const {
    const auto holds = [&](const Instants& span) {
        return span.begin <= now && now < span.end;
    };
    if (!from.weekday) {
        const Instants only = occurrence(from.day);
        return holds(only) ? std::optional(only) : std::nullopt;
    }
    const local_days today = floor<days>(zone.local(now));
    // One that holds now began at most a week and the day of a clock change ago.
    for (int ago = -1; ago <= 8; ++ago) {
        const local_days day = today - days(ago);
        if (weekday(day) == *from.weekday && holds(occurrence(day))) {
            return occurrence(day);
        }
    }
    return std::nullopt;
}

std::optional<base::Time> CalendarSpan::next(base::Time now) const {
    if (!from.weekday) {
        const base::Time begin = occurrence(from.day).begin;
        return begin > now ? std::optional(begin) : std::nullopt;
    }
    const local_days today = floor<days>(zone.local(now));
    for (int ahead = -1; ahead <= 8; ++ahead) {
        const local_days day = today + days(ahead);
        if (weekday(day) == *from.weekday && occurrence(day).begin > now) {
            return occurrence(day).begin;
        }
    }
    return std::nullopt;
}

} // namespace workflows::engine
