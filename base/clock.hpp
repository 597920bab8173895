// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <string>
#include <string_view>

namespace base {

/// Wall-clock UTC, millisecond resolution: what is stored and sent.
using Time = std::chrono::sys_time<std::chrono::milliseconds>;

/// `2026-11-20T12:06:44.123Z`
std::string to_rfc3339(Time time);
/// @throws Error{Fault::Input}
Time from_rfc3339(std::string_view text);

/// Seam. Thread: any.
class Clock {
public:
    virtual ~Clock() = default;
    virtual Time now() const = 0;
};

class SystemClock final : public Clock {
public:
    Time now() const override;
};

/// A ULID: 48 bits of time, 80 bits of chance, 26 characters of Crockford base32. Sorts by time.
std::string make_ulid(Time now);

} // namespace base
