// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "dispatcher/agents/links.hpp"
#include "dispatcher/agents/news.hpp"
#include "dispatcher/api/routes.hpp"
#include "dispatcher/protocol/http_connection.hpp"

#include <boost/asio/thread_pool.hpp>

#include <string>

namespace dispatcher::agents {

/// What a connection needs of the house.
struct House {
    api::Service& service;
    Links& links;
    News& news;
    runs::Planner& planner;
    const runs::Composer& composer;
    boost::asio::thread_pool& scripts; ///< where scripts are waited for, away from the reactor
    const Settings& settings;
};

/// One TCP connection from its first byte to its last: handshake, requests one after the other, perhaps a
/// link. Everything that goes wrong with one request is its answer; what goes wrong with the connection ends
/// it, and is logged.
protocol::Task<void> serve_connection(House& house, protocol::TlsStream::Socket socket,
                                      base::TlsContext context);

} // namespace dispatcher::agents
