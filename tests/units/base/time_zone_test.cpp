// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "base/time_zone.hpp"

#include "base/files.hpp"
#include "tests/refusal.hpp"

#include <cstdlib>
#include <ctime>

using namespace std::chrono_literals;
using base::Fault;
using base::from_rfc3339;
using base::TimeZone;
using base::to_rfc3339;
using tests::refusal;

namespace {

base::LocalTime local(const std::string& text) {
    return base::LocalTime(from_rfc3339(text + "Z").time_since_epoch());
}

/// The C library's answer; the test's process may change its TZ, the dispatcher's must not.
std::chrono::seconds oracle(const std::string& zone, base::Time time) {
    ::setenv("TZ", zone.c_str(), 1);
    ::tzset();
    const std::time_t seconds = std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count();
    std::tm broken{};
    ::localtime_r(&seconds, &broken);
    return std::chrono::seconds(broken.tm_gmtoff);
}

} // namespace

TEST_CASE(
    "a wall clock is an instant, in winter and in summer, also after the last transition that is listed") {
    const TimeZone berlin = TimeZone::named("Europe/Berlin");
    for (const char* year : {"2026", "2090"}) {
        CHECK(to_rfc3339(berlin.earliest(local(std::string(year) + "-01-15T16:00:00"))) ==
              std::string(year) + "-01-15T15:00:00.000Z");
        CHECK(to_rfc3339(berlin.latest(local(std::string(year) + "-07-15T16:00:00"))) ==
              std::string(year) + "-07-15T14:00:00.000Z");
    }
    CHECK(berlin.local(from_rfc3339("2026-07-15T14:00:00Z")) == local("2026-07-15T16:00:00"));
}

TEST_CASE("an hour that comes twice is two instants, and one that is left out encloses the jump") {
    const TimeZone berlin = TimeZone::named("Europe/Berlin");
    CHECK(to_rfc3339(berlin.earliest(local("2026-10-25T02:30:00"))) == "2026-10-25T00:30:00.000Z");
    CHECK(to_rfc3339(berlin.latest(local("2026-10-25T02:30:00"))) == "2026-10-25T01:30:00.000Z");
    CHECK(to_rfc3339(berlin.earliest(local("2026-03-29T02:30:00"))) == "2026-03-29T00:30:00.000Z");
    CHECK(to_rfc3339(berlin.latest(local("2026-03-29T02:30:00"))) == "2026-03-29T01:30:00.000Z");
    CHECK(berlin.offset_at(from_rfc3339("2026-03-29T00:59:59Z")) == 1h);
    CHECK(berlin.offset_at(from_rfc3339("2026-03-29T01:00:00Z")) == 2h);
    CHECK(berlin.offset_at(from_rfc3339("2026-10-25T00:59:59Z")) == 2h);
    CHECK(berlin.offset_at(from_rfc3339("2026-10-25T01:00:00Z")) == 1h);
}

TEST_CASE("offsets are those of the C library, for zones north and south, with and without summer time") {
    for (const std::string name :
         {"UTC", "Europe/Berlin", "Europe/Dublin", "America/New_York", "America/Sao_Paulo",
          "Australia/Lord_Howe", "Pacific/Auckland", "Asia/Kolkata", "Africa/Casablanca", "America/Nuuk"}) {
        const TimeZone zone = TimeZone::named(name);
        INFO(name);
        bool same = true;
        for (base::Time time = from_rfc3339("1950-01-01T00:00:00Z");
             time < from_rfc3339("2100-01-01T00:00:00Z"); time += 59h + 59min) {
            same = same && zone.offset_at(time) == oracle(name, time);
        }
        CHECK(same);
    }
}

TEST_CASE("a zone that does not exist, and a file that is none, are refused with what to write") {
    const auto wrong = [](const std::string& name) {
        return "time zone '" + name + "' does not exist here; write one such as 'Europe/Berlin' or 'UTC'";
    };
    for (const std::string name : {"Europe/Belrin", "", "/etc/passwd", "../../../etc/passwd", "Europe"}) {
        CHECK(refusal(Fault::Input, [&] { TimeZone::named(name); }) == wrong(name));
    }
    const std::string good = base::SystemFiles().read("/usr/share/zoneinfo/Europe/Berlin");
    for (std::size_t length = 0; length < good.size(); length += 7) {
        CHECK(refusal(Fault::Corrupt, [&] { TimeZone::parse(good.substr(0, length), "X"); }) ==
              "time zone 'X' cannot be read: its file is damaged");
    }
}
