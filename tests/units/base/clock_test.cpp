// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "base/clock.hpp"

#include "tests/fakes/clock.hpp"
#include "tests/refusal.hpp"

using base::Fault;
using base::from_rfc3339;
using base::to_rfc3339;
using tests::refusal;
using namespace std::chrono_literals;

TEST_CASE("a time is written in UTC with milliseconds and reads back") {
    const base::Time time = from_rfc3339("2026-11-20T12:06:44.123Z");
    CHECK(time.time_since_epoch() == 1795176404123ms);
    CHECK(to_rfc3339(time) == "2026-11-20T12:06:44.123Z");
    CHECK(to_rfc3339(base::Time{}) == "1970-01-01T00:00:00.000Z");
    CHECK(to_rfc3339(base::Time{-1ms}) == "1969-12-31T23:59:59.999Z");
}

TEST_CASE("a time of another zone or precision is brought to UTC milliseconds") {
    CHECK(to_rfc3339(from_rfc3339("2026-11-20T12:06:44+02:00")) == "2026-11-20T10:06:44.000Z");
    CHECK(to_rfc3339(from_rfc3339("2026-11-20t12:06:44.1-00:30")) == "2026-11-20T12:36:44.100Z");
    CHECK(to_rfc3339(from_rfc3339("2024-02-29T23:59:59.999999999z")) == "2024-02-29T23:59:59.999Z");
}

TEST_CASE("what is no time is refused with what to write") {
    for (const std::string_view text :
         {"", "2026", "2026-11-20", "2026-11-20T12:06:44", "2026-11-20 12:06:44Z", "2025-02-29T00:00:00Z",
          "2026-13-01T00:00:00Z", "2026-11-20T24:00:00Z", "2026-11-20T12:60:00Z", "2026-11-20T12:00:60Z",
          "2026-11-20T12:06:44.Z", "2026-11-20T12:06:44Zz", "2026-11-20T12:06:44+2:00",
          "-026-11-20T12:06:44Z", "2026-11-20T12:06:44+24:00", "2026-11-20T-1:06:44Z"}) {
        CHECK(refusal(Fault::Input, [&] { from_rfc3339(text); }) ==
              fmt::format("'{}' is not a time; write it as '2026-11-20T12:06:44Z'", text));
    }
}

TEST_CASE("identifiers have 26 characters, sort by their time, and do not repeat") {
    const base::Time time = from_rfc3339("2016-07-30T23:54:10.259Z");
    const std::string first = base::make_ulid(time);
    const std::string same_moment = base::make_ulid(time);
    const std::string later = base::make_ulid(time + 1ms);
    CHECK(first.size() == 26);
    CHECK(first.substr(0, 10) == "01ARZ3NDEK"); // the example of the ULID specification
    CHECK(first != same_moment);
    CHECK(first < later);
    CHECK(same_moment < later);
    CHECK(first.find_first_not_of("0123456789ABCDEFGHJKMNPQRSTVWXYZ") == std::string::npos);
}

TEST_CASE("the system's clock shows this century, the fake one what it was told") {
    CHECK(base::SystemClock().now() > from_rfc3339("2024-01-01T00:00:00Z"));
    fakes::Clock clock(from_rfc3339("2026-01-01T00:00:00Z"));
    clock.advance(90s);
    CHECK(to_rfc3339(clock.now()) == "2026-01-01T00:01:30.000Z");
    clock.set(base::Time{});
    CHECK(clock.now() == base::Time{});
}
