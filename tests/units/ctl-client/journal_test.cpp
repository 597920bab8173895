// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "tests/refusal.hpp"
#include "tests/units/ctl-client/node.hpp"

namespace {

using namespace ctl_client_tests;
using namespace std::chrono_literals;

} // namespace

TEST_CASE("an order that comes twice is carried out once and gets the recorded report", "[law-6]") {
    Node node;
    const std::string envelope = node.release("shop/1.0", shop("1.0"));
    REQUIRE(node.prepare(envelope).ok);
    const Order order = node.make_order("apply", node.apply_body(envelope));
    const Report first = node.send(order);
    REQUIRE(first.ok);
    CHECK(node.packages.transactions == 1);
    CHECK(node.send(order).to_value() == first.to_value());
    node.executor().journal().acknowledge(order.id);
    node.restart_client();
    CHECK(node.send(order).to_value() == first.to_value());
    CHECK(node.packages.transactions == 1);
    CHECK(first.order_digest == base::sha256(order.text()));
}

TEST_CASE("another text under the id of an earlier order is refused and changes nothing", "[law-6]") {
    Node node;
    Order order = node.make_order("drain", {});
    const Report first = node.send(order);
    order.kind = "undrain";
    const auto refused = node.executor().journal().receive(order.text(), node.clock.now());
    REQUIRE(refused);
    CHECK(refused->code == "refused");
    CHECK(refused->reason ==
          fmt::format("order '{}' came before with another text; the first one counts", order.id));
    order.kind = "drain";
    CHECK(node.send(order).to_value() == first.to_value());
}

TEST_CASE("an order of an older epoch is refused, but one that was journaled gets its recorded answer",
          "[law-6]") {
    Node node;
    node.epoch = 7;
    const Order old = node.make_order("drain", {});
    REQUIRE(node.send(old).ok);
    node.epoch = 8;
    REQUIRE(node.send("drain").ok);
    CHECK(node.send(old).ok);
    node.epoch = 7;
    const Report report = node.send("undrain");
    CHECK(report.code == "stale");
    CHECK(report.reason.find("is of epoch 7, but component 'shop/app' has seen 8") != std::string::npos);
    node.restart_client();
    CHECK(node.send("undrain").code == "stale");
    CHECK(node.send(node.make_order("undrain", {}, "run-1", "shop/web")).ok);
}

TEST_CASE("an order that waits is refused as stale when a newer epoch comes before it is begun", "[law-6]") {
    Node node;
    const Order waiting = node.make_order("drain", {});
    REQUIRE_FALSE(node.executor().journal().receive(waiting.text(), node.clock.now()));
    node.epoch = 2;
    REQUIRE(node.send("undrain").ok);
    CHECK(node.send(waiting).code == "stale");
}

TEST_CASE("an order that comes late is refused as expired, one that was begun in time is finished",
          "[law-6]") {
    Node node;
    const Order late = node.make_order("drain", {});
    const Order begun = node.make_order("undrain", {});
    REQUIRE_FALSE(node.executor().journal().receive(begun.text(), node.clock.now()));
    node.executor().journal().begin(begun.id);
    node.clock.advance(2h);
    node.restart_client();
    CHECK(node.send(begun).ok);
    const Report report = node.send(late);
    CHECK(report.code == "expired");
    CHECK(report.reason == fmt::format("order '{}' expired at {}, before it was begun", late.id,
                                       base::to_rfc3339(late.expires)));
}

TEST_CASE("what was acknowledged as received, and what was reported, survives a new start", "[law-7]") {
    Node node;
    const Order waiting = node.make_order("drain", {});
    REQUIRE_FALSE(node.executor().journal().receive(waiting.text(), node.clock.now()));
    node.restart_client();
    REQUIRE(node.executor().perform_next());
    node.restart_client();
    REQUIRE(node.executor().journal().unacknowledged().size() == 1);
    CHECK(node.executor().journal().unacknowledged().front().order == waiting.id);
    node.executor().journal().acknowledge(waiting.id);
    node.restart_client();
    CHECK(node.executor().journal().unacknowledged().empty());
}

TEST_CASE(
    "a new order makes the journal forget what was acknowledged and expired a week ago; a repeat of it is "
    "refused as expired",
    "[law-6]") {
    Node node;
    const auto journaled = [&] {
        base::Statement row = node.database().prepare("SELECT COUNT(*) FROM orders");
        row.step();
        return row.whole(0);
    };
    const Order order = node.make_order("drain", {});
    REQUIRE(node.send(order).ok);
    node.clock.advance(24h * 8);
    const Order second = node.make_order("drain", {});
    REQUIRE(node.send(second).ok);
    CHECK(journaled() == 2); // the first is not acknowledged yet
    CHECK(node.send(order).ok);
    node.executor().journal().acknowledge(order.id);
    node.executor().journal().acknowledge(second.id);
    CHECK(node.send(order).ok); // a repeat is no new order
    REQUIRE(node.send("undrain").ok);
    CHECK(journaled() == 2); // the second is acknowledged, but young
    CHECK(node.send(order).code == "expired");
}

TEST_CASE("a text that is no order is not journaled") {
    Node node;
    CHECK(tests::refusal(base::Fault::Input,
                         [&] { node.executor().journal().receive("{}", node.clock.now()); }) != "no error");
    CHECK_FALSE(node.executor().perform_next());
}

TEST_CASE("an order of a kind that this client does not know is refused by name and not journaled") {
    Node node;
    const Order order = node.make_order("dance", {});
    CHECK(tests::refusal(base::Fault::Input, [&] {
              node.executor().journal().receive(order.text(), node.clock.now());
          }).find("'dance'") != std::string::npos);
    CHECK_FALSE(node.executor().perform_next());
}
