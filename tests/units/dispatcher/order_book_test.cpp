// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/runs/order_book.hpp"
#include "tests/refusal.hpp"
#include "tests/units/dispatcher/store.hpp"

using namespace dispatcher;
using base::Fault;

namespace {

const auto now = tests::at("12:00:00");
const base::NodeName web("web-1");

runs::OrderRecord order(std::int64_t number, base::Time expires = now + std::chrono::minutes(5)) {
    const std::string id = "order-" + std::to_string(number);
    return {.id = id,
            .run = "run-1",
            .number = number,
            .node = web.str(),
            .component = "shop/web",
            .kind = "drain",
            .text = "{\"id\": \"" + id + "\"}",
            .expires = expires};
}

protocol::Report report(const runs::OrderRecord& about, bool ok = true) {
    return {.order = about.id,
            .order_digest = base::sha256(about.text),
            .ok = ok,
            .code = ok ? "" : "failed",
            .reason = {},
            .detail = {}};
}

std::vector<std::int64_t> numbers(const std::vector<runs::OrderRecord>& orders) {
    std::vector<std::int64_t> numbers;
    for (const auto& each : orders) {
        numbers.push_back(each.number);
    }
    return numbers;
}

} // namespace

TEST_CASE("an order is sent again, byte for byte, until its report is stored", "[law-6]") {
    tests::Store store;
    runs::OrderBook book(store.database);
    book.add(order(1), now);
    book.add(order(2), now);
    book.received("order-1", now);
    CHECK(numbers(book.unanswered(web, now)) == std::vector<std::int64_t>{1, 2});
    CHECK(book.unanswered(web, now)[0].text == order(1).text);
    CHECK(book.reported(report(order(1)), now));
    CHECK(numbers(book.unanswered(web, now)) == std::vector<std::int64_t>{2});
    CHECK(numbers(book.unanswered("run-1")) == std::vector<std::int64_t>{2});
    CHECK(book.unanswered(base::NodeName("web-2"), now).empty());
}

TEST_CASE("a report that comes twice counts once, also when it says something else", "[law-6]") {
    tests::Store store;
    runs::OrderBook book(store.database);
    book.add(order(1), now);
    CHECK(book.reported(report(order(1)), now));
    CHECK_FALSE(book.reported(report(order(1), false), now));
    REQUIRE(book.reports("run-1").size() == 1);
    CHECK(book.reports("run-1")[0].second.ok);
}

TEST_CASE(
    "[codedeploy-agent-348] a report about another text, or about an order that was never sent, is refused",
    "[law-6]") {
    tests::Store store;
    runs::OrderBook book(store.database);
    book.add(order(1), now);
    protocol::Report other = report(order(1));
    other.order_digest = base::sha256("something else");
    CHECK(tests::refusal(Fault::Conflict, [&] { book.reported(other, now); }) ==
          "report is about another text of order 'order-1'");
    CHECK(tests::refusal(Fault::NotFound, [&] { book.reported(report(order(7)), now); }) ==
          "order 'order-7' was never sent");
}

TEST_CASE("an expired order is not sent, unless the node may have begun it") {
    tests::Store store;
    runs::OrderBook book(store.database);
    book.add(order(1), now);
    book.add(order(2), now);
    book.received("order-2", now);
    const auto later = now + std::chrono::minutes(6);
    CHECK(numbers(book.unanswered(web, later)) == std::vector<std::int64_t>{2});
}

TEST_CASE("orders of a run that has ended are not sent, but a late report is stored") {
    tests::Store store;
    runs::OrderBook book(store.database);
    book.add(order(1), now);
    book.void_unanswered("run-1");
    CHECK(book.unanswered(web, now).empty());
    CHECK(book.find("order-1")->state == "void");
    CHECK(book.reported(report(order(1)), now));
}

TEST_CASE("a run's order number is used once") {
    tests::Store store;
    runs::OrderBook book(store.database);
    book.add(order(1), now);
    runs::OrderRecord twin = order(1);
    twin.id = "another";
    CHECK_FALSE(tests::refusal(Fault::Conflict, [&] { book.add(twin, now); }).empty());
    CHECK(book.find("run-1", 1)->id == "order-1");
    CHECK_FALSE(book.find("run-1", 2));
}
