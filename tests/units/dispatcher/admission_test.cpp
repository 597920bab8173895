// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// What a run waits for before it starts, and who may say that it may.
#include "tests/refusal.hpp"
#include "tests/units/dispatcher/house.hpp"

using namespace dispatcher;
using namespace std::chrono_literals;
using base::Fault;
using base::from_rfc3339;
using tests::House;

namespace {

const std::string two_managers = "[approval]\ncount = 2\nrole = \"manager\"\nexpires = \"8h\"\n";
const std::string weekend = "[[freeze]]\nfrom = \"Fri 16:00\"\nto = \"Mon 08:00\"\ntz = \"Europe/Berlin\"\n";
constexpr const char* friday_evening = "2026-11-20T18:00:00Z";

bool told(const House& house, const std::string& run, const std::string& line) {
    for (const std::string& each : house.story(run)) {
        if (each.starts_with(line)) {
            return true;
        }
    }
    return false;
}

} // namespace

TEST_CASE("without a policy a deployment starts at once and becomes what the environment runs") {
    House house;
    const std::string run = house.deploy("shop/1.0");
    CHECK(house.run(run).state == "running");
    house.finish();
    CHECK(house.run(run).outcome == "succeeded");
    CHECK(house.targets(run) == "app-1 updated, app-2 updated, web-1 updated");
    CHECK(runs::Environments(house.database()).current("prod", "shop")->release == "shop/1.0");
    CHECK(house.input(run).object()->find("actor")->text()[0] == "token:alice");
}

TEST_CASE(
    "a deployment starts after so many people with the role have approved it, its author not among them",
    "[law-13]") {
    House house;
    house.apply_policy(two_managers);
    const std::string run = house.deploy("shop/1.0");
    CHECK(house.run(run).state == "queued");
    CHECK(house.waits(run) ==
          "approval by 2 people with role 'manager' more, not by token:alice; nobody approved it so "
          "far: 'tiercel run approve " +
              run + "', until 2026-11-18T20:00:00.000Z");
    CHECK(house.rollouts().waiting(run).needs_person);
    CHECK(tests::refusal(Fault::Denied, [&] { house.say(run, "approve", "token:alice", "manager"); }) ==
          "run '" + run + "' was asked for by 'token:alice'; somebody else must approve it");
    CHECK(tests::refusal(Fault::Denied, [&] { house.say(run, "approve", "token:bob"); }) ==
          "run '" + run + "' is approved by people with role 'manager'; the token of 'token:bob' has none");
    house.say(run, "approve", "token:bob", "manager");
    house.say(run, "approve", "token:bob", "manager"); // the same person does not count twice
    CHECK(house.run(run).state == "queued");
    CHECK(house.waits(run).find("approval by 1 person with role 'manager' more") == 0);
    CHECK(house.waits(run).find("token:bob approved it so far") != std::string::npos);
    house.kill(); // what people said survives
    house.say(run, "approve", "token:carol", "manager");
    CHECK(house.run(run).state == "running");
    house.finish();
    CHECK(house.run(run).outcome == "succeeded");
}

TEST_CASE("approvals are of exactly what was approved: when settings move they are void, and it says so",
          "[law-13]") {
    House house;
    house.apply_policy(two_managers);
    const std::string run = house.deploy("shop/1.0");
    house.say(run, "approve", "token:bob", "manager");
    house.apply_settings("[settings.shop.web]\nport = 81\n");
    CHECK(told(house, run, "approval void by=token:bob moved='settings' of shop/web on web-1"));
    house.say(run, "approve", "token:carol", "manager");
    CHECK(house.run(run).state == "queued");
    house.say(run, "approve", "token:bob", "manager");
    CHECK(house.run(run).state == "running");
}

TEST_CASE(
    "a deployment that nobody approves in time is refused, also when the dispatcher was restarted in between",
    "[law-10]") {
    House house;
    house.apply_policy(two_managers);
    const std::string run = house.deploy("shop/1.0");
    house.say(run, "approve", "token:bob", "manager");
    house.kill();
    house.pass(8h - 1s);
    CHECK(house.run(run).state == "queued");
    house.pass(2s);
    CHECK(house.run(run).outcome == "refused");
    CHECK(house.run(run).reason == "it was not approved by 2 people with role 'manager' until "
                                   "2026-11-18T20:00:00.000Z; token:bob approved it");
    CHECK(tests::refusal(Fault::Conflict, [&] { house.say(run, "approve", "token:carol", "manager"); }) ==
          "run '" + run + "' has ended already: refused");
}

