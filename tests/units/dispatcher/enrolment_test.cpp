// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/nodes/enrolment.hpp"
#include "dispatcher/protocol/token.hpp"
#include "tests/refusal.hpp"
#include "tests/units/dispatcher/store.hpp"

using namespace dispatcher;
using base::Fault;

namespace {

const base::NodeName web("web-1");

struct House {
    tests::Store store;
    base::SystemFiles files;
    base::Time now = tests::at("12:00:00");
    nodes::Authority authority = nodes::Authority::open(store.directory.path() / "ca", files, now);
    auth::Tokens tokens{store.database,
                        {authority.pin(), {base::sha256("release")}, {base::sha256("package")}}};
    nodes::Inventory inventory{store.database};

    std::string request() const {
        return base::make_certificate_request(base::PrivateKey::generate(base::KeyKind::EcdsaP256), web);
    }
    base::Certificate enroll(const std::string& token, const std::string& request, base::Time at) {
        return nodes::enroll(store.database, tokens, inventory, authority, token, request, at);
    }
};

} // namespace

TEST_CASE("a one-time token enrols the node that it was made for, whatever name the request wishes") {
    House house;
    const std::string token =
        house.tokens.issue_enrolment(base::NodeName("db-1"), "token:admin", house.now).text;
    CHECK(protocol::Token::parse(token).ca == house.authority.pin());
    CHECK(protocol::Token::parse(token).release_keys == std::vector{base::sha256("release")});
    const base::Certificate certificate = house.enroll(token, house.request(), house.now);
    REQUIRE(certificate.node);
    CHECK(certificate.node->str() == "db-1");
    CHECK(house.inventory.admit(certificate).str() == "db-1");
    CHECK(house.inventory.find(base::NodeName("db-1"))->state == "enrolled");
}

TEST_CASE("a token enrols once; the same request gets the same certificate again when the answer was lost",
          "[law-7]") {
    House house;
    const std::string token = house.tokens.issue_enrolment(web, "token:admin", house.now).text;
    const std::string request = house.request();
    const base::Certificate first = house.enroll(token, request, house.now);
    CHECK(house.enroll(token, request, house.now).pem == first.pem);
    CHECK(tests::refusal(Fault::Denied, [&] { house.enroll(token, house.request(), house.now); }) ==
          "token for node 'web-1' is used; get a new one with 'tiercel token new --node web-1'");
    CHECK(house.inventory.admit(first) == web);
}

TEST_CASE("a token that is expired, revoked, foreign or an operator's enrols nobody") {
    House house;
    const auto token = house.tokens.issue_enrolment(web, "token:admin", house.now);
    CHECK(tests::refusal(Fault::Denied, [&] {
              house.enroll(token.text, house.request(), house.now + std::chrono::hours(24));
          }) == "token for node 'web-1' is expired; get a new one with 'tiercel token new --node web-1'");
    house.tokens.revoke(token.record.id, house.now);
    CHECK(tests::refusal(Fault::Denied, [&] { house.enroll(token.text, house.request(), house.now); }) ==
          "token for node 'web-1' is revoked; get a new one with 'tiercel token new --node web-1'");
    const std::string no_use =
        "token is not valid here for an enrolment; get one with 'tiercel token new --node NAME'";
    House other;
    const std::string foreign = other.tokens.issue_enrolment(web, "token:admin", house.now).text;
    CHECK(tests::refusal(Fault::Denied, [&] { house.enroll(foreign, house.request(), house.now); }) ==
          no_use);
    const std::string operators =
        house.tokens.issue_operator("alice", auth::Scope::Admin, "", "token:admin", house.now).text;
    CHECK(tests::refusal(Fault::Denied, [&] { house.enroll(operators, house.request(), house.now); }) ==
          no_use);
    CHECK_FALSE(house.inventory.find(web));
}

TEST_CASE("a malformed request uses no token up") {
    House house;
    const std::string token = house.tokens.issue_enrolment(web, "token:admin", house.now).text;
    CHECK_FALSE(tests::refusal(Fault::Input, [&] { house.enroll(token, "no request", house.now); }).empty());
    CHECK(house.enroll(token, house.request(), house.now).node == web);
}

TEST_CASE("a machine that is enrolled anew replaces its old certificate") {
    House house;
    const base::Certificate first = house.enroll(
        house.tokens.issue_enrolment(web, "token:admin", house.now).text, house.request(), house.now);
    const base::Certificate second =
        house.enroll(house.tokens.issue_enrolment(web, "token:admin", house.now).text, house.request(),
                     tests::at("12:30:00"));
    CHECK(house.inventory.admit(second) == web);
    CHECK(tests::refusal(Fault::Denied, [&] { house.inventory.admit(first); }) ==
          "certificate " + first.serial +
              " of node 'web-1' is revoked since 2026-11-20T12:30:00.000Z (replaced); enrol the node anew");
}

TEST_CASE("a revoked node is refused, and so is a certificate that was never given out here") {
    House house;
    const base::Certificate certificate = house.enroll(
        house.tokens.issue_enrolment(web, "token:admin", house.now).text, house.request(), house.now);
    house.inventory.revoke(web, "lost", house.now);
    CHECK(tests::refusal(Fault::Denied, [&] { house.inventory.admit(certificate); }) ==
          "certificate " + certificate.serial +
              " of node 'web-1' is revoked since 2026-11-20T12:00:00.000Z (lost); enrol the node anew");
    CHECK(house.inventory.find(web)->state == "revoked");
    const base::Certificate unknown = house.authority.sign(house.request(), web, house.now);
    CHECK(tests::refusal(Fault::Denied, [&] { house.inventory.admit(unknown); }) ==
          "certificate " + unknown.serial + " is not known here; enrol the node anew");
    CHECK(tests::refusal(Fault::NotFound, [&] {
              house.inventory.revoke(base::NodeName("db-1"), "x", house.now);
          }) == "node 'db-1' was never enrolled; see 'tiercel node list'");
}
