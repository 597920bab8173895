// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "base/error.hpp"
#include "base/json.hpp"
#include "dispatcher/protocol/orders.hpp"
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

std::string announcing(std::size_t size) {
    std::string head;
    for (const int shift : {24, 16, 8, 0}) {
        head.push_back(static_cast<char>((size >> shift) & 0xffU));
    }
    return head;
}

protocol::Order order() {
    return {.id = "01J00000000000000000000001",
            .run = "01J00000000000000000000000",
            .epoch = 7,
            .expires = base::from_rfc3339("2026-11-20T12:00:00.000Z"),
            .component = "shop/web",
            .kind = "apply",
            .body = base::Object{{"desired_digest", "sha256:00"}, {"present", nullptr}}};
}

} // namespace

TEST_CASE("frames come out whole wherever the stream is cut") {
    const std::string first = R"({"kind":"beat"})";
    const std::string second = R"({"kind":"refused","what":"x","reason":"y"})";
    const std::string stream = protocol::frame(first) + protocol::frame(second);
    for (std::size_t cut = 0; cut <= stream.size(); ++cut) {
        protocol::FrameReader reader;
        std::vector<std::string> got;
        for (const std::string& part : {stream.substr(0, cut), stream.substr(cut)}) {
            reader.add(part);
            while (auto json = reader.next()) {
                got.push_back(*json);
            }
        }
        CAPTURE(cut);
        REQUIRE(got == std::vector<std::string>{first, second});
        REQUIRE(reader.empty());
    }
}

TEST_CASE("frames come out whole when the bytes arrive one by one") {
    protocol::FrameReader reader;
    std::vector<std::string> got;
    for (const char byte : protocol::frame("{}") + protocol::frame("") + protocol::frame("[1]")) {
        reader.add(std::string_view(&byte, 1));
        while (auto json = reader.next()) {
            got.push_back(*json);
        }
    }
    CHECK(got == std::vector<std::string>{"{}", "", "[1]"});
}

TEST_CASE("a frame that announces more than 1 MiB is refused before its bytes are waited for") {
    protocol::FrameReader reader;
    reader.add(announcing(protocol::max_frame_bytes + 1));
    CHECK(message_of([&] { reader.next(); }) ==
          "corrupt: frame announces 1048577 bytes, but at most 1048576 are allowed");
    protocol::FrameReader fits;
    fits.add(announcing(protocol::max_frame_bytes));
    CHECK_FALSE(fits.next().has_value());
}

TEST_CASE("a message that does not fit into a frame is not sent") {
    CHECK(message_of([] { protocol::frame(std::string(protocol::max_frame_bytes + 1, ' ')); }) ==
          "input: message of 1048577 bytes is larger than a frame of 1048576 bytes can carry");
    CHECK(protocol::frame(std::string(protocol::max_frame_bytes, ' ')).size() ==
          protocol::max_frame_bytes + 4);
}

TEST_CASE("an order reads back as it was written, and its text is stable") {
    const std::string text = order().text();
    CHECK(text == R"({"id":"01J00000000000000000000001","run":"01J00000000000000000000000","epoch":7,)"
                  R"("expires":"2026-11-20T12:00:00.000Z","component":"shop/web","kind":"apply",)"
                  R"("body":{"desired_digest":"sha256:00","present":null}})");
    CHECK(protocol::Order::parse(text).text() == text);
}

TEST_CASE("each kind of order is known to both sides") {
    for (const char* kind : {"prepare", "drain", "apply", "restart", "probe", "undrain", "undo", "settle",
                             "stop", "start", "command", "cancel", "measure"}) {
        protocol::Order one = order();
        one.kind = kind;
        CHECK(protocol::Order::parse(one.text()).kind == kind);
    }
}

TEST_CASE("an order of an unknown kind is refused by name") {
    protocol::Order strange = order();
    strange.kind = "format-disk";
    CHECK(message_of([&] { protocol::Order::parse(strange.text()); }) ==
          "input: order:1: kind of order 'format-disk' is unknown to this program");
}

TEST_CASE("an order with a name twice is refused") {
    CHECK_THAT(message_of([] { protocol::Order::parse(R"({"id":"a","id":"b"})"); }),
               Catch::Matchers::StartsWith("input: order:1: "));
}

TEST_CASE("an order for something that is no component is refused") {
    protocol::Order strange = order();
    strange.component = "shop";
    CHECK_THAT(message_of([&] { protocol::Order::parse(strange.text()); }),
               Catch::Matchers::StartsWith("input: ") && Catch::Matchers::Contains("component"));
}

TEST_CASE("a report reads back as it was written") {
    const protocol::Report report{.order = "01J00000000000000000000001",
                                  .order_digest = base::sha256("text"),
                                  .ok = false,
                                  .code = "refused",
                                  .reason = "epoch 6 is older than 7",
                                  .detail = base::Object{{"present", "sha256:00"}}};
    CHECK(protocol::Report::from_value(report.to_value()).to_value() == report.to_value());
    base::Value without = report.to_value();
    auto& members = without.object()->members;
    members.erase(members.begin() + 2);
    CHECK(message_of([&] { protocol::Report::from_value(without); }) == "input: report: 'ok' is missing");
}
