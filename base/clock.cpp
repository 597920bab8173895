// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "base/clock.hpp"

#include "base/error.hpp"

#include <fmt/format.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <optional>
#include <sys/random.h>

namespace base {

namespace {

/// Takes a date and time apart from the left; any deviation makes everything after it fail.
class Reader {
public:
    explicit Reader(std::string_view text) : rest_(text) {}

    int digits(std::size_t count) {
        int number = 0;
        for (std::size_t at = 0; at < count; ++at) {
            number = number * 10 + (any_of("0123456789") - '0');
        }
        return sound_ ? number : 0;
    }

    /// One of `wanted`, or '\0'.
    char any_of(std::string_view wanted) {
        if (rest_.empty() || wanted.find(rest_.front()) == std::string_view::npos) {
            sound_ = false;
            return '\0';
        }
        const char found = rest_.front();
        rest_.remove_prefix(1);
        return found;
    }

    /// ".123456" cut to milliseconds; nothing is 0.
    int fraction() {
        if (rest_.empty() || rest_.front() != '.') {
            return 0;
        }
        rest_.remove_prefix(1);
        int milliseconds = 0;
        std::size_t count = 0;
        while (count < rest_.size() && rest_[count] >= '0' && rest_[count] <= '9') {
            if (count < 3) {
                milliseconds = milliseconds * 10 + (rest_[count] - '0');
            }
            ++count;
        }
        sound_ = sound_ && count > 0;
        for (std::size_t at = count; at < 3; ++at) {
            milliseconds *= 10;
        }
        rest_.remove_prefix(count);
        return milliseconds;
    }

    bool at_sound_end() const noexcept { return sound_ && rest_.empty(); }

private:
    std::string_view rest_;
    bool sound_ = true;
};

std::optional<Time> read_rfc3339(std::string_view text) {
    using namespace std::chrono;
    Reader reader(text);
    const int year_number = reader.digits(4);
    reader.any_of("-");
    const int month_number = reader.digits(2);
    reader.any_of("-");
    const int day_number = reader.digits(2);
    reader.any_of("Tt");
    const int hour = reader.digits(2);
    reader.any_of(":");
    const int minute = reader.digits(2);
    reader.any_of(":");
    const int second = reader.digits(2);
    const int fraction = reader.fraction();
    const char zone = reader.any_of("Zz+-");
    minutes offset{0};
    if (zone == '+' || zone == '-') {
        const int offset_hours = reader.digits(2);
        reader.any_of(":");
        const int offset_minutes = reader.digits(2);
        if (offset_hours > 23 || offset_minutes > 59) {
            return std::nullopt;
        }
        offset = hours(offset_hours) + minutes(offset_minutes);
        if (zone == '-') {
            offset = -offset;
        }
    }
    const year_month_day date{year(year_number), month(static_cast<unsigned>(month_number)),
                              day(static_cast<unsigned>(day_number))};
    if (!reader.at_sound_end() || !date.ok() || hour > 23 || minute > 59 || second > 59) {
        return std::nullopt;
    }
    return Time(sys_days(date)) + hours(hour) + minutes(minute) + seconds(second) + milliseconds(fraction) -
           offset;
}

} // namespace

std::string to_rfc3339(Time time) {
    using namespace std::chrono;
    const sys_days day = floor<days>(time);
    const year_month_day date{day};
    const hh_mm_ss clock{time - day};
    return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", int(date.year()), unsigned(date.month()),
                       unsigned(date.day()), clock.hours().count(), clock.minutes().count(),
                       clock.seconds().count(), clock.subseconds().count());
}

Time from_rfc3339(std::string_view text) {
    if (const std::optional<Time> time = read_rfc3339(text)) {
        return *time;
    }
    throw Error(Fault::Input, "'{}' is not a time; write it as '2026-11-20T12:06:44Z'", text.substr(0, 64));
}

Time SystemClock::now() const {
    return std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
}

std::string make_ulid(Time now) {
    constexpr std::string_view alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    std::array<std::uint8_t, 10> chance{};
    if (::getentropy(chance.data(), chance.size()) != 0) {
        throw Error(Fault::Unavailable, "the system's random source gives nothing: {}", system_reason(errno));
    }
    std::string text(26, '0');
    auto time = static_cast<std::uint64_t>(now.time_since_epoch().count());
    for (std::size_t at = 10; at-- > 0;) {
        text[at] = alphabet[time & 31u];
        time >>= 5;
    }
    // 80 bits are 16 digits of 5 bits, and each 5 bytes are 8 of them.
    for (std::size_t half = 0; half < 2; ++half) {
        std::uint64_t bits = 0;
        for (std::size_t at = 0; at < 5; ++at) {
            bits = bits << 8 | chance[half * 5 + at];
        }
        for (std::size_t at = 8; at-- > 0;) {
            text[10 + half * 8 + at] = alphabet[bits & 31u];
            bits >>= 5;
        }
    }
    return text;
}

} // namespace base
