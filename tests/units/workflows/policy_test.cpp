// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "workflows/engine/policy.hpp"

#include "base/toml.hpp"
#include "tests/refusal.hpp"

using base::Fault;
using base::from_rfc3339;
using base::to_rfc3339;
using workflows::engine::Policy;

namespace {

Policy policy(const std::string& text) {
    return Policy::from_value(base::parse_toml("environment = \"prod\"\n" + text, "policies/prod.toml"),
                              "policies/prod.toml");
}

std::string refused(const std::string& text) {
    return tests::refusal(Fault::Input, [&] { policy(text); });
}

const std::set<base::ComponentName> web{base::ComponentName("shop/web")};

/// "until, because why", or "free".
std::string at(const Policy& policy, const std::string& time, bool under_way = false) {
    const auto frozen = policy.frozen(web, from_rfc3339(time), under_way);
    return frozen ? to_rfc3339(frozen->until) + ", " + frozen->why : "free";
}

const std::string weekend = "[[freeze]]\nfrom = \"Fri 16:00\"\nto = \"Mon 08:00\"\ntz = \"Europe/Berlin\"\n";
const std::string weekend_text = ", freeze from Fri 16:00 to Mon 08:00 (Europe/Berlin)";

} // namespace

TEST_CASE("a policy says who approves, when nothing starts, and how much may be out of service") {
    const Policy read =
        policy("[approval]\ncount = 2\nrole = \"release-manager\"\nexpires = \"8h\"\n" + weekend +
               "[[budget]]\ncomponent = \"shop/web\"\nper = \"rack\"\nmax_unavailable = \"25%\"\n");
    CHECK(read.environment.str() == "prod");
    CHECK(read.approval->count == 2);
    CHECK(read.approval->role == "release-manager");
    CHECK(read.approval->expires == std::chrono::hours(8));
    REQUIRE(read.budgets.size() == 1);
    CHECK(read.budgets[0].component.str() == "shop/web");
    CHECK(read.budgets[0].per == "rack");
    CHECK(read.budgets[0].max_unavailable.str() == "25%");
    CHECK(policy("[approval]\n").approval->expires == std::chrono::hours(24));
    CHECK_FALSE(policy("").approval);
}

TEST_CASE("a weekly freeze holds from Friday to Monday, and not before or after") {
    const Policy read = policy(weekend);
    CHECK(at(read, "2026-11-20T14:59:59Z") == "free");
    CHECK(at(read, "2026-11-20T15:00:00Z") == "2026-11-23T07:00:00.000Z" + weekend_text);
    CHECK(at(read, "2026-11-23T06:59:59Z") == "2026-11-23T07:00:00.000Z" + weekend_text);
    CHECK(at(read, "2026-11-23T07:00:00Z") == "free");
    CHECK(at(policy("[[freeze]]\nfrom = \"Sat\"\nto = \"Sun\"\n"), "2026-11-22T23:59:59Z") ==
          "2026-11-23T00:00:00.000Z, freeze from Sat to Sun (UTC)");
    CHECK(at(policy("[[freeze]]\nfrom = \"Mon 09:00\"\nto = \"Mon 08:00\"\n"), "2026-11-23T08:30:00Z") ==
          "free");
    CHECK(at(policy("[[freeze]]\nfrom = \"Mon 09:00\"\nto = \"Mon 08:00\"\n"), "2026-11-23T07:30:00Z") ==
          "2026-11-23T08:00:00.000Z, freeze from Mon 09:00 to Mon 08:00 (UTC)");
}

TEST_CASE("a freeze keeps to the wall clock over both changes of summer time") {
    const Policy read = policy(weekend);
    // Summer time begins on Sunday, 2026-03-29, and ends on Sunday, 2026-10-25.
    CHECK(at(read, "2026-03-27T14:59:59Z") == "free");
    CHECK(at(read, "2026-03-27T15:00:00Z") == "2026-03-30T06:00:00.000Z" + weekend_text);
    CHECK(at(read, "2026-03-30T05:59:59Z") == "2026-03-30T06:00:00.000Z" + weekend_text);
    CHECK(at(read, "2026-03-30T06:00:00Z") == "free");
    CHECK(at(read, "2026-10-23T13:59:59Z") == "free");
    CHECK(at(read, "2026-10-23T14:00:00Z") == "2026-10-26T07:00:00.000Z" + weekend_text);
    CHECK(at(read, "2026-10-26T06:59:59Z") == "2026-10-26T07:00:00.000Z" + weekend_text);
    CHECK(at(read, "2026-10-26T07:00:00Z") == "free");
    // 02:30 does not exist on the one day and comes twice on the other: both are within the freeze.
    const Policy night =
        policy("[[freeze]]\nfrom = \"Sun 02:30\"\nto = \"Sun 02:45\"\ntz = \"Europe/Berlin\"\n");
    CHECK(at(night, "2026-03-29T01:00:00Z").substr(0, 24) == "2026-03-29T01:45:00.000Z");
    CHECK(at(night, "2026-10-25T00:30:00Z").substr(0, 24) == "2026-10-25T01:45:00.000Z");
    CHECK(at(night, "2026-10-25T01:44:00Z").substr(0, 24) == "2026-10-25T01:45:00.000Z");
}