TEST_CASE("who rejects a deployment ends it, and one that needs no approval takes none") {
    House house;
    house.apply_policy(two_managers);
    const std::string run = house.deploy("shop/1.0");
    CHECK(tests::refusal(Fault::Conflict, [&] { house.say(run, "pause"); }) ==
          "run '" + run + "' has not started yet; it can be approved, rejected or cancelled");
    house.say(run, "reject", "token:bob");
    CHECK(house.run(run).outcome == "refused");
    CHECK(house.run(run).reason == "rejected by token:bob before it started");
    house.apply_policy("[[freeze]]\nfrom = \"Mon\"\nto = \"Sun\"\n");
    const std::string frozen = house.deploy("shop/1.0");
    CHECK(tests::refusal(Fault::Conflict, [&] { house.say(frozen, "approve"); }) ==
          "run '" + frozen + "' needs no approval; see 'tiercel run explain " + frozen + "'");
    CHECK(
        tests::refusal(Fault::Input, [&] { house.say(frozen, "explode"); }) ==
        "signal 'explode' does not exist; it is one of approve, reject, pause, resume, cancel, retry, skip, "
        "rollback, signal");
}

TEST_CASE("a deployment waits for the end of a freeze and then starts by itself, also after a restart",
          "[law-10]") {
    House house;
    house.apply_policy(weekend);
    house.go_to(friday_evening);
    const std::string run = house.deploy("shop/1.0");
    CHECK(house.waits(run) == "the end of freeze from Fri 16:00 to Mon 08:00 (Europe/Berlin), until "
                              "2026-11-23T07:00:00.000Z");
    house.kill();
    house.go_to("2026-11-23T06:59:59Z");
    CHECK(house.run(run).state == "queued");
    house.go_to("2026-11-23T07:00:01Z");
    CHECK(house.run(run).state == "running");
    house.finish();
    CHECK(house.run(run).outcome == "succeeded");
}

TEST_CASE("a freeze of some components holds the runs that touch one of them, and no others") {
    House house;
    const auto freeze = [](const std::string& component) {
        return "[[freeze]]\nfrom = \"Fri 16:00\"\nto = \"Mon 08:00\"\ncomponent = " + component + "\n";
    };
    house.fails[{"app-2", "apply"}] = 1;
    const std::string first =
        house.deploy("shop/1.0", "token:alice", [](auto& request) { request.params.set("max_failures", 1); });
    house.finish();
    house.go_to(friday_evening);
    house.apply_policy(freeze("[\"shop/web\", \"bank/teller\"]"));
    // What is left of it is in shop/app.
    const auto retried = house.say(first, "retry");
    CHECK(house.run(*retried).state == "running");
    house.pass(10min);
    const std::string deployed = house.deploy("shop/2.0");
    CHECK(house.run(deployed).state == "queued");
    CHECK(house.waits(deployed).find(
              "the end of freeze from Fri 16:00 to Mon 08:00 (UTC), until 2026-11-23T08:00:00") == 0);
    house.apply_policy(freeze("\"bank/teller\""));
    CHECK(house.run(deployed).state == "running");
}

TEST_CASE("a freeze is overridden with a reason, which is in the run's story with who gave it") {
    House house;
    house.apply_policy(weekend);
    house.go_to(friday_evening);
    CHECK(tests::refusal(Fault::Input, [&] {
              house.deploy("shop/1.0", "token:alice", [](auto& request) { request.override_freeze = ""; });
          }) == "an override needs a reason, which goes into the journal: --override-freeze REASON");
    const std::string run = house.deploy("shop/1.0", "token:alice",
                                         [](auto& request) { request.override_freeze = "leak of data"; });
    CHECK(house.run(run).state == "running");
    const auto notes = runs::Journal(house.database()).notes(run, 0, 1);
    REQUIRE(notes.size() == 1);
    CHECK(notes[0].message == "freeze overridden");
    CHECK(notes[0].actor == "token:alice");
    CHECK(notes[0].fields == base::Value(base::Object{{"reason", "leak of data"}, {"by", "token:alice"}}));
}

TEST_CASE(
    "a run under way goes on in a freeze, unless it says 'pause': then it is paused and goes on afterwards") {
    for (const bool pauses : {false, true}) {
        House house;
        house.apply_policy("[[freeze]]\nfrom = \"Wed 12:01\"\nto = \"Wed 13:00\"\n" +
                           std::string(pauses ? "during = \"pause\"\n" : ""));
        const std::string run =
            house.deploy("shop/1.0", "token:alice", [](auto& request) { request.params.set("soak", "5m"); });
        house.kill();
        house.go_to("2026-11-18T12:30:00Z");
        CHECK(house.waits(run).starts_with("the end of freeze from Wed 12:01 to Wed 13:00 (UTC), until "
                                           "2026-11-18T13:00:00.000Z") == pauses);
        const std::string then = house.targets(run);
        CHECK((then == "app-1 updated, app-2 updated, web-1 updated") == !pauses);
        house.finish();
        CHECK(house.run(run).outcome == "succeeded");
        CHECK((house.run(run).ended > from_rfc3339("2026-11-18T13:00:00Z")) == pauses);
    }
}

