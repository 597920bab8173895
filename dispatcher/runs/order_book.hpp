// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/clock.hpp"
#include "base/database.hpp"
#include "base/name.hpp"
#include "dispatcher/protocol/orders.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace dispatcher::runs {

struct OrderRecord {
    std::string id;
    std::string run;         ///< or the plan that asked
    std::int64_t number = 0; ///< the engine's number in that run
    std::string node;
    std::string component;
    std::string kind;
    std::string text; ///< exactly what is sent, each time
    base::Time expires;
    std::string state = "pending"; ///< pending, received, reported, void (nobody waits for it any more)
};

/// Table `orders`: what was sent to nodes and what they answered. Writes belong into the caller's
/// transaction.
class OrderBook {
public:
    explicit OrderBook(base::Database& database) : database_(database) {}

    void add(const OrderRecord& order, base::Time now);
    std::optional<OrderRecord> find(const std::string& id) const;
    std::optional<OrderRecord> find(const std::string& run, std::int64_t number) const;
    /// What a node still owes an answer to and can still begin, oldest first: sent again at each reconnect.
    std::vector<OrderRecord> unanswered(const base::NodeName& node, base::Time now) const;
    /// What a run still waits for.
    std::vector<OrderRecord> unanswered(const std::string& run) const;
    void received(const std::string& id, base::Time now);
    /// Stores the first report. False for a repeat. @throws base::Error{Conflict} when the report is about
    /// another text.
    bool reported(const protocol::Report& report, base::Time now);
    /// Late reports are still stored; the orders are only no longer sent.
    void void_unanswered(const std::string& run);
    /// Reports of a plan's orders: number → report.
    std::vector<std::pair<OrderRecord, protocol::Report>> reports(const std::string& run) const;

private:
    base::Database& database_;
};

} // namespace dispatcher::runs