TEST_CASE("a freeze of dates takes its last day as a whole, and says why") {
    const Policy read =
        policy("[[freeze]]\nfrom = \"2026-12-24\"\nto = \"2027-01-02\"\ntz = \"Europe/Berlin\"\n"
               "reason = \"year end\"\n");
    CHECK(at(read, "2026-12-23T22:59:59Z") == "free");
    CHECK(at(read, "2027-01-02T22:59:59Z") ==
          "2027-01-02T23:00:00.000Z, freeze 'year end' from 2026-12-24 to 2027-01-02 (Europe/Berlin)");
    CHECK(at(read, "2027-01-02T23:00:00Z") == "free");
    CHECK(to_rfc3339(*read.next_change(from_rfc3339("2026-12-01T00:00:00Z"))) == "2026-12-23T23:00:00.000Z");
    CHECK(to_rfc3339(*read.next_change(from_rfc3339("2026-12-25T00:00:00Z"))) == "2027-01-02T23:00:00.000Z");
    CHECK_FALSE(read.next_change(from_rfc3339("2027-02-01T00:00:00Z")));
}

TEST_CASE("freezes that follow each other are one wait", "[law-10]") {
    const Policy read = policy(weekend + "[[freeze]]\nfrom = \"2026-11-22\"\nto = \"2026-11-24\"\n");
    CHECK(at(read, "2026-11-20T20:00:00Z") == "2026-11-25T00:00:00.000Z" + weekend_text);
    // Two that fill the week: there is an answer, though no end.
    const Policy full =
        policy("[[freeze]]\nfrom = \"Mon\"\nto = \"Thu\"\n[[freeze]]\nfrom = \"Fri\"\nto = \"Sun\"\n");
    CHECK(at(full, "2026-11-23T12:00:00Z").substr(0, 24) == "2026-11-30T00:00:00.000Z");
}

TEST_CASE("a freeze of one component leaves runs of others alone, and only 'pause' stops one under way") {
    const std::string db = "component = \"shop/db\"\n";
    CHECK(at(policy(weekend + db), "2026-11-21T12:00:00Z") == "free");
    CHECK(
        policy(weekend + db).frozen({base::ComponentName("shop/db")}, from_rfc3339("2026-11-21T12:00:00Z")));
    CHECK(at(policy(weekend), "2026-11-21T12:00:00Z", true) == "free");
    CHECK(at(policy(weekend + "during = \"pause\"\n"), "2026-11-21T12:00:00Z", true) ==
          "2026-11-23T07:00:00.000Z" + weekend_text);
}

TEST_CASE("what is wrong in a policy is named with its place and what to write") {
    CHECK(refused("[approvals]\n") ==
          "policies/prod.toml:2: unknown key 'approvals'; did you mean 'approval'?");
    CHECK(refused("[approval]\ncount = 0\n").starts_with("policies/prod.toml:3: 'approval.count' is 0"));
    CHECK(refused("[approval]\nroles = \"x\"\n") ==
          "policies/prod.toml:3: unknown key 'approval.roles'; did you mean 'role'?");
    CHECK(refused("[approval]\nexpires = \"0s\"\n") ==
          "policies/prod.toml:3: 'expires' is 0s, but a wait needs time; write '24h'");
    CHECK(
        refused("[[freeze]]\nfrom = \"Friday\"\nto = \"Mon\"\n") ==
        "policies/prod.toml:3: 'Friday' is no time of a calendar; write 'Fri 16:00', 'Fri', '2026-12-24' or "
        "'2026-12-24 18:00'");
    CHECK(refused("[[freeze]]\nfrom = \"Fri 16:00\"\nto = \"Fri 16:00\"\n") ==
          "policies/prod.toml:4: 'from' and 'to' are both 'Fri 16:00': the freeze would never end; write "
          "'Fri' for the "
          "day as a whole, or a later time");
    for (const std::string wrong :
         {"Fri 24:01", "Fri 9:00", "Fri 16:60", "Fri  16:00", "2026-02-30", "16:00", "Fri "}) {
        INFO(wrong);
        CHECK(refused("[[freeze]]\nfrom = \"" + wrong + "\"\nto = \"Mon\"\n")
                  .find("is no time of a calendar") != std::string::npos);
    }
    CHECK(refused("[[freeze]]\nfrom = \"Fri\"\nto = \"2026-12-24\"\n") ==
          "policies/prod.toml:4: 'from' and 'to' must both be days of the week, or both be dates");
    CHECK(refused("[[freeze]]\nfrom = \"2026-12-24\"\nto = \"2026-12-23\"\n") ==
          "policies/prod.toml:4: 'to' is not after 'from'");
    CHECK(refused(weekend + "during = \"stop\"\n") == "policies/prod.toml:6: 'during' is 'stop', but must be "
                                                      "'finish' (a run under way goes on) or 'pause'");
    CHECK(refused("[[freeze]]\nfrom = \"Fri\"\nto = \"Mon\"\ntz = \"Europe/Belrin\"\n") ==
          "policies/prod.toml:5: time zone 'Europe/Belrin' does not exist here; write one such as "
          "'Europe/Berlin' "
          "or 'UTC'");
    CHECK(refused("[[budget]]\nmax_unavailable = 1\n") ==
          "policies/prod.toml:2: 'component' is missing; write component = \"shop/web\"");
    CHECK(refused("[[freeze]]\nfrom = \"Fri 16:00\"\nto = \"Mon 08:00\"\ncomponent = []\n") ==
          "policies/prod.toml:5: 'component' is an empty list; leave it out to freeze all components");
    CHECK(refused("[[budget]]\ncomponent = \"shop/web\"\n") ==
          "policies/prod.toml:2: 'max_unavailable' is missing; write a count such as 2, or a share such as "
          "\"25%\"");
    CHECK(refused("[[budget]]\ncomponent = \"shop/web\"\nmax_unavailable = \"0%\"\n")
              .starts_with("policies/prod.toml:4: '0%' is not a portion"));
}
