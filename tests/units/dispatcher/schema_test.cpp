// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/auth/tokens.hpp"
#include "dispatcher/runs/once_commands.hpp"
#include "dispatcher/runs/run_records.hpp"
#include "dispatcher/runs/standings.hpp"
#include "tests/catch.hpp"
#include "tests/refusal.hpp"
#include "tests/units/dispatcher/store.hpp"

using namespace dispatcher;

TEST_CASE("a database of the version before policies keeps its runs, tokens and what runs left behind",
          "[law-7]") {
    base::TemporaryDirectory directory;
    {
        base::Database old(directory.path() / "db", {runs::schema().front()});
        old.execute(R"sql(
INSERT INTO runs (id, kind, environment, application, release, release_given, workflow, params, actor, state, epoch, outcome, created)
VALUES ('01A', 'deploy', 'prod', 'shop', 'shop/1.0', 1, 'rolling', '{}', 'token:alice', 'ended', 1, 'stopped', '2026-11-20T12:00:00.000Z'),
       ('01B', 'deploy', 'prod', 'shop', 'shop/2.0', 1, 'rolling', '{}', 'token:alice', 'ended', 2, 'stopped', '2026-11-20T13:00:00.000Z');
INSERT INTO targets VALUES ('01A', 'shop/web', 'web-1', 0, 'failed', ''), ('01A', 'shop/web', 'web-2', 0, 'failed', ''),
       ('01A', 'shop/web', 'web-3', 0, 'updated', ''),
       ('01B', 'shop/web', 'web-1', 0, 'updated', ''), ('01B', 'shop/web', 'web-2', 0, 'not_started', ''),
       ('01B', 'shop/web', 'web-3', 0, 'lost', '');
INSERT INTO tokens (id, kind, name, scope, secret, created, created_by)
VALUES ('01T', 'operator', 'alice', 'operate', 'x', '2026-11-20T12:00:00.000Z', 'dispatcher');
)sql");
    }
    base::Database database(directory.path() / "db", runs::schema());
    const runs::RunRecord run = runs::RunRecords(database).find("01B");
    CHECK(run.outcome == "stopped");
    CHECK_FALSE(run.starts);
    CHECK_FALSE(run.retries);
    CHECK_FALSE(run.retry_target);
    CHECK(auth::Tokens(database, {base::sha256("ca"), {}, {}}).all().at(0).role.empty());
    std::string out;
    for (const auto& target : runs::Standings(database).out("prod")) {
        out += target.str() + "; ";
    }
    // web-1 was mended by the later run, which did not come to web-2.
    CHECK(out == "shop/web on web-2; shop/web on web-3; ");
}

TEST_CASE("what was irreversible in a database whose story alone knew it is known on", "[law-7][law-9]") {
    base::TemporaryDirectory directory;
    {
        base::Database old(directory.path() / "db", {runs::schema().begin(), runs::schema().begin() + 3});
        old.execute(R"sql(
INSERT INTO runs (id, kind, environment, application, release, release_given, workflow, params, actor, state, epoch, outcome, created)
VALUES ('01A', 'deploy', 'prod', 'shop', 'shop/1.0', 1, 'rolling', '{}', 'token:alice', 'ended', 1, 'succeeded', '2026-11-20T12:00:00.000Z'),
       ('01B', 'deploy', 'prod', 'shop', 'shop/2.0', 1, 'rolling', '{}', 'token:alice', 'ended', 2, 'succeeded', '2026-11-20T13:00:00.000Z');
INSERT INTO notes (time, run, message, level, actor, target, fields)
VALUES ('2026-11-20T13:00:00.000Z', '01B', 'no way back from here', 'info', 'node:db-1', 'shop/db on db-1', '{"command":"drop"}');
)sql");
    }
    base::Database database(directory.path() / "db", runs::schema());
    const auto crossed = runs::OnceCommands(database).crossed("prod", "shop", "shop/1.0");
    REQUIRE(crossed);
    CHECK(crossed->what == "command 'drop' of shop/db on db-1, in run 01B (shop/2.0)");
    CHECK(crossed->known);
    CHECK(runs::OnceCommands(database).of("01B").empty());
}

TEST_CASE("an upgrade waits for the runs under way, and leaves the state of the version before as it is",
          "[law-7]") {
    base::TemporaryDirectory directory;
    const auto file = directory.path() / "db";
    const std::vector<std::string_view> before(runs::schema().begin(), runs::schema().end() - 1);
    const auto run_is = [&](const std::string& state) {
        base::Database old(file, before);
        old.execute(
            "DELETE FROM runs; INSERT INTO runs (id, kind, environment, application, release, release_given, "
            "workflow, params, actor, state, epoch, created) VALUES ('01A', 'deploy', 'prod', 'shop', "
            "'shop/1.0', 1, 'rolling', '{}', 'token:alice', '" +
            state + "', 1, '2026-11-20T12:00:00.000Z')");
    };
    run_is("running");
    CHECK(
        tests::refusal(base::Fault::Input,
                       [&] { base::Database(file, runs::schema(), runs::require_no_run_under_way); }) ==
        "the state is of the version before, and run '01A' is under way in it, which would go on by other "
        "rules "
        "than it began with; start the version before again, let the run end or cancel it, and upgrade then");
    CHECK_FALSE(std::filesystem::exists(file.native() + ".before-" + std::to_string(before.size())));
    run_is("queued"); // and the version before can still read it
    base::Database upgraded(file, runs::schema(), runs::require_no_run_under_way);
    CHECK(runs::RunRecords(upgraded).find("01A").state == "queued");
}
