// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "base/tls.hpp"

#include "base/descriptor.hpp"
#include "base/openssl.hpp"
#include "tests/refusal.hpp"

#include <openssl/ssl.h>

#include <sys/socket.h>

#include <array>
#include <atomic>
#include <stdexcept>
#include <thread>
#include <tuple>
#include <vector>

using base::Fault;
using base::Identity;
using base::TlsContext;
using base::TlsSession;
using tests::refusal;
using Status = base::TlsSession::Status;

namespace {

base::Time now() {
    return std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
}

constexpr std::chrono::hours day{24};
const base::NodeName web("web-prod-1");

/// A CA with a dispatcher and a node.
struct Fleet {
    base::CertificateAuthority authority = base::CertificateAuthority::create("shop", now() - 100 * day);
    Identity dispatcher = server_since(now());
    Identity node = node_since(now());

    Identity server_since(base::Time at, std::chrono::hours lifetime = day) const {
        const auto key = base::PrivateKey::generate(base::KeyKind::EcdsaP256);
        return {authority.sign_server(key.public_key(), "main", at, lifetime).pem, key.pem()};
    }
    Identity node_since(base::Time at) const {
        const auto key = base::PrivateKey::generate(base::KeyKind::EcdsaP256);
        return {authority.sign_node(base::make_certificate_request(key, web), web, at, day).pem, key.pem()};
    }
    const std::string& ca() const { return authority.certificate().pem; }
    const base::Digest& pin() const { return authority.certificate().fingerprint; }
    TlsContext server() const { return TlsContext::server(dispatcher, ca()); }
    TlsContext client(const std::optional<Identity>& identity = std::nullopt) const {
        return TlsContext::client(pin(), identity);
    }
};

std::pair<base::Descriptor, base::Descriptor> connected() {
    std::array<int, 2> ends{};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()) != 0) {
        throw std::runtime_error("no socket pair");
    }
    return {base::Descriptor(ends[0]), base::Descriptor(ends[1])};
}

/// Two connected non-blocking sockets, and a session on each; the test steps them in turn.
struct Pair {
    base::Descriptor near{-1};
    base::Descriptor far{-1};
    std::optional<TlsSession> server;
    std::optional<TlsSession> client;

    Pair(const TlsContext& serving, const TlsContext& asking) : Pair() {
        server.emplace(serving, near.get(), true);
        client.emplace(asking, far.get(), false);
    }
    Pair() { std::tie(near, far) = connected(); }
    void shake_hands() {
        Status asking = Status::WantRead;
        Status serving = Status::WantRead;
        for (int turn = 0; turn < 100 && (asking != Status::Done || serving != Status::Done); ++turn) {
            asking = client->handshake().status;
            serving = server->handshake().status;
        }
        REQUIRE(asking == Status::Done);
        REQUIRE(serving == Status::Done);
    }
    /// The refusal that the client meets, in its handshake or in what it reads after it.
    std::string client_refusal(Fault fault) {
        return refusal(fault, [&] {
            char buffer[16];
            for (int turn = 0; turn < 100; ++turn) {
                if (client->handshake().status == Status::Done) {
                    client->read(buffer);
                }
                quietly([&] { server->handshake(); });
            }
        });
    }
    std::string server_refusal(Fault fault) {
        return refusal(fault, [&] {
            for (int turn = 0; turn < 100; ++turn) {
                quietly([&] { client->handshake(); });
                server->handshake();
            }
        });
    }
    /// The other side fails as well, of course.
    template <class Doing> static void quietly(Doing doing) {
        try {
            doing();
        } catch (const base::Error&) {
        }
    }
};

/// What arrives at `to` when `text` is written to `from`, in turns.
std::string carried(TlsSession& from, TlsSession& to, std::string_view text) {
    std::string arrived;
    std::array<char, 5000> buffer{};
    std::string_view rest = text;
    for (int turn = 0; turn < 10'000 && arrived.size() < text.size(); ++turn) {
        const TlsSession::Progress sent = from.write(rest);
        rest.remove_prefix(sent.bytes);
        const TlsSession::Progress got = to.read(buffer);
        arrived.append(buffer.data(), got.bytes);
    }
    return arrived;
}

