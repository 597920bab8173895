// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/runs/order_book.hpp"

#include "base/error.hpp"
#include "base/json.hpp"

#include <fmt/format.h>

namespace dispatcher::runs {

namespace {

constexpr std::string_view columns = "id, run, number, node, component, kind, text, expires, state";

OrderRecord record(const base::Statement& row) {
    return {.id = row.text(0),
            .run = row.text(1),
            .number = row.whole(2),
            .node = row.text(3),
            .component = row.text(4),
            .kind = row.text(5),
            .text = row.text(6),
            .expires = base::from_rfc3339(row.text(7)),
            .state = row.text(8)};
}

std::vector<OrderRecord> all(base::Statement& rows) {
    std::vector<OrderRecord> orders;
    while (rows.step()) {
        orders.push_back(record(rows));
    }
    return orders;
}

std::optional<OrderRecord> one(base::Statement& rows) {
    return rows.step() ? std::optional<OrderRecord>(record(rows)) : std::nullopt;
}

} // namespace

void OrderBook::add(const OrderRecord& order, base::Time now) {
    database_
        .prepare("INSERT INTO orders (id, run, number, node, component, kind, text, digest, created, "
                 "expires, state) "
                 "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'pending')")
        .with(order.id, order.run, order.number, order.node, order.component, order.kind, order.text,
              base::sha256(order.text).str(), base::to_rfc3339(now), base::to_rfc3339(order.expires))
        .run();
}

std::optional<OrderRecord> OrderBook::find(const std::string& id) const {
    base::Statement row = database_.prepare(fmt::format("SELECT {} FROM orders WHERE id = ?", columns));
    return one(row.with(id));
}

std::optional<OrderRecord> OrderBook::find(const std::string& run, std::int64_t number) const {
    base::Statement row =
        database_.prepare(fmt::format("SELECT {} FROM orders WHERE run = ? AND number = ?", columns));
    return one(row.with(run, number));
}

std::vector<OrderRecord> OrderBook::unanswered(const base::NodeName& node, base::Time now) const {
    // An order that was received may have been begun before it expired, so its answer still matters.
    base::Statement rows =
        database_.prepare(fmt::format("SELECT {} FROM orders WHERE node = ? AND state IN ('pending', "
                                      "'received') AND (state = 'received' OR expires > ?) "
                                      "ORDER BY rowid",
                                      columns));
    return all(rows.with(node.str(), base::to_rfc3339(now)));
}

std::vector<OrderRecord> OrderBook::unanswered(const std::string& run) const {
    base::Statement rows = database_.prepare(fmt::format(
        "SELECT {} FROM orders WHERE run = ? AND state IN ('pending', 'received') ORDER BY number", columns));
    return all(rows.with(run));
}

void OrderBook::received(const std::string& id, base::Time now) {
    database_.prepare("UPDATE orders SET state = 'received', received = ? WHERE id = ? AND state = 'pending'")
        .with(base::to_rfc3339(now), id)
        .run();
}

bool OrderBook::reported(const protocol::Report& report, base::Time now) {
    base::Statement row = database_.prepare("SELECT digest, report IS NOT NULL FROM orders WHERE id = ?");
    if (!row.with(report.order).step()) {
        throw base::Error(base::Fault::NotFound, "order '{}' was never sent", report.order);
    }
    if (row.text(0) != report.order_digest.str()) {
        throw base::Error(base::Fault::Conflict, "report is about another text of order '{}'", report.order);
    }
    if (row.whole(1) != 0) {
        return false;
    }
    row.reset();
    database_.prepare("UPDATE orders SET state = 'reported', reported = ?, report = ? WHERE id = ?")
        .with(base::to_rfc3339(now), base::to_json(report.to_value()), report.order)
        .run();
    return true;
}

void OrderBook::void_unanswered(const std::string& run) {
    database_.prepare("UPDATE orders SET state = 'void' WHERE run = ? AND state IN ('pending', 'received')")
        .with(run)
        .run();
}

std::vector<std::pair<OrderRecord, protocol::Report>> OrderBook::reports(const std::string& run) const {
    base::Statement rows = database_.prepare(fmt::format(
        "SELECT {}, report FROM orders WHERE run = ? AND report IS NOT NULL ORDER BY number", columns));
    rows.with(run);
    std::vector<std::pair<OrderRecord, protocol::Report>> reports;
    while (rows.step()) {
        reports.emplace_back(record(rows),
                             protocol::Report::from_value(base::parse_json(rows.text(9), "report")));
    }
    return reports;
}

} // namespace dispatcher::runs
