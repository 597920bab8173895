// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "base/database.hpp"

#include "base/files.hpp"
#include "base/process.hpp"
#include "tests/refusal.hpp"

#include <fstream>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

using base::Database;
using base::Fault;
using base::Statement;
using base::Transaction;
using tests::refusal;

namespace {

constexpr std::string_view first_schema =
    "CREATE TABLE node (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, note TEXT, photo BLOB);"
    "CREATE TABLE label (node INTEGER NOT NULL REFERENCES node(id), name TEXT NOT NULL) STRICT;";
constexpr std::string_view second_schema =
    "ALTER TABLE node ADD COLUMN state TEXT NOT NULL DEFAULT 'declared'";

/// A database in a directory of its own.
struct Fixture {
    base::TemporaryDirectory directory;
    std::filesystem::path file = directory.path() / "state.db";

    Database open(const std::vector<std::string_view>& migrations = {first_schema}) const {
        return Database(file, migrations);
    }
};

std::int64_t count(Database& database) {
    Statement statement = database.prepare("SELECT count(*) FROM node");
    REQUIRE(statement.step());
    return statement.whole(0);
}

void insert(Database& database, std::string_view name) {
    database.prepare("INSERT INTO node (name) VALUES (?)").with(name).run();
}

} // namespace

TEST_CASE("rows come back as they were bound: numbers, text, blobs, nothing") {
    const Fixture fixture;
    Database database = fixture.open();
    Statement insertion = database.prepare("INSERT INTO node (id, name, note, photo) VALUES (?, ?, ?, ?)");
    const std::string odd("a\0'\xff", 4);
    insertion.with(7, odd, std::optional<std::string>(), nullptr).run();
    CHECK(database.last_row_id() == 7);
    insertion.with(std::int64_t{1} << 62, "plain", std::optional<std::string_view>("note"), nullptr);
    insertion.bind_blob(4, odd).run();
    insertion.with(9, std::string_view(), "", nullptr);
    insertion.bind_blob(4, std::string_view()).run();

    Statement rows = database.prepare("SELECT id, name, note, photo FROM node ORDER BY id");
    REQUIRE(rows.step());
    CHECK(rows.whole(0) == 7);
    CHECK(rows.text(0) == "7");
    CHECK(rows.text(1) == odd);
    CHECK(rows.is_null(2));
    CHECK(rows.text(2).empty());
    REQUIRE(rows.step());
    CHECK(rows.text(1).empty());
    CHECK_FALSE(rows.is_null(1));
    CHECK_FALSE(rows.is_null(3));
    REQUIRE(rows.step());
    CHECK(rows.whole(0) == std::int64_t{1} << 62);
    CHECK(rows.text(2) == "note");
    CHECK(rows.text(3) == odd);
    CHECK_FALSE(rows.step());
}

TEST_CASE("a database and its journal are readable only for their owner") {
    const Fixture fixture;
    Database database = fixture.open();
    insert(database, "web-1");
    for (const std::string name : {"state.db", "state.db-wal", "state.db-shm"}) {
        struct stat status {};
        REQUIRE(::stat((fixture.directory.path() / name).c_str(), &status) == 0);
        CHECK((status.st_mode & 07777u) == 0600u);
    }
}

TEST_CASE("a database writes ahead, syncs at every commit, and checks its references", "[law-7]") {
    const Fixture fixture;
    Database database = fixture.open();
    const auto pragma = [&](std::string_view sql) {
        Statement statement = database.prepare(sql);
        REQUIRE(statement.step());
        return statement.text(0);
    };
    CHECK(pragma("PRAGMA journal_mode") == "wal");
    CHECK(pragma("PRAGMA synchronous") == "2");
    CHECK(pragma("PRAGMA foreign_keys") == "1");
    CHECK(pragma("PRAGMA busy_timeout") == "5000");
    CHECK(refusal(Fault::Conflict, [&] { database.execute("INSERT INTO label VALUES (99, 'x')"); }) ==
          "database '" + fixture.file.native() +
              "': FOREIGN KEY constraint failed, in 'INSERT INTO label VALUES (99, 'x')'");
}

TEST_CASE("a row that a constraint forbids is a conflict, and its text is not told") {
    const Fixture fixture;
    Database database = fixture.open();
    Statement insertion = database.prepare("INSERT INTO node (name) VALUES (?)");
    insertion.with("secret-name").run();
    CHECK(refusal(Fault::Conflict, [&] { insertion.with("secret-name").run(); }) ==
          "database '" + fixture.file.native() +
              "': UNIQUE constraint failed: node.name, in 'INSERT INTO node (name) VALUES (?)'");
    CHECK_NOTHROW(insertion.with("another").run());
}

TEST_CASE("an uncommitted transaction leaves nothing") {
    const Fixture fixture;
    Database database = fixture.open();
    {
        Transaction transaction(database);
        insert(database, "web-1");
        CHECK(count(database) == 1);
    }
    CHECK(count(database) == 0);
    CHECK_THROWS_AS(
        [&] {
            Transaction transaction(database);
            insert(database, "web-1");
            insert(database, "web-1");
            transaction.commit();
        }(),
        base::Error);
    CHECK(count(database) == 0);
    Transaction transaction(database);
    insert(database, "web-1");
    transaction.commit();
    CHECK(count(database) == 1);
}

