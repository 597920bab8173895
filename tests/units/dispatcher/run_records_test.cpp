// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/runs/journal.hpp"
#include "dispatcher/runs/run_records.hpp"
#include "tests/refusal.hpp"
#include "tests/units/dispatcher/store.hpp"

using namespace dispatcher;
using base::Fault;

namespace {

runs::RunRecord run(const std::string& id, const std::string& environment = "prod") {
    runs::RunRecord record;
    record.id = id;
    record.kind = "deploy";
    record.environment = environment;
    record.application = "shop";
    record.release = "shop/1.0";
    record.workflow = "rolling";
    record.params = base::Object{{"soak", "1s"}};
    record.actor = "token:alice";
    record.created = tests::at("12:00:00");
    return record;
}

std::vector<std::string> ids(const std::vector<runs::RunRecord>& records) {
    std::vector<std::string> ids;
    for (const auto& record : records) {
        ids.push_back(record.id);
    }
    return ids;
}

} // namespace

TEST_CASE("a run queues, starts with what it is bound to, and ends") {
    tests::Store store;
    runs::RunRecords records(store.database);
    records.create(run("a"));
    CHECK(records.find("a").state == "queued");
    CHECK(records.find("a").params == run("a").params);
    CHECK(tests::refusal(Fault::Internal, [&] { records.input("a"); }) ==
          "run 'a' has no input: it never started");

    runs::RunRecord started = records.find("a");
    started.epoch = records.next_epoch();
    started.started = tests::at("12:00:01");
    started.from = "shop/0.9";
    started.environment_version = 3;
    records.start(started, base::Object{{"release", "shop/1.0"}});
    CHECK(records.find("a").state == "running");
    CHECK(records.find("a").from == "shop/0.9");
    CHECK(records.find("a").started == tests::at("12:00:01"));
    CHECK(records.input("a") == base::Value(base::Object{{"release", "shop/1.0"}}));
    CHECK(records.last_change("prod", "shop")->id == "a");

    records.end("a", "succeeded", "", tests::at("12:01:00"));
    CHECK(records.find("a").state == "ended");
    CHECK(records.find("a").outcome == "succeeded");
    CHECK(tests::refusal(Fault::NotFound, [&] { records.find("b"); }) ==
          "run 'b' does not exist; see 'tiercel run list'");
}

TEST_CASE("open runs come oldest first, also when their ids are of the same millisecond") {
    tests::Store store;
    runs::RunRecords records(store.database);
    records.create(run("b"));
    records.create(run("c", "test"));
    records.create(run("a"));
    CHECK(ids(records.open("prod")) == std::vector<std::string>{"b", "a"});
    CHECK(ids(records.open(std::nullopt)) == std::vector<std::string>{"b", "c", "a"});
    records.end("b", "cancelled", "", tests::at("12:01:00"));
    CHECK(ids(records.open("prod")) == std::vector<std::string>{"a"});
    CHECK(ids(records.newest(2)) == std::vector<std::string>{"a", "c"});
}

TEST_CASE("epochs only grow", "[law-6]") {
    tests::Store store;
    runs::RunRecords records(store.database);
    CHECK(records.current_epoch() == 0);
    CHECK(records.next_epoch() == 1);
    CHECK(records.next_epoch() == 2);
    CHECK(records.current_epoch() == 2);
}

TEST_CASE("a plan beside a run under way makes none of its orders stale, whatever began since elsewhere",
          "[law-6]") {
    tests::Store store;
    runs::RunRecords records(store.database);
    const auto start = [&](const std::string& id, const std::string& environment) {
        records.create(run(id, environment));
        runs::RunRecord started = records.find(id);
        started.epoch = records.next_epoch();
        records.start(started, base::Object());
    };
    start("a", "prod");
    start("b", "test");
    CHECK(records.epoch_beside_runs("prod", "shop") == 1);
    CHECK(records.epoch_beside_runs("test", "shop") == 2);
    CHECK(records.epoch_beside_runs("prod", "mail") == 2);
    records.end("a", "succeeded", "", tests::at("12:01:00"));
    CHECK(records.epoch_beside_runs("prod", "shop") == 2);
}

TEST_CASE("targets keep their level when they move, and are counted by state", "[law-1]") {
    tests::Store store;
    runs::RunRecords records(store.database);
    records.create(run("a"));
    records.set_target("a", {"shop/web", "web-1", 1, "not_started", ""});
    records.set_target("a", {"shop/db", "db-1", 0, "not_started", ""});
    records.set_target("a", {"shop/web", "web-2", 1, "not_started", ""});
    records.move_target("a", "shop/web", "web-2", "failed", "not ready");
    const auto targets = records.targets("a");
    REQUIRE(targets.size() == 3);
    CHECK(targets[0].component == "shop/db");
    CHECK(targets[2].node == "web-2");
    CHECK(targets[2].level == 1);
    CHECK(targets[2].reason == "not ready");
    CHECK(records.counts("a") == std::map<std::string, std::int64_t>{{"failed", 1}, {"not_started", 2}});
}

TEST_CASE("the journal gives its entries back in order, and notes after any sequence") {
    tests::Store store;
    runs::RunRecords(store.database).create(run("a"));
    runs::Journal journal(store.database);
    for (std::int64_t number = 1; number <= 3; ++number) {
        journal.append("a", {number, tests::at("12:00:00"), "dispatcher", base::Object{{"number", number}}});
        runs::NoteRecord note;
        note.run = "a";
        note.time = tests::at("12:00:00");
        note.message = "something";
        note.actor = "dispatcher";
        note.fields = base::Object{{"number", number}};
        CHECK(journal.note(note) == number);
    }
    const auto entries = journal.entries("a");
    REQUIRE(entries.size() == 3);
    CHECK(entries[1].number == 2);
    CHECK(entries[1].event == base::Value(base::Object{{"number", 2}}));
    const auto notes = journal.notes("a", 1, 10);
    REQUIRE(notes.size() == 2);
    CHECK(notes[0].sequence == 2);
    CHECK(journal.notes("a", 0, 1).size() == 1);
    CHECK(journal.notes("b", 0, 10).empty());
    CHECK_FALSE(tests::refusal(Fault::Conflict, [&] {
                    journal.append("a", {3, tests::at("12:00:00"), "dispatcher", base::Value()});
                }).empty());
}

TEST_CASE("plans are remembered by their hash") {
    tests::Store store;
    runs::RunRecords records(store.database);
    records.remember_plan("sha256:1", base::Object{{"release", "shop/1.0"}}, "token:alice",
                          tests::at("12:00:00"));
    records.remember_plan("sha256:1", base::Object{{"release", "shop/1.0"}}, "token:bob",
                          tests::at("12:00:01"));
    CHECK(records.plan("sha256:1") == base::Value(base::Object{{"release", "shop/1.0"}}));
    CHECK_FALSE(records.plan("sha256:2"));
}