/// What the server sends in its first flight: much less when it takes up an earlier session, for then no
/// certificate goes over the wire.
std::size_t bytes_of_handshake(const TlsContext& serving, const TlsContext& asking) {
    Pair pair(serving, asking);
    pair.client->handshake();
    pair.server->handshake();
    std::array<char, 65536> flight{};
    const ssize_t got = ::recv(pair.far.get(), flight.data(), flight.size(), MSG_PEEK);
    REQUIRE(got > 0);
    pair.shake_hands();
    CHECK(carried(*pair.server, *pair.client, "ticket and text") == "ticket and text");
    CHECK(pair.server->peer()->node == web);
    CHECK(pair.client->peer().has_value());
    // It ends as when the dispatcher is killed: without a farewell.
    pair.server.reset();
    pair.near.reset();
    CHECK(refusal(Fault::Unavailable, [&] { pair.client->read(flight); }) ==
          "the TLS connection to the server broke off: closed without a farewell");
    return static_cast<std::size_t>(got);
}

/// A peer of our sessions that is plain OpenSSL.
struct Stranger {
    base::Handle<SSL_CTX, SSL_CTX_free> context;
    base::Handle<SSL, SSL_free> ssl;

    Stranger(const SSL_METHOD* method, int socket) : context(SSL_CTX_new(method)) {
        SSL_CTX_set_max_proto_version(context.get(), TLS1_2_VERSION);
        SSL_CTX_set_verify(context.get(), SSL_VERIFY_NONE, nullptr);
        ssl.reset(SSL_new(context.get()));
        SSL_set_fd(ssl.get(), socket);
    }
};

} // namespace

TEST_CASE("a node and the dispatcher know each other after the handshake") {
    const Fleet fleet;
    Pair pair(fleet.server(), fleet.client(fleet.node));
    CHECK_FALSE(pair.server->peer());
    pair.shake_hands();
    REQUIRE(pair.server->peer());
    CHECK(pair.server->peer()->node == web);
    CHECK(pair.server->peer()->pem == fleet.node.certificate_pem);
    REQUIRE(pair.client->peer());
    CHECK(pair.client->peer()->pem == fleet.dispatcher.certificate_pem);
    CHECK(carried(*pair.client, *pair.server, "hello") == "hello");
    CHECK(carried(*pair.server, *pair.client, "welcome") == "welcome");
}

TEST_CASE("a client without a certificate is let in as nobody") {
    const Fleet fleet;
    Pair pair(fleet.server(), fleet.client());
    pair.shake_hands();
    CHECK_FALSE(pair.server->peer());
    CHECK(carried(*pair.client, *pair.server, "enrol me") == "enrol me");
}

TEST_CASE("a megabyte passes in both directions through a socket that is often full") {
    const Fleet fleet;
    Pair pair(fleet.server(), fleet.client(fleet.node));
    pair.shake_hands();
    std::string text;
    for (int i = 0; text.size() < 1'000'000; ++i) {
        text += std::to_string(i) + " ";
    }
    CHECK((carried(*pair.client, *pair.server, text) == text));
    CHECK((carried(*pair.server, *pair.client, text) == text));
}

