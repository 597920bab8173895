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
/// - what was begun is finished, by this client or by the next one after a kill.
///
/// Durable on return: what `receive` took may be acknowledged as received. Thread: the database's.
class Journal {
public:
    explicit Journal(base::Database& database) : database_(database) {}

    /// @returns the answer, when there is nothing to do: a recorded report, or a refusal.
    /// @throws base::Error{Input} for a text that is no order.
    std::optional<dispatcher::protocol::Report> receive(std::string_view text, base::Time now);

    struct Entry {
        dispatcher::protocol::Order order;
        std::string text;
        bool begun = false;
    };
    /// The oldest order without a report. Those that became stale or expired before they were begun are
    /// answered on the way.
    std::optional<Entry> next(base::Time now);
    void begin(const std::string& order);
    void finish(const dispatcher::protocol::Report& report);
    /// In the order in which the orders came.
    std::vector<dispatcher::protocol::Report> unacknowledged() const;
    void acknowledge(const std::string& order);
    /// Forgets what was acknowledged and expired more than a week ago; a repeat of such an order is refused
    /// as expired.
    void forget_old(base::Time now);
    std::int64_t highest_epoch(const std::string& component) const;

private:
    std::optional<dispatcher::protocol::Report> refusal(const dispatcher::protocol::Order& order,
                                                        const base::Digest& digest, base::Time now) const;
    base::Database& database_;
};

} // namespace ctl_client
