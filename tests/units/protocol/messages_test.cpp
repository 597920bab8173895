// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "base/error.hpp"
#include "dispatcher/protocol/messages.hpp"
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

template <class Kind> Kind back(const protocol::Message& message) {
    const protocol::Message read = protocol::decode(protocol::encode(message));
    REQUIRE(std::holds_alternative<Kind>(read));
    return std::get<Kind>(read);
}

protocol::Hello hello() {
    protocol::Hello message{.program = "ctl-client 0.1.0",
                            .node = base::NodeName("web-1"),
                            .time = base::from_rfc3339("2026-11-20T12:00:00.000Z"),
                            .components = {}};
    message.components.emplace(
        base::ComponentName("shop/web"),
        protocol::ComponentState{"shop/1.0", base::sha256("x").str(), "settled", true, 3, true});
    return message;
}

} // namespace

TEST_CASE("hello and welcome read back as they were written") {
    const auto read = back<protocol::Hello>(hello());
    CHECK(read.version_min == protocol::version_min);
    CHECK(read.version_max == protocol::version_max);
    CHECK(read.program == "ctl-client 0.1.0");
    CHECK(read.node.str() == "web-1");
    CHECK(read.time == hello().time);
    REQUIRE(read.components.size() == 1);
    const auto& [name, state] = *read.components.begin();
    CHECK(name.str() == "shop/web");
    CHECK(state.release == "shop/1.0");
    CHECK(state.digest == base::sha256("x").str());
    CHECK(state.state == "settled");
    CHECK(state.drained);
    CHECK(state.generation == 3);
    CHECK(state.stopped);

    const auto welcome = back<protocol::Welcome>(
        protocol::Welcome{1, std::chrono::seconds(7), std::chrono::milliseconds(500), hello().time});
    CHECK(welcome.version == 1);
    CHECK(welcome.heartbeat == std::chrono::seconds(7));
    CHECK(welcome.backoff == std::chrono::milliseconds(500));
    CHECK(welcome.time == hello().time);
}

TEST_CASE("what a client holds reads back as it was written") {
    const protocol::Holding holding{hello().components};
    CHECK(back<protocol::Holding>(holding).components == holding.components);
}

TEST_CASE("the short messages read back as they were written") {
    CHECK(back<protocol::OrderSent>(protocol::OrderSent{"{\"id\": \"ä\\n\"}"}).text == "{\"id\": \"ä\\n\"}");
    CHECK(back<protocol::Received>(protocol::Received{"a"}).order == "a");
    CHECK(back<protocol::Reported>(protocol::Reported{"b"}).order == "b");
    back<protocol::Beat>(protocol::Beat{});
    const auto refused = back<protocol::Refused>(protocol::Refused{"dance", "no"});
    CHECK(refused.what == "dance");
    CHECK(refused.reason == "no");
    const protocol::Report report{.order = "c",
                                  .order_digest = base::sha256("t"),
                                  .ok = true,
                                  .code = "",
                                  .reason = "",
                                  .detail = base::Object{{"drained", true}}};
    CHECK(back<protocol::Report>(report).to_value() == report.to_value());
}

TEST_CASE("a message of an unknown kind is refused by name") {
    const protocol::Message message = protocol::decode(R"({"kind": "dance", "with": "me"})");
    REQUIRE(std::holds_alternative<protocol::Unknown>(message));
    const protocol::Refused refused = protocol::refusal(std::get<protocol::Unknown>(message));
    CHECK(refused.what == "dance");
    CHECK(refused.reason ==
          "kind of message 'dance' is unknown to this program, which speaks versions 1 to 1");
}

TEST_CASE("members that are not known are ignored, names written twice are refused") {
    CHECK(std::holds_alternative<protocol::Beat>(protocol::decode(R"({"kind": "beat", "mood": "good"})")));
    CHECK_THAT(message_of([] { protocol::decode(R"({"kind": "beat", "kind": "report"})"); }),
               Catch::Matchers::StartsWith("input: message:1: ") && Catch::Matchers::Contains("kind"));
}

TEST_CASE("what is no message is refused with what is wrong") {
    CHECK(message_of([] { protocol::decode(R"({"order": "x"})"); }) == "input: message: 'kind' is missing");
    CHECK(message_of([] { protocol::decode(R"({"kind": "received"})"); }) ==
          "input: message: 'order' is missing");
    CHECK_THAT(message_of([] { protocol::decode("[]"); }), Catch::Matchers::StartsWith("input: message: "));
    CHECK_THAT(
        message_of([] { protocol::decode(R"({"kind": "hello", "node": "../etc", "versions": [1, 1]})"); }),
        Catch::Matchers::StartsWith("input: ") && Catch::Matchers::Contains("../etc"));
    CHECK(message_of([] { protocol::decode(R"({"kind": "hello", "node": "a", "versions": [1]})"); }) ==
          "input: message:1: 'versions' must be a list of two numbers, lowest and highest");
    std::string deep;
    for (int i = 0; i < 100; ++i) {
        deep += "[";
    }
    CHECK_THAT(message_of([&] { protocol::decode(R"({"kind": "beat", "x": )" + deep); }),
               Catch::Matchers::StartsWith("input: "));
}

TEST_CASE("the highest version that both speak is taken") {
    CHECK(protocol::common_version(1, 1) == 1);
    CHECK(protocol::common_version(0, 9) == 1);
    CHECK_FALSE(protocol::common_version(2, 9).has_value());
    CHECK_FALSE(protocol::common_version(0, 0).has_value());
}