TEST_CASE("writing without a reader says when to come again, and then goes on") {
    const Fleet fleet;
    Pair pair(fleet.server(), fleet.client(fleet.node));
    pair.shake_hands();
    const std::string text(100'000, 'x');
    std::size_t sent = 0;
    Status status = Status::Done;
    for (int turn = 0; turn < 1000 && status == Status::Done; ++turn) {
        const auto progress = pair.client->write(text);
        status = progress.status;
        sent += progress.bytes;
    }
    CHECK(status == Status::WantWrite);
    CHECK(sent > 0);
    std::array<char, 65536> buffer{};
    std::size_t arrived = 0;
    for (int turn = 0; turn < 1000 && arrived < sent; ++turn) {
        arrived += pair.server->read(buffer).bytes;
        if (status == Status::WantWrite) {
            const auto progress = pair.client->write(text);
            status = progress.status;
            sent += progress.bytes;
        }
    }
    CHECK(status == Status::Done);
    CHECK(arrived == sent);
    CHECK(pair.server->read(buffer).status == Status::WantRead);
    CHECK(pair.server->read({}).status == Status::Done);
    CHECK(pair.server->write({}).status == Status::Done);
}

TEST_CASE("a server of another CA is refused, also when its CA has the same name") {
    const Fleet fleet;
    const Fleet other;
    Pair pair(other.server(), fleet.client());
    CHECK(pair.client_refusal(Fault::Denied) ==
          "the server's certificate is refused: it does not come with the pinned CA");
}

TEST_CASE("a server that adds the pinned CA to a certificate of another CA is refused") {
    const Fleet fleet;
    const Fleet other;
    Identity mixed = other.dispatcher;
    mixed.certificate_pem += fleet.ca();
    Pair pair(TlsContext::server(mixed, other.ca()), fleet.client());
    CHECK(pair.client_refusal(Fault::Denied).starts_with("the server's certificate is refused: "));
}

TEST_CASE("a node of another CA is refused, and learns it when it reads") {
    const Fleet fleet;
    const Fleet other;
    {
        Pair pair(fleet.server(), fleet.client(other.node));
        CHECK(pair.server_refusal(Fault::Denied).starts_with("the client's certificate is refused: "));
    }
    Pair pair(fleet.server(), fleet.client(other.node));
    CHECK(pair.client_refusal(Fault::Denied) ==
          "our certificate is refused by the server: tlsv1 alert unknown ca");
}

TEST_CASE("a certificate that has ended is refused on either side") {
    const Fleet fleet;
    {
        Pair pair(fleet.server(), fleet.client(fleet.node_since(now() - 2 * day)));
        CHECK(pair.server_refusal(Fault::Denied) ==
              "the client's certificate is refused: certificate has expired");
    }
    Pair pair(TlsContext::server(fleet.server_since(now() - 2 * day), fleet.ca()), fleet.client(fleet.node));
    CHECK(pair.client_refusal(Fault::Denied) ==
          "the server's certificate is refused: certificate has expired");
}

TEST_CASE("a node's certificate is refused as a server's, and a server's as a node's") {
    const Fleet fleet;
    {
        Pair pair(TlsContext::server(fleet.node, fleet.ca()), fleet.client());
        CHECK(pair.client_refusal(Fault::Denied) ==
              "the server's certificate is refused: it is not for this purpose");
    }
    Pair pair(fleet.server(), fleet.client(fleet.dispatcher));
    CHECK(pair.server_refusal(Fault::Denied) ==
          "the client's certificate is refused: it is not for this purpose");
}

TEST_CASE("a CA's certificate is neither a server's nor a node's") {
    const Fleet fleet;
    const Identity authority{fleet.ca(), fleet.authority.key_pem()};
    {
        Pair pair(TlsContext::server(authority, fleet.ca()), fleet.client());
        CHECK(pair.client_refusal(Fault::Denied) ==
              "the server's certificate is refused: it is not for this purpose");
    }
    Pair pair(fleet.server(), fleet.client(authority));
    CHECK(pair.server_refusal(Fault::Denied) ==
          "the client's certificate is refused: it is not for this purpose");
}

TEST_CASE("TLS 1.2 is refused on either side") {
    const Fleet fleet;
    {
        Pair pair;
        TlsSession server(fleet.server(), pair.near.get(), true);
        const Stranger old(TLS_client_method(), pair.far.get());
        CHECK(SSL_connect(old.ssl.get()) != 1);
        CHECK(refusal(Fault::Unavailable, [&] { server.handshake(); }) ==
              "the TLS connection to the client failed: unsupported protocol");
    }
    Pair pair;
    TlsSession client(fleet.client(), pair.near.get(), false);
    const Stranger old(TLS_server_method(), pair.far.get());
    CHECK(client.handshake().status == Status::WantRead);
    CHECK(SSL_accept(old.ssl.get()) != 1);
    CHECK(refusal(Fault::Unavailable, [&] { client.handshake(); }) ==
          "the TLS connection to the server failed: tlsv1 alert protocol version");
}

TEST_CASE("what is not TLS at all is a broken connection") {
    const Fleet fleet;
    Pair pair;
    TlsSession server(fleet.server(), pair.near.get(), true);
    REQUIRE(::send(pair.far.get(), "GET / HTTP/1.1\r\n\r\n", 18, 0) == 18);
    CHECK(refusal(Fault::Unavailable, [&] { server.handshake(); }) ==
          "the TLS connection to the client failed: http request");
    CHECK(refusal(Fault::Unavailable, [&] { server.handshake(); }) ==
          "the TLS connection to the client is broken already");
    server.close();
}

TEST_CASE("an orderly end reads as closed, a torn connection as an error") {
    const Fleet fleet;
    std::array<char, 16> buffer{};
    {
        Pair pair(fleet.server(), fleet.client(fleet.node));
        pair.shake_hands();
        pair.client->close();
        CHECK(pair.server->read(buffer).status == Status::Closed);
    }
    Pair pair(fleet.server(), fleet.client(fleet.node));
    pair.shake_hands();
    pair.client.reset();
    pair.far.reset();
    CHECK(refusal(Fault::Unavailable, [&] {
              for (int turn = 0; turn < 10; ++turn) {
                  pair.server->read(buffer);
              }
          }).starts_with("the TLS connection to the client broke off: "));
}

TEST_CASE("writing to a peer that has gone is an error and does not end the process") {
    const Fleet fleet;
    Pair pair(fleet.server(), fleet.client(fleet.node));
    pair.shake_hands();
    pair.client.reset();
    pair.far.reset();
    CHECK(refusal(Fault::Unavailable, [&] { pair.server->write(std::string_view("hello")); }) ==
          "the TLS connection to the client broke off: Broken pipe");
    pair.server->close();
}

TEST_CASE("a node whose connection was torn takes up its session with its certificate, and a new context "
          "begins anew") {
    const Fleet fleet;
    const TlsContext server = fleet.server();
    const TlsContext client = fleet.client(fleet.node);
    const std::size_t first = bytes_of_handshake(server, client);
    const std::size_t second = bytes_of_handshake(server, client);
    const std::size_t third = bytes_of_handshake(server, client);
    CHECK(second < first / 2);
    CHECK(third < first / 2);
    CHECK(bytes_of_handshake(server, fleet.client(fleet.node)) > first / 2);
    CHECK(bytes_of_handshake(fleet.server(), client) > first / 2);
}

TEST_CASE("two contexts serve sessions in several threads at once") {
    const Fleet fleet;
    const TlsContext server = fleet.server();
    const TlsContext client = fleet.client(fleet.node);
    std::atomic<int> good = 0;
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
        threads.emplace_back([&] {
            for (int turn = 0; turn < 5; ++turn) {
                const auto [near, far] = connected();
                TlsSession serving(server, near.get(), true);
                TlsSession asking(client, far.get(), false);
                Status asked = Status::WantRead;
                Status served = Status::WantRead;
                for (int step = 0; step < 10 && (asked != Status::Done || served != Status::Done); ++step) {
                    asked = asking.handshake().status;
                    served = serving.handshake().status;
                }
                const auto peer = serving.peer();
                good += carried(serving, asking, "text") == "text" && peer && peer->node == web ? 1 : 0;
            }
        });
    }
    for (std::thread& thread : threads) {
        thread.join();
    }
    CHECK(good == 20);
}

TEST_CASE("an identity whose key belongs to another certificate is refused") {
    const Fleet fleet;
    const Identity crossed{fleet.node.certificate_pem, fleet.dispatcher.key_pem};
    const std::string expected = "the private key of an identity does not belong to its certificate";
    CHECK(refusal(Fault::Input, [&] { TlsContext::server(crossed, fleet.ca()); }) == expected);
    CHECK(refusal(Fault::Input, [&] { TlsContext::client(fleet.pin(), crossed); }) == expected);
}

TEST_CASE("a session for the other side than its context is a defect that is found") {
    const Fleet fleet;
    const Pair pair;
    CHECK(refusal(Fault::Internal, [&] { TlsSession(fleet.server(), pair.near.get(), false); }) ==
          "a TLS session is for the other side than its context");
}
