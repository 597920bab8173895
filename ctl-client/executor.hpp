// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "ctl-client/drain.hpp"
#include "ctl-client/hooks.hpp"
#include "ctl-client/host_transaction.hpp"
#include "ctl-client/journal.hpp"
#include "ctl-client/preparation.hpp"
#include "ctl-client/probe.hpp"
#include "ctl-client/programs.hpp"
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
    std::function<std::string(const base::Digest&)> manifest_source;
    base::Files& files;
    Programs& programs;
    Packages& packages;
    Services& services;
    const base::Clock& clock;
    Interruption& interruption;
    std::function<void(base::Duration)> pause; ///< ends early, with an error, when the order is cancelled
};

/// Carries out orders, one after the other, in the order in which they came, each to its recorded report.
/// Killed at any instant it goes on where it was: an order that was begun is carried out again, which every
/// kind may be but `command`: of a command that was begun the true end is reported, or that nobody knows it.
/// Thread: the database's; blocks.
class Executor {
public:
    Executor(base::Database& database, Host host);

    /// Finishes what a killed client left on the host. Before the first order.
    void recover();
    /// Carries out the cancel orders, then takes the oldest other order to its report; false: there was
    /// nothing to do.
    bool perform_next();
    /// The state of every component, as hello, status and verify tell it.
    struct ComponentStatus {
        std::string component;
        std::string release;
        std::string state;  ///< applied, known-good, quarantined
        std::string reason; ///< of a quarantine
        base::Digest present;
        bool drained = false;
        bool stopped = false; ///< its services are kept down
        std::int64_t generation = 0;
        std::vector<std::string> pending; ///< restarts and reloads that were not done, with their reasons
    };
    std::vector<ComponentStatus> status();
    HostTransaction& host_transaction() noexcept { return transaction_; }
    /// Holds a signed manifest that did not come from a dispatcher; `prepare` takes its name.
    dispatcher::protocol::EnvelopeName hold_envelope(std::string_view text) {
        return preparation_.hold_envelope(text);
    }
    Generations& generations() noexcept { return generations_; }
    Journal& journal() noexcept { return journal_; }

private:
    using Order = dispatcher::protocol::Order;
    using Report = dispatcher::protocol::Report;

    Report perform(const Order& order);
    Report carry_out(const Order& order);
    Report prepare(const Order& order, Report report);
    Report drain(const Order& order, Report report);
    Report apply(const Order& order, Report report);
    Report restart(const Order& order, Report report);
    Report stop(const Order& order, Report report);
    Report start(const Order& order, Report report);
    Report probe(const Order& order, Report report);
    Report command(const Order& order, Report report);
    Report measure(const Order& order, Report report);
    Report undrain(const Order& order, Report report);
    Report undo(const Order& order, Report report);
    Report settle(const Order& order, Report report);
    base::Object changes(const Generation& candidate, const std::vector<ServiceAction>& acts);
    Upkeep bring_up(const std::string& component, bool all = false);
    double measured(const base::Fields& body, const std::string& component);

    Host host_;
    Journal journal_;
    Generations generations_;
    HostTransaction transaction_;
    Preparation preparation_;
    ServiceRecords services_;
    Drain drain_;
    Hooks hooks_;
    bool resumed_ = false; ///< the order under way was begun by a client that was killed
};

} // namespace ctl_client
