// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/clock.hpp"
#include "base/descriptor.hpp"
#include "ctl-client/identity.hpp"
#include "ctl-client/journal.hpp"
#include "ctl-client/server_connection.hpp"
#include "ctl-client/worker.hpp"
#include "dispatcher/protocol/messages.hpp"

#include <set>
#include <string>

namespace ctl_client {

/// The client's one outbound connection: orders come in, go to the journal, and only then are acknowledged as
/// received; reports go out until the dispatcher has them. A lost connection is made again after a random
/// pause, of which the dispatcher tells the upper bound, so that a thousand clients do not come back in one
/// instant. Cancel orders are carried out here, beside the worker, which may be busy with what they name.
/// Thread: the one that calls run().
class Link {
public:
    /// `wake` becomes readable when the worker has news; `stop` when the program shall end (a signalfd). Both
    /// stay the caller's.
    Link(const Identity& identity, base::Database& database, Worker& worker, Interruption& interruption,
         const base::Clock& clock, int wake, int stop);

    /// Until `stop` is readable, or the worker has failed.
    void run();

private:
    enum class Event { Nothing, Stop, Worker, Server };
    /// Waits for the first of the three, at most until `until`; a negative socket is not waited for.
    Event wait(int socket, Deadline until);
    /// One connection from its start to its end; false: stop.
    bool session();
    /// @returns false when it is time to stop.
    /// `early`: bytes of frames that were read with the answer to the upgrade.
    bool converse(ServerConnection& connection, std::string early);
    void handle(ServerConnection& connection, const dispatcher::protocol::Message& message);
    void send(ServerConnection& connection, const dispatcher::protocol::Message& message);
    void send_reports(ServerConnection& connection);
    /// Says what this node holds, if that is not what it said last.
    void send_holding(ServerConnection& connection);
    dispatcher::protocol::ComponentStates holding() const;

    const Identity& identity_;
    Journal journal_;
    Worker& worker_;
    Interruption& interruption_; ///< of the worker's order
    const base::Clock& clock_;
    int wake_;
    int stop_;
    base::Duration backoff_ = std::chrono::seconds(5);
    base::Duration heartbeat_ = std::chrono::seconds(60);
    bool welcomed_ = false;
    std::set<std::string> sent_;                 ///< orders whose reports went out over this connection
    dispatcher::protocol::ComponentStates said_; ///< over this connection, last
    Deadline last_sent_;
};

} // namespace ctl_client
