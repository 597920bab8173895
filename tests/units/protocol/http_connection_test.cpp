// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "base/certificate.hpp"
#include "base/error.hpp"
#include "dispatcher/protocol/http_connection.hpp"
#include "tests/catch.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/address_v4.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include <string>

namespace asio = boost::asio;
namespace protocol = dispatcher::protocol;
using namespace std::chrono_literals;
using asio::ip::tcp;
using protocol::HttpConnection;
using protocol::Task;
using protocol::TlsStream;

namespace {

constexpr std::chrono::seconds ample{20};
constexpr std::chrono::milliseconds step{10};
/// One byte a step takes much longer than a message may take, but no single wait does.
constexpr HttpConnection::Patience short_patience{ample, 200ms};

base::Time now() {
    return std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
}

Task<void> pause() {
    asio::steady_timer timer(co_await asio::this_coro::executor, step);
    co_await timer.async_wait(asio::use_awaitable);
}

/// Two ends of one connection over the loopback, and what each side's coroutine says at its end.
class Wire {
public:
    Wire() {
        const auto key = base::PrivateKey::generate(base::KeyKind::EcdsaP256);
        const auto certificate = authority_.sign_server(key.public_key(), "dispatcher", now(), 24h);
        serving_.emplace(
            base::TlsContext::server({certificate.pem, key.pem()}, authority_.certificate().pem));
        tcp::acceptor acceptor(context_, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
        far.connect(acceptor.local_endpoint());
        server.emplace(acceptor.accept(), *serving_, true);
    }

    /// Runs both until they end; what the server's side threw, or "".
    std::string run(Task<void> serve, Task<void> ask) {
        std::string said;
        asio::co_spawn(context_, std::move(serve), [&](const std::exception_ptr& thrown) {
            said = message_of(thrown);
            server->close();
        });
        asio::co_spawn(context_, std::move(ask), asio::detached);
        context_.run();
        return said;
    }
    base::TlsContext asking() const {
        return base::TlsContext::client(authority_.certificate().fingerprint, std::nullopt);
    }

private:
    static std::string message_of(const std::exception_ptr& thrown) {
        try {
            if (thrown) {
                std::rethrow_exception(thrown);
            }
        } catch (const base::Error& error) {
            return std::string(base::word(error.fault())) + ": " + error.message();
        }
        return "";
    }

    base::CertificateAuthority authority_ = base::CertificateAuthority::create("shop", now());
    std::optional<base::TlsContext> serving_;
    asio::io_context context_{1};

public:
    tcp::socket far{context_};
    std::optional<TlsStream> server;
};

/// Shakes hands and sends `text` a byte a step, until nobody takes it any more.
Task<void> trickle(Wire& wire, std::string text) {
    const base::TlsContext context = wire.asking();
    TlsStream client(std::move(wire.far), context, false);
    co_await client.handshake(ample);
    for (std::size_t at = 0; at < text.size(); ++at) {
        co_await client.write_all(std::string_view(text).substr(at, 1), ample);
        co_await pause();
    }
}

Task<void> trickle_plain(Wire& wire, std::string text) {
    for (std::size_t at = 0; at < text.size(); ++at) {
        boost::system::error_code error;
        co_await asio::async_write(wire.far, asio::buffer(text.data() + at, 1),
                                   asio::redirect_error(asio::use_awaitable, error));
        if (error) {
            co_return;
        }
        co_await pause();
    }
    wire.far.close();
}

Task<void> shake_hands(Wire& wire) {
    co_await wire.server->handshake(200ms);
}

Task<void> read_head(Wire& wire) {
    co_await wire.server->handshake(ample);
    HttpConnection connection(*wire.server);
    co_await connection.request(short_patience);
}

Task<void> read_body(Wire& wire) {
    co_await wire.server->handshake(ample);
    HttpConnection connection(*wire.server);
    co_await connection.body(1000, 1000, short_patience.whole);
}

Task<void> read_frame(Wire& wire) {
    co_await wire.server->handshake(ample);
    HttpConnection connection(*wire.server);
    co_await connection.frame(short_patience);
}

} // namespace

TEST_CASE("a message that comes a byte at a time is given up when its time is over",
          "[complaint: slow loris]") {
    Wire wire;
    SECTION("a TLS handshake") {
        // The beginning of a ClientHello of 512 bytes.
        const std::string hello = std::string("\x16\x03\x01\x02\x00\x01", 6) + std::string(400, '\x01');
        CHECK(wire.run(shake_hands(wire), trickle_plain(wire, hello)) ==
              "unavailable: the other side did not shake hands in time");
    }
    SECTION("a request's head") {
        CHECK(wire.run(read_head(wire), trickle(wire, "GET / HTTP/1.1\r\nX: " + std::string(400, 'x'))) ==
              "unavailable: the other side did not send in time");
    }
    SECTION("a request's body") {
        CHECK(wire.run(read_body(wire), trickle(wire, std::string(400, 'x'))) ==
              "unavailable: the other side did not send in time");
    }
    SECTION("a frame") {
        CHECK(wire.run(read_frame(wire), trickle(wire, protocol::frame(std::string(400, ' ')))) ==
              "unavailable: the other side did not send in time");
    }
}

namespace {

const std::string next_request = "GET /v1/status HTTP/1.1\r\nHost: x\r\n\r\n";

Task<void> say_and_leave(Wire& wire, std::string text) {
    const base::TlsContext context = wire.asking();
    TlsStream client(std::move(wire.far), context, false);
    co_await client.handshake(ample);
    co_await client.write_all(text, ample);
    co_await pause();
    client.close();
}

Task<void> await_end(Wire& wire, std::string& target) {
    co_await wire.server->handshake(ample);
    HttpConnection connection(*wire.server);
    const auto until = std::chrono::steady_clock::now() + ample;
    while (!connection.ended()) {
        if (std::chrono::steady_clock::now() > until) {
            throw base::Error(base::Fault::Unavailable, "nobody noticed that the other side has closed");
        }
        co_await pause();
    }
    const HttpConnection::Patience patience{ample, ample};
    const auto head = co_await connection.request(patience);
    target = head ? head->target : "none";
}

} // namespace

TEST_CASE("the orderly end of the other side is seen without waiting, and what it said before is not lost") {
    Wire wire;
    std::string target;
    CHECK(wire.run(await_end(wire, target), say_and_leave(wire, next_request)) == "");
    CHECK(target == "/v1/status");
}

namespace {

constexpr std::size_t body_bytes = 8U << 20;

Task<void> refuse(Wire& wire) {
    co_await wire.server->handshake(ample);
    HttpConnection connection(*wire.server);
    const HttpConnection::Patience patience{ample, ample};
    co_await connection.request(patience);
    co_await wire.server->write_all("too large", ample);
    co_await wire.server->linger(2 * body_bytes, ample);
}

/// As many programs do: all of the request first, then the answer.
Task<void> send_all_then_read(Wire& wire, std::string& answer) {
    const base::TlsContext context = wire.asking();
    TlsStream client(std::move(wire.far), context, false);
    co_await client.handshake(ample);
    const std::string request =
        protocol::request_head("POST", "/v1/runs", "x", {}, body_bytes) + std::string(body_bytes, 'x');
    co_await client.write_all(request, ample);
    std::array<char, 100> bytes;
    while (const std::size_t count = co_await client.read_some(bytes, ample)) {
        answer.append(bytes.data(), count);
    }
}

} // namespace

TEST_CASE("an answer that overtakes a large request is still read") {
    Wire wire;
    std::string answer;
    CHECK(wire.run(refuse(wire), send_all_then_read(wire, answer)) == "");
    CHECK(answer == "too large");
}
