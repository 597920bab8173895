// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "dispatcher/api/service.hpp"
#include "dispatcher/protocol/http_connection.hpp"
#include "dispatcher/settings.hpp"

#include <map>
#include <memory>
#include <set>
#include <string>

namespace dispatcher::agents {

/// All links of nodes: one for each node that is connected. A second connection with the same certificate
/// replaces the first and is reported, because it may be a clone. Thread: the reactor's.
class Links final : public api::Roster {
public:
    Links(base::Database& database, runs::Alarms& alarms, const Settings& settings);
    ~Links() override;

    /// Set once, before the first link: who hears of nodes and their reports.
    void connect(runs::Rollouts& rollouts) { rollouts_ = &rollouts; }

    /// The conversation with a node after the upgrade, until either side ends it. @throws base::Error for why
    /// it ended, if not in order.
    protocol::Task<void> converse(const base::NodeName& node, protocol::HttpConnection& connection,
                                  std::string address);

    bool online(const base::NodeName& node) const override;
    void send(const runs::OrderRecord& order) override;
    std::size_t count() const override { return sessions_.size(); }
    const protocol::ComponentStates* components(const base::NodeName& node) const override;
    void close(const base::NodeName& node, const std::string& because) override;
    void close_all(const std::string& because);

private:
    class Session;
    protocol::Task<void> greet(Session& session);
    protocol::Task<void> listen(Session& session);
    void take(Session& session, const protocol::Message& message);
    void take_report(Session& session, const protocol::Report& report);
    void join(const std::shared_ptr<Session>& session);
    void leave(const std::shared_ptr<Session>& session);

    base::Database& database_;
    runs::Alarms& alarms_;
    const Settings& settings_;
    nodes::Inventory inventory_;
    runs::OrderBook orders_;
    runs::Rollouts* rollouts_ = nullptr;
    std::map<base::NodeName, std::shared_ptr<Session>> sessions_;
};

} // namespace dispatcher::agents