TEST_CASE(
    "a person who resumes a run in a freeze has said so, and is not paused again; one who paused it stays "
    "the one who resumes it") {
    const std::string pausing = "[[freeze]]\nfrom = \"Wed 12:01\"\nto = \"Wed 13:00\"\nduring = \"pause\"\n";
    const auto slowly = [](auto& request) {
        request.params.set("soak", "5m");
    };
    House house;
    house.apply_policy(pausing);
    const std::string run = house.deploy("shop/1.0", "token:alice", slowly);
    house.go_to("2026-11-18T12:05:00Z");
    house.say(run, "resume");
    house.go_to("2026-11-18T12:50:00Z");
    CHECK(house.run(run).outcome == "succeeded");

    House other;
    other.apply_policy(pausing);
    const std::string held = other.deploy("shop/1.0", "token:alice", slowly);
    other.say(held, "pause");
    other.go_to("2026-11-18T14:00:00Z");
    CHECK(other.run(held).state == "running");
    CHECK(other.targets(held).find("web-1 updated") == std::string::npos);
}

TEST_CASE("a lock keeps runs from starting, says who holds it, and is a lease", "[law-10]") {
    House house;
    runs::Locks locks(house.database());
    const auto take = [&](const std::string& holder, const std::string& reason) {
        base::Transaction transaction(house.database());
        locks.take({.environment = "prod",
                    .holder = holder,
                    .reason = reason,
                    .since = house.now(),
                    .until = house.now() + 1h});
        transaction.commit();
    };
    CHECK(tests::refusal(Fault::Input, [&] { take("token:bob", ""); }) ==
          "a lock needs a reason, which others are shown; give it with --reason");
    take("token:bob", "disk replaced");
    CHECK(tests::refusal(Fault::Conflict, [&] { take("token:carol", "me too"); }) ==
          "environment 'prod' is locked by token:bob since 2026-11-18T12:00:00.000Z: disk replaced; it ends "
          "2026-11-18T13:00:00.000Z, or with 'tiercel env unlock prod'");
    const std::string run = house.deploy("shop/1.0");
    CHECK(house.waits(run) == "the end of a lock: environment 'prod' is locked by token:bob since "
                              "2026-11-18T12:00:00.000Z: disk replaced, until 2026-11-18T13:00:00.000Z");
    house.kill();
    house.pass(1h + 1s);
    CHECK(house.run(run).state == "running");
}

TEST_CASE("a way back is not held by freezes and approvals; a lock must be overridden for it", "[law-9]") {
    House house;
    house.deploy("shop/1.0");
    house.finish();
    house.deploy("shop/2.0");
    house.finish();
    house.apply_policy("[[freeze]]\nfrom = \"Mon\"\nto = \"Sun\"\n" + two_managers);
    runs::RunRequest back;
    back.kind = workflows::engine::RunKind::Rollback;
    back.environment = "prod";
    {
        base::Transaction transaction(house.database());
        runs::Locks(house.database())
            .take({.environment = "prod",
                   .holder = "token:bob",
                   .reason = "tests",
                   .since = house.now(),
                   .until = house.now() + 1h});
        transaction.commit();
    }
    CHECK(tests::refusal(Fault::Conflict, [&] { house.request(back); }) ==
          "environment 'prod' is locked by token:bob since " + base::to_rfc3339(house.now()) +
              ": tests; speak with them, or go back in spite of it with --override-lock REASON");
    back.override_lock = "customers cannot pay";
    const std::string run = house.request(back);
    house.finish();
    CHECK(house.run(run).outcome == "succeeded");
    CHECK(house.run(run).release == "shop/1.0");
    CHECK(told(house, run, "lock overridden reason=customers cannot pay"));
}

TEST_CASE("a run with a time starts then, and one that cannot start until it expires ends and says why",
          "[law-10]") {
    House house;
    const std::string run = house.deploy("shop/1.0", "token:alice", [](auto& request) {
        request.starts = from_rfc3339("2026-11-18T22:00:00Z");
    });
    CHECK(house.waits(run) == "its time to start, until 2026-11-18T22:00:00.000Z");
    const std::string now = house.deploy("shop/2.0"); // one that waits for its time is in nobody's way
    CHECK(house.run(now).state == "running");
    house.kill();
    house.go_to("2026-11-18T22:00:00Z");
    CHECK(house.run(run).state == "running");
    house.finish();

    house.apply_policy("[[freeze]]\nfrom = \"2026-11-19\"\nto = \"2026-11-21\"\n");
    const std::string late = house.deploy("shop/2.0", "token:alice", [](auto& request) {
        request.starts = from_rfc3339("2026-11-19T10:00:00Z");
    });
    house.go_to("2026-11-19T11:00:01Z");
    CHECK(house.run(late).outcome == "cancelled");
    CHECK(house.run(late).reason ==
          "it did not start until 2026-11-19T11:00:00.000Z: it waited for the end of freeze "
          "from 2026-11-19 to 2026-11-21 (UTC)");
    CHECK(tests::refusal(Fault::Input, [&] {
              house.deploy("shop/2.0", "token:alice",
                           [](auto& request) { request.expires = from_rfc3339("2026-11-19T11:00:00Z"); });
          }) == "the run could never start: it expires 2026-11-19T11:00:00.000Z, which is over");
}
