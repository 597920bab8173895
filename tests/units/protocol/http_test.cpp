// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "base/error.hpp"
#include "dispatcher/protocol/http.hpp"
#include "tests/catch.hpp"

#include <string>

namespace protocol = dispatcher::protocol;

namespace {

std::string message_of(auto&& act) {
    try {
        act();
    } catch (const base::Error& error) {
        return std::string(base::word(error.fault())) + ": " + error.message();
    }
    return "nothing was refused";
}

std::string refusal_of(std::string text) {
    return message_of([&] { protocol::take_request_head(text); });
}

} // namespace

TEST_CASE("a request's head is taken from the front wherever the stream is cut") {
    const std::string head =
        protocol::request_head("POST", "/v1/enroll", "dispatcher:8443", {{"Authorization", "Bearer x"}}, 2);
    const std::string stream = head + "{}GET ";
    for (std::size_t cut = 0; cut <= stream.size(); ++cut) {
        CAPTURE(cut);
        std::string buffer = stream.substr(0, cut);
        auto taken = protocol::take_request_head(buffer);
        REQUIRE(taken.has_value() == (cut >= head.size()));
        buffer += stream.substr(cut);
        if (!taken) {
            taken = protocol::take_request_head(buffer);
        }
        REQUIRE(taken);
        REQUIRE(taken->method == "POST");
        REQUIRE(taken->target == "/v1/enroll");
        REQUIRE(taken->content_length == 2U);
        REQUIRE(taken->keep_alive);
        REQUIRE_FALSE(taken->upgrade);
        REQUIRE(taken->find("authorization") != nullptr);
        REQUIRE(*taken->find("authorization") == "Bearer x");
        REQUIRE(taken->find("Authorization") == nullptr);
        REQUIRE(buffer == "{}GET ");
    }
}

TEST_CASE("an upgrade is seen on both sides") {
    std::string request = protocol::request_head("GET", "/v1/link", "x",
                                                 {{"Connection", "Upgrade"}, {"Upgrade", "tiercel/1"}}, {});
    const auto asked = protocol::take_request_head(request);
    REQUIRE(asked);
    CHECK(asked->upgrade);
    CHECK(*asked->find("upgrade") == "tiercel/1");
    std::string answer =
        protocol::response_head(101, {{"Connection", "Upgrade"}, {"Upgrade", "tiercel/1"}}, {});
    CHECK(answer.substr(0, answer.find('\r')) == "HTTP/1.1 101 Switching Protocols");
    answer += "frame";
    const auto answered = protocol::take_response_head(answer);
    REQUIRE(answered);
    CHECK(answered->status == 101);
    CHECK(answered->upgrade);
    CHECK(answer == "frame");
}

TEST_CASE("an answer says its status, its length and whether the connection stays") {
    std::string text = protocol::response_head(404, {{"Content-Type", "application/json"}}, 7, false);
    const auto head = protocol::take_response_head(text);
    REQUIRE(head);
    CHECK(head->status == 404);
    CHECK(head->content_length == 7U);
    CHECK_FALSE(head->keep_alive);
}

TEST_CASE("what is not a request head is refused") {
    CHECK_THAT(refusal_of("HELLO\r\n\r\n"),
               Catch::Matchers::StartsWith("input: head of the message is not HTTP/1.1"));
    CHECK(refusal_of("GET / HTTP/1.0\r\n\r\n") ==
          "input: message is of HTTP version 10, but only 1.1 is spoken");
    CHECK_THAT(refusal_of("GET / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n"),
               Catch::Matchers::StartsWith("input: "));
    CHECK_THAT(refusal_of("GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n"),
               Catch::Matchers::StartsWith("input: "));
    CHECK_THAT(refusal_of("GET / HTTP/1.1\r\nBad Name: 1\r\n\r\n"), Catch::Matchers::StartsWith("input: "));
    CHECK(refusal_of("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n") ==
          "input: body of the request is sent in chunks; send its Content-Length");
    CHECK_THAT(refusal_of("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n"),
               Catch::Matchers::StartsWith("input: "));
}

TEST_CASE("a field that says twice who asks, where, or how much is refused") {
    CHECK_THAT(refusal_of("POST / HTTP/1.1\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\n"),
               Catch::Matchers::StartsWith("input: head of the "));
    CHECK(refusal_of("GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer a\r\nauthorization: Bearer "
                     "b\r\n\r\n") ==
          "input: head of the request has the field 'authorization' more than once; send one");
    CHECK(refusal_of("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n") ==
          "input: head of the request has the field 'host' more than once; send one");
    CHECK(refusal_of("GET / HTTP/1.1\r\nX: a\r\nX: b\r\n\r\n") == "nothing was refused");
}

TEST_CASE("an oversized head is refused, complete or not") {
    const std::string open = "GET / HTTP/1.1\r\nX: " + std::string(protocol::max_head_bytes, 'x');
    CHECK(refusal_of(open) == "input: head of the message is larger than 16384 bytes");
    CHECK(refusal_of(open + "\r\n\r\n") == "input: head of the message is larger than 16384 bytes");
}

TEST_CASE("chunks are written as HTTP wants them") {
    CHECK(protocol::chunk(std::string(16, 'x')) == "10\r\n" + std::string(16, 'x') + "\r\n");
    CHECK(protocol::last_chunk == "0\r\n\r\n");
}
