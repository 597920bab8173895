// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "dispatcher/agents/connection.hpp"

#include <boost/asio/io_context.hpp>

#include <memory>
#include <string>

namespace dispatcher::agents {

/// The listening socket. One connection is one coroutine; above the limit of connections nobody is let in
/// until somebody leaves.
class Server {
public:
    /// `listen` is ADDRESS:PORT, with an IPv6 address in brackets; port 0 takes a free one.
    /// @throws base::Error{Input} for a malformed address, base::Error{Unavailable} when it cannot be
    /// listened at.
    Server(boost::asio::io_context& context, const std::string& listen);

    /// ADDRESS:PORT as it is listened at.
    std::string address() const;
    void start(House& house, base::TlsContext tls);
    /// For connections from now on.
    void replace(base::TlsContext tls) { *tls_ = std::move(tls); }
    void stop() noexcept;

private:
    protocol::Task<void> accept(House& house);

    boost::asio::io_context& context_;
    boost::asio::ip::tcp::acceptor acceptor_;
    std::unique_ptr<base::TlsContext> tls_;
    std::size_t connections_ = 0;
};

} // namespace dispatcher::agents
