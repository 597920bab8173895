// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "ctl-client/journal.hpp"

#include "base/error.hpp"
#include "base/fields.hpp"
#include "base/json.hpp"

namespace ctl_client {

using dispatcher::protocol::Order;
using dispatcher::protocol::Report;

namespace {

Report read_report(const std::string& text) {
    return Report::from_value(base::parse_json(text, "report"));
}

Report never_begun(const std::string& order, const base::Digest& digest) {
    Report report;
    report.order = order;
    report.order_digest = digest;
    report.code = "cancelled";
    report.reason = fmt::format("order '{}' was cancelled before it was begun", order);
    return report;
}

/// The order that a cancel order names; nothing for any other kind.
std::optional<std::string> named_by(const Order& order) {
    return order.kind == "cancel"
               ? std::optional(base::Fields(order.body, "order '" + order.id + "'", "body").text("order"))
               : std::nullopt;
}

} // namespace

std::optional<Report> Journal::refusal(const Order& order, const base::Digest& digest, base::Time now) const {
    Report report;
    report.order = order.id;
    report.order_digest = digest;
    if (const std::int64_t highest = highest_epoch(order.component); order.epoch < highest) {
        report.code = "stale";
        report.reason = fmt::format("order '{}' is of epoch {}, but component '{}' has seen {}", order.id,
                                    order.epoch, order.component, highest);
        return report;
    }
    if (now > order.expires) {
        report.code = "expired";
        report.reason = fmt::format("order '{}' expired at {}, before it was begun", order.id,
                                    base::to_rfc3339(order.expires));
        return report;
    }
    if (is_cancelled(order.id)) {
        return never_begun(order.id, digest);
    }
    return std::nullopt;
}

std::optional<Report> Journal::receive(std::string_view text, base::Time now) {
    const Order order = Order::parse(text);
    const std::optional<std::string> cancels = named_by(order);
    const base::Digest digest = base::sha256(text);
    base::Transaction transaction(database_);
    base::Statement known = database_.prepare("SELECT text, report FROM orders WHERE id = ?");
    known.with(order.id);
    if (known.step()) {
        if (known.text(0) != text) {
            Report report;
            report.order = order.id;
            report.order_digest = digest;
            report.code = "refused";
            report.reason =
                fmt::format("order '{}' came before with another text; the first one counts", order.id);
            return report;
        }
        return known.is_null(1) ? std::nullopt : std::optional(read_report(known.text(1)));
    }
    known.reset();
    forget_old(now);
    const std::optional<Report> refused = refusal(order, digest, now);
    database_
        .prepare(
            "INSERT INTO orders (id, text, component, epoch, expires, report, cancels) VALUES (?, ?, ?, ?, "
            "?, ?, ?)")
        .with(order.id, text, order.component, order.epoch, base::to_rfc3339(order.expires),
              refused ? std::optional(base::to_json(refused->to_value())) : std::nullopt,
              refused ? std::nullopt : cancels)
        .run();
    database_
        .prepare("INSERT INTO epochs (component, highest) VALUES (?, ?) ON CONFLICT (component) DO UPDATE "
                 "SET highest = MAX(highest, excluded.highest)")
        .with(order.component, order.epoch)
        .run();
    transaction.commit();
    return refused;
}

std::optional<Journal::Entry> Journal::next(base::Time now) {
    while (true) {
        base::Statement row = database_.prepare(
            "SELECT text, begun FROM orders WHERE report IS NULL AND cancels IS NULL ORDER BY "
            "arrival LIMIT 1");
        if (!row.step()) {
            return std::nullopt;
        }
        Entry entry{Order::parse(row.text(0)), row.text(0), row.whole(1) != 0};
        row.reset();
        const std::optional<Report> refused =
            entry.begun ? std::nullopt : refusal(entry.order, base::sha256(entry.text), now);
        if (!refused) {
            return entry;
        }
        finish(*refused);
    }
}

bool Journal::begin(const std::string& order) {
    base::Statement row =
        database_.prepare("UPDATE orders SET begun = 1 WHERE id = ? AND report IS NULL RETURNING id");
    row.with(order);
    const bool begun = row.step();
    row.run();
    return begun;
}

void Journal::finish(const Report& report, const std::vector<std::string>& ended) {
    base::Transaction transaction(database_);
    // The first report stays: an outcome does not change because it is found out twice.
    database_.prepare("UPDATE orders SET report = ? WHERE id = ? AND report IS NULL")
        .with(base::to_json(report.to_value()), report.order)
        .run();
    for (const Entry& cancel : open_cancels()) {
        if (named_by(cancel.order) == report.order) {
            answer(cancel, ended);
        }
    }
    transaction.commit();
}

std::vector<Journal::Entry> Journal::open_cancels() const {
    std::vector<Entry> entries;
    base::Statement row = database_.prepare(
        "SELECT text FROM orders WHERE report IS NULL AND cancels IS NOT NULL ORDER BY arrival");
    while (row.step()) {
        entries.push_back({Order::parse(row.text(0)), row.text(0)});
    }
    return entries;
}

bool Journal::is_cancelled(const std::string& order) const {
    base::Statement row = database_.prepare("SELECT 1 FROM orders WHERE cancels = ?");
    row.with(order);
    return row.step();
}

void Journal::answer(const Entry& cancel, const std::vector<std::string>& ended) {
    Report report;
    report.order = cancel.order.id;
    report.order_digest = base::sha256(cancel.text);
    report.ok = true;
    report.detail = base::Object{{"ended", ended}};
    database_.prepare("UPDATE orders SET report = ? WHERE id = ? AND report IS NULL")
        .with(base::to_json(report.to_value()), cancel.order.id)
        .run();
}

bool Journal::cancel(const Entry& cancel) {
    const std::string named = *named_by(cancel.order);
    base::Transaction transaction(database_);
    base::Statement row = database_.prepare("SELECT text, begun, report FROM orders WHERE id = ?");
    row.with(named);
    if (row.step() && row.is_null(2)) {
        if (row.whole(1) != 0) {
            return false;
        }
        const std::string text = row.text(0);
        row.reset();
        database_.prepare("UPDATE orders SET report = ? WHERE id = ?")
            .with(base::to_json(never_begun(named, base::sha256(text)).to_value()), named)
            .run();
    }
    row.reset();
    answer(cancel, {});
    transaction.commit();
    return true;
}

std::vector<Report> Journal::unacknowledged() const {
    std::vector<Report> reports;
    base::Statement row = database_.prepare(
        "SELECT report FROM orders WHERE report IS NOT NULL AND acknowledged = 0 ORDER BY arrival");
    while (row.step()) {
        reports.push_back(read_report(row.text(0)));
    }
    return reports;
}

void Journal::acknowledge(const std::string& order) {
    database_.prepare("UPDATE orders SET acknowledged = 1 WHERE id = ? AND report IS NOT NULL")
        .with(order)
        .run();
}

void Journal::forget_old(base::Time now) {
    constexpr auto kept = std::chrono::hours(24 * 7);
    database_.prepare("DELETE FROM orders WHERE acknowledged = 1 AND expires < ?")
        .with(base::to_rfc3339(now - kept))
        .run();
}

std::int64_t Journal::highest_epoch(const std::string& component) const {
    base::Statement row = database_.prepare("SELECT highest FROM epochs WHERE component = ?");
    row.with(component);
    return row.step() ? row.whole(0) : 0;
}

} // namespace ctl_client
