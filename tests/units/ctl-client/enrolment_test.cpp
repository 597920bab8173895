// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// Enrolment against a server that says what it is told to.
#include "ctl-client/enrolment.hpp"
#include "ctl-client/server_connection.hpp"
#include "dispatcher/protocol/token.hpp"
#include "rpm/signing_key.hpp"
#include "tests/fakes/http_server.hpp"
#include "tests/refusal.hpp"
#include "tests/units/ctl-client/node.hpp"

#include <sys/stat.h>

namespace {

using namespace ctl_client_tests;
using namespace std::chrono_literals;
using ctl_client::Identity;
using dispatcher::protocol::Token;

/// A dispatcher's keys and certificates, and what it answers.
struct Authority {
    base::Time now = base::SystemClock().now();
    base::CertificateAuthority ca = base::CertificateAuthority::create("test", now);
    base::PrivateKey server_key = base::PrivateKey::generate(base::KeyKind::EcdsaP256);
    base::PrivateKey release_key = base::PrivateKey::generate(base::KeyKind::Ed25519);
    rpm::SigningKey package_key =
        rpm::SigningKey::generate(base::KeyKind::Ed25519, 1690000000, "x <x@example.org>");

    base::TlsContext tls() const {
        const base::Certificate certificate = ca.sign_server(server_key.public_key(), "test", now, 24h);
        return base::TlsContext::server({certificate.pem, server_key.pem()}, ca.certificate().pem);
    }
    std::string token(const std::string& kind = "enroll") const {
        Token token;
        token.id = "01";
        token.secret = "secret";
        token.kind = kind;
        token.ca = ca.certificate().fingerprint;
        token.release_keys = {release_key.public_key().fingerprint()};
        token.package_keys = {base::sha256(package_key.certificate())};
        return token.text();
    }
    base::Object answer(const std::string& body) const {
        const base::Value request = base::parse_json(body, "request");
        const base::Certificate certificate =
            ca.sign_node(base::Fields(request, "request").text("request"), base::NodeName("web-1"), now, 24h);
        return {{"certificate", certificate.pem},
                {"ca", ca.certificate().pem},
                {"release_keys", std::vector<std::string>{release_key.public_key().pem()}},
                {"package_keys", std::vector<std::string>{package_key.certificate()}},
                {"node", "web-1"}};
    }
};

tests::HttpServer::Answer json(const base::Object& object, const std::string& status = "200 OK") {
    return tests::HttpServer::answer(status, base::to_json(object), "Content-Type: application/json\r\n");
}

} // namespace

TEST_CASE("a node enrols with a token: its key stays here, the keys that it pins are those of the token") {
    const Authority authority;
    const base::TemporaryDirectory directory;
    const ctl_client::StateDirectory state(directory.path() / "state");
    const tests::HttpServer server([&](const auto& request) { return json(authority.answer(request.body)); },
                                   authority.tls());
    const Identity identity = ctl_client::enroll(state, server.url("/"), authority.token(), "/srv/root");
    CHECK(identity.node == "web-1");
    const std::optional<Identity> loaded = Identity::load(state);
    REQUIRE(loaded);
    CHECK(loaded->enrolled());
    CHECK(loaded->root == "/srv/root");
    CHECK(loaded->ca == authority.ca.certificate().fingerprint);
    CHECK(loaded->release_keys.at(0).fingerprint() == authority.release_key.public_key().fingerprint());
    CHECK(loaded->package_keys.armored.at(0) == authority.package_key.certificate());
    CHECK(base::PrivateKey::from_pem(loaded->key_pem).public_key().kind() == base::KeyKind::EcdsaP256);
    struct stat status {};
    REQUIRE(::stat(Identity::key_file(state).c_str(), &status) == 0);
    CHECK((status.st_mode & 0777) == 0600);
    const std::string body = server.requests().at(0).body;
    CHECK(body.find("PRIVATE KEY") == std::string::npos);
    CHECK(body.find("CERTIFICATE REQUEST") != std::string::npos);
    CHECK(tests::refusal(base::Fault::Conflict, [&] {
              ctl_client::enroll(state, server.url("/"), authority.token(), "/");
          }).find("this node is enrolled as 'web-1' at") == 0);
}

TEST_CASE("an enrolment trusts nothing that does not agree with the token", "[law-11]") {
    const Authority authority;
    const Authority other;
    const base::TemporaryDirectory directory;
    const ctl_client::StateDirectory state(directory.path() / "state");
    const auto refusal = [&](base::Fault fault, const Authority& who,
                             const std::function<tests::HttpServer::Answer(const std::string&)>& answer,
                             const std::string& token) {
        const tests::HttpServer server([&](const auto& request) { return answer(request.body); }, who.tls());
        const std::string said =
            tests::refusal(fault, [&] { ctl_client::enroll(state, server.url("/"), token, "/"); });
        CHECK_FALSE(Identity::load(state));
        return said;
    };
    SECTION("another dispatcher") {
        CHECK(refusal(
                  base::Fault::Denied, other,
                  [&](const std::string& body) { return json(other.answer(body)); },
                  authority.token()) != "no error");
    }
    SECTION("another release key") {
        const auto answer = [&](const std::string& body) {
            base::Object object = authority.answer(body);
            object.set("release_keys", std::vector<std::string>{other.release_key.public_key().pem()});
            return json(object);
        };
        CHECK(refusal(base::Fault::Denied, authority, answer, authority.token())
                  .find("that the token does not name; nothing was trusted") != std::string::npos);
    }
    SECTION("another package key") {
        const auto answer = [&](const std::string& body) {
            base::Object object = authority.answer(body);
            object.set("package_keys", std::vector<std::string>{other.package_key.certificate()});
            return json(object);
        };
        CHECK(
            refusal(base::Fault::Denied, authority, answer, authority.token()).find("shows a package key") !=
            std::string::npos);
    }
    SECTION("a certificate of another node") {
        const auto answer = [&](const std::string& body) {
            base::Object object = authority.answer(body);
            object.set("node", "db-1");
            return json(object);
        };
        CHECK(refusal(base::Fault::Denied, authority, answer, authority.token())
                  .find("does not name node 'db-1'") != std::string::npos);
    }
    SECTION("a used token") {
        const auto answer = [](const std::string&) {
            return json({{"fault", "denied"}, {"message", "this token was used before"}}, "403 Forbidden");
        };
        CHECK(refusal(base::Fault::Denied, authority, answer, authority.token())
                  .find("refuses the enrolment: this token was used before") != std::string::npos);
    }
    SECTION("an operator's token") {
        CHECK(refusal(
                  base::Fault::Input, authority,
                  [&](const std::string& body) { return json(authority.answer(body)); },
                  authority.token("operator")) ==
              "this token is for an operator, not for a node; make one with: tiercel token new --node NAME");
    }
    CHECK(tests::refusal(base::Fault::Input, [&] { ctl_client::server_address("http://x/y"); }) ==
          "'http://x/y' is no address of a dispatcher; write host:port");
    CHECK(ctl_client::server_address("https://deploy.example/") == "deploy.example:8443");
    CHECK(ctl_client::server_address("127.0.0.1:9") == "127.0.0.1:9");
}
