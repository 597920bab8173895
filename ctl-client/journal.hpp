// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/clock.hpp"
#include "base/database.hpp"
#include "dispatcher/protocol/orders.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ctl_client {

/// The journal of orders: what was received, byte for byte, and what was reported. It makes an order's effect
/// happen exactly once:
///
/// - a repeated id gets the recorded report; another text under the same id is refused and changes nothing;
/// - an epoch below the highest seen for the component is refused as stale, an order that was not begun
/// before it expired as expired;
/// - what was begun is finished, by this client or by the next one after a kill;
/// - an order that a cancel order named before it came, or before it was begun, is not begun.
///
/// Durable on return: what `receive` took may be acknowledged as received. Thread: the database's.
class Journal {
public:
    explicit Journal(base::Database& database) : database_(database) {}

    /// Makes room for a new order, too: what was acknowledged and expired more than a week ago is forgotten,
    /// and a repeat of it is refused as expired.
    /// @returns the answer, when there is nothing to do: a recorded report, or a refusal.
    /// @throws base::Error{Input} for a text that is no order.
    std::optional<dispatcher::protocol::Report> receive(std::string_view text, base::Time now);

    struct Entry {
        dispatcher::protocol::Order order;
        std::string text;
        bool begun = false;
    };
    /// The oldest order without a report, cancel orders left out. Those that became stale or expired before
    /// they were begun are answered on the way.
    std::optional<Entry> next(base::Time now);
    /// False: it has got its report in the meantime, being cancelled.
    bool begin(const std::string& order);
    /// Also answers the cancel orders that wait for it, with what was ended.
    void finish(const dispatcher::protocol::Report& report, const std::vector<std::string>& ended = {});
    /// Cancel orders without a report.
    std::vector<Entry> open_cancels() const;
    /// Whether a cancel order names it.
    bool is_cancelled(const std::string& order) const;
    /// Carries out a cancel order as far as the journal alone can: an order that has not come, was not begun
    /// or has its report. False: it is under way, and its end will answer (finish).
    bool cancel(const Entry& cancel);
    /// In the order in which the orders came.
    std::vector<dispatcher::protocol::Report> unacknowledged() const;
    void acknowledge(const std::string& order);
    std::int64_t highest_epoch(const std::string& component) const;

private:
    void forget_old(base::Time now);
    void answer(const Entry& cancel, const std::vector<std::string>& ended);
    std::optional<dispatcher::protocol::Report> refusal(const dispatcher::protocol::Order& order,
                                                        const base::Digest& digest, base::Time now) const;
    base::Database& database_;
};

} // namespace ctl_client
