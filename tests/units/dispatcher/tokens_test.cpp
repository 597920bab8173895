// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/auth/tokens.hpp"
#include "dispatcher/protocol/token.hpp"
#include "tests/refusal.hpp"
#include "tests/units/dispatcher/store.hpp"

using namespace dispatcher;
using base::Fault;

namespace {

const auth::Pins pins{base::sha256("ca"), {}, {}};
constexpr const char* not_valid =
    "token is not valid here: it is unknown, revoked, or no operator's token; get one with "
    "'tiercel token new --name NAME --scope SCOPE'";

} // namespace

TEST_CASE("an operator's token says who it is and what it may do") {
    tests::Store store;
    auth::Tokens tokens(store.database, pins);
    const auto now = tests::at("12:00:00");
    const auto issued = tokens.issue_operator("alice", auth::Scope::Operate, "", "token:admin", now);
    const auth::Caller caller = tokens.authenticate(issued.text, now);
    CHECK(caller.actor == "token:alice");
    CHECK(caller.scope == auth::Scope::Operate);
    CHECK_FALSE(caller.node);
    CHECK(tokens.issued_to("alice"));
    CHECK_FALSE(tokens.issued_to("bob"));
}

TEST_CASE("only the hash of a secret is stored", "[law-12]") {
    tests::Store store;
    auth::Tokens tokens(store.database, pins);
    const auto issued =
        tokens.issue_operator("alice", auth::Scope::Read, "", "token:admin", tests::at("12:00:00"));
    const std::string secret = protocol::Token::parse(issued.text).secret;
    store.database.execute("PRAGMA wal_checkpoint(TRUNCATE)");
    const std::string file = base::SystemFiles().read(store.directory.path() / "db");
    CHECK(file.find("alice") != std::string::npos);
    CHECK(file.find(secret) == std::string::npos);
    CHECK(base::to_hex(secret).size() == 128);
}

TEST_CASE("a token that is wrong in any way is refused in the same words") {
    tests::Store store;
    auth::Tokens tokens(store.database, pins);
    const auto now = tests::at("12:00:00");
    const auto refused = [&](const std::string& text) {
        return tests::refusal(Fault::Denied, [&] { tokens.authenticate(text, now); });
    };
    const auto issued = tokens.issue_operator("alice", auth::Scope::Admin, "", "token:admin", now);
    protocol::Token wrong = protocol::Token::parse(issued.text);
    wrong.secret = "0" + wrong.secret.substr(1) == wrong.secret ? "1" + wrong.secret.substr(1)
                                                                : "0" + wrong.secret.substr(1);
    CHECK(refused(wrong.text()) == not_valid);
    wrong = protocol::Token::parse(issued.text);
    wrong.id = "01J00000000000000000000000";
    CHECK(refused(wrong.text()) == not_valid);
    wrong.secret = "";
    CHECK(refused(wrong.text()) == not_valid);
    CHECK(refused("hunter2") == not_valid);
    CHECK(refused(tokens.issue_enrolment(base::NodeName("web-1"), "token:admin", now).text) == not_valid);
    tokens.revoke(issued.record.id, now);
    CHECK(refused(issued.text) == not_valid);
    CHECK(tests::refusal(Fault::NotFound, [&] { tokens.revoke("x", now); }) ==
          "token 'x' does not exist; see 'tiercel token list'");
}

TEST_CASE("an operator's name and scope are checked") {
    tests::Store store;
    auth::Tokens tokens(store.database, pins);
    CHECK_FALSE(tests::refusal(Fault::Input, [&] {
                    tokens.issue_operator("../x", auth::Scope::Read, "", "token:admin",
                                          tests::at("12:00:00"));
                }).empty());
    CHECK(tests::refusal(Fault::Input, [] { auth::scope_from("root"); }) ==
          "scope 'root' does not exist; it is read, operate or admin");
}

TEST_CASE("the list of tokens says in which state each is") {
    tests::Store store;
    auth::Tokens tokens(store.database, pins);
    const auto now = tests::at("12:00:00");
    const auto first = tokens.issue_operator("alice", auth::Scope::Read, "", "token:admin", now);
    const auto second =
        tokens.issue_enrolment(base::NodeName("web-1"), "token:alice", now + std::chrono::seconds(1));
    tokens.mark_used(second.record.id, now);
    const auto all = tokens.all();
    REQUIRE(all.size() == 2);
    CHECK(all[0].to_value(now) == base::Value(base::Object{{"id", first.record.id},
                                                           {"kind", "operator"},
                                                           {"name", "alice"},
                                                           {"scope", "read"},
                                                           {"role", nullptr},
                                                           {"state", "active"},
                                                           {"created", "2026-11-20T12:00:00.000Z"},
                                                           {"created_by", "token:admin"},
                                                           {"expires", nullptr}}));
    CHECK(all[1].to_value(now) == base::Value(base::Object{{"id", second.record.id},
                                                           {"kind", "enroll"},
                                                           {"node", "web-1"},
                                                           {"scope", nullptr},
                                                           {"role", nullptr},
                                                           {"state", "used"},
                                                           {"created", "2026-11-20T12:00:01.000Z"},
                                                           {"created_by", "token:alice"},
                                                           {"expires", "2026-11-21T12:00:01.000Z"}}));
}