TEST_CASE("what was committed outlives the death of its process, what was not does not", "[law-7]") {
    const Fixture fixture;
    const pid_t child = ::fork();
    if (child == 0) {
        try {
            Database database = fixture.open();
            Transaction committed(database);
            insert(database, "kept");
            committed.commit();
            Transaction open(database);
            insert(database, "lost");
            ::kill(::getpid(), SIGKILL);
        } catch (...) {
        }
        ::_exit(1);
    }
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    REQUIRE(WIFSIGNALED(status));
    Database database = fixture.open();
    Statement names = database.prepare("SELECT name FROM node");
    REQUIRE(names.step());
    CHECK(names.text(0) == "kept");
    CHECK_FALSE(names.step());
}

TEST_CASE("a transaction that another one blocks is unavailable, not lost") {
    const Fixture fixture;
    Database first = fixture.open();
    Database second = fixture.open();
    second.execute("PRAGMA busy_timeout = 0");
    Transaction holds(first);
    CHECK(refusal(Fault::Unavailable, [&] { Transaction waits(second); }) ==
          "database '" + fixture.file.native() + "': database is locked, in 'BEGIN IMMEDIATE'");
    insert(first, "web-1");
    CHECK(count(second) == 0);
    holds.commit();
    CHECK(count(second) == 1);
}

TEST_CASE("a migration copies the file first and keeps the rows") {
    const Fixture fixture;
    {
        Database database = fixture.open();
        insert(database, "web-1");
    }
    CHECK_FALSE(std::filesystem::exists(fixture.file.native() + ".before-0"));
    {
        Database database = fixture.open({first_schema, second_schema, "CREATE TABLE run (id TEXT)"});
        Statement states = database.prepare("SELECT state FROM node");
        REQUIRE(states.step());
        CHECK(states.text(0) == "declared");
    }
    const std::filesystem::path copy = fixture.file.native() + ".before-1";
    struct stat status {};
    REQUIRE(::stat(copy.c_str(), &status) == 0);
    CHECK((status.st_mode & 07777u) == 0600u);
    Database before(copy, {first_schema});
    CHECK(count(before) == 1);
    CHECK(base::SystemFiles().list(fixture.directory.path()) ==
          std::vector<std::string>{"state.db", "state.db.before-1", "state.db.before-1-shm",
                                   "state.db.before-1-wal"});
}

TEST_CASE("a migration that fails leaves the schema before it, and its copy") {
    const Fixture fixture;
    { fixture.open(); }
    CHECK(refusal(Fault::Internal,
                  [&] {
                      fixture.open({first_schema, second_schema,
                                    "CREATE TABLE half (id TEXT); CREATE TABLE node (id)"});
                  }) ==
          "database '" + fixture.file.native() +
              "': table node already exists, in 'CREATE TABLE half (id TEXT); CREATE TABLE node (id)', "
              "while bringing its schema from 2 to 3");
    Database database = fixture.open({first_schema, second_schema});
    CHECK_THROWS_AS(database.prepare("SELECT * FROM half"), base::Error);
    CHECK(std::filesystem::exists(fixture.file.native() + ".before-1"));
}

TEST_CASE("a database that is newer than the program is refused and stays as it is") {
    const Fixture fixture;
    { fixture.open({first_schema, second_schema}); }
    CHECK(refusal(Fault::Input, [&] { fixture.open({first_schema}); }) ==
          "database '" + fixture.file.native() +
              "' has schema 2, but this program knows schema 1 at most; use a newer program");
    CHECK_NOTHROW(fixture.open({first_schema, second_schema}));
}

TEST_CASE("a file that is no database is refused and stays as it is") {
    const Fixture fixture;
    const std::string content(5000, 'x');
    std::ofstream(fixture.file) << content;
    CHECK(refusal(Fault::Corrupt, [&] { fixture.open(); }) ==
          "database '" + fixture.file.native() + "': file is not a database, in 'PRAGMA journal_mode = WAL'");
    CHECK(base::SystemFiles().read(fixture.file) == content);
    CHECK(refusal(Fault::NotFound, [&] { Database(fixture.directory.path() / "no/state.db", {}); }) ==
          "database '" + (fixture.directory.path() / "no/state.db").native() +
              "' cannot be opened: No such file or directory");
}

TEST_CASE("a statement is one statement") {
    const Fixture fixture;
    Database database = fixture.open();
    CHECK_NOTHROW(database.prepare("SELECT 1 ; \n"));
    CHECK(refusal(Fault::Internal, [&] { database.prepare("SELECT 1; DROP TABLE node"); }) ==
          "database '" + fixture.file.native() +
              "': 'SELECT 1; DROP TABLE node' is not exactly one statement");
    CHECK_THROWS_AS(database.prepare(""), base::Error);
    CHECK_THROWS_AS(database.prepare("SELEKT"), base::Error);
}
