// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "ctl-client/drain.hpp"
#include "ctl-client/host_transaction.hpp"
#include "ctl-client/journal.hpp"
#include "ctl-client/preparation.hpp"
#include "ctl-client/probe.hpp"
#include "ctl-client/upkeep.hpp"

#include <functional>
#include <string>
#include <vector>

namespace ctl_client {

/// The seams and facts that one client works with.
struct Host {
    const StateDirectory& state;
    std::filesystem::path root;
    std::vector<base::PublicKey> release_keys;
    std::function<std::string(const repo::ManifestPackage&)> source;
    base::Files& files;
    base::Processes& processes;
    Packages& packages;
    Services& services;
    const base::Clock& clock;
    std::function<void(base::Duration)> pause;
};

/// Carries out orders, one after the other, in the order in which they came, each to its recorded report.
/// Killed at any instant it goes on where it was: an order that was begun is carried out again, and every
/// kind may be. Thread: the database's; blocks.
class Executor {
public:
    Executor(base::Database& database, Host host);

    /// Finishes what a killed client left on the host. Before the first order.
    void recover();
    /// Takes the oldest open order to its report; false: there is none.
    bool perform_next();
    /// The state of every component, as hello, status and verify tell it.
    struct ComponentStatus {
        std::string component;
        std::string release;
        std::string state;  ///< applied, known-good, quarantined
        std::string reason; ///< of a quarantine
        base::Digest present;
        bool drained = false;
        std::int64_t generation = 0;
        std::vector<std::string> pending; ///< restarts and reloads that were not done, with their reasons
    };
    std::vector<ComponentStatus> status();
    HostTransaction& host_transaction() noexcept { return transaction_; }
    Generations& generations() noexcept { return generations_; }
    Journal& journal() noexcept { return journal_; }

private:
    using Order = dispatcher::protocol::Order;
    using Report = dispatcher::protocol::Report;

    Report perform(const Order& order);
    Report prepare(const Order& order, Report report);
    Report drain(const Order& order, Report report);
    Report apply(const Order& order, Report report);
    Report restart(const Order& order, Report report);
    Report probe(const Order& order, Report report);
    Report undrain(const Order& order, Report report);
    Report undo(const Order& order, Report report);
    Report settle(const Order& order, Report report);
    base::Object changes(const Generation& candidate);

    Host host_;
    Journal journal_;
    Generations generations_;
    HostTransaction transaction_;
    Preparation preparation_;
    ServiceRecords services_;
    Drain drain_;
};

} // namespace ctl_client
