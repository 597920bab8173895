// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/agents/server.hpp"

#include "base/error.hpp"
#include "base/log.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <charconv>
#include <fcntl.h>

namespace dispatcher::agents {

namespace asio = boost::asio;
using asio::ip::tcp;

namespace {

/// How long a full house waits before it looks again.
constexpr std::chrono::milliseconds pause{100};

tcp::endpoint endpoint_of(const std::string& listen) {
    const auto malformed = [&]() {
        return base::Error(
            base::Fault::Input,
            "'{}' is no address to listen at; write ADDRESS:PORT, such as 0.0.0.0:8443 or [::]:8443", listen);
    };
    const std::size_t colon = listen.rfind(':');
    if (colon == std::string::npos) {
        throw malformed();
    }
    std::string host = listen.substr(0, colon);
    if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
        host = host.substr(1, host.size() - 2);
    }
    boost::system::error_code error;
    const auto address = asio::ip::make_address(host, error);
    std::uint16_t port = 0;
    const char* end = listen.data() + listen.size();
    if (error || std::from_chars(listen.data() + colon + 1, end, port).ptr != end ||
        colon + 1 == listen.size()) {
        throw malformed();
    }
    return {address, port};
}

/// Asio's sockets are inherited by children; a workflow's process has no business with them.
void keep_from_children(int descriptor) {
    ::fcntl(descriptor, F_SETFD, FD_CLOEXEC);
}

tcp::acceptor open(asio::io_context& context, const std::string& listen) {
    const tcp::endpoint endpoint = endpoint_of(listen);
    tcp::acceptor acceptor(context);
    try {
        acceptor.open(endpoint.protocol());
        keep_from_children(acceptor.native_handle());
        acceptor.set_option(tcp::acceptor::reuse_address(true));
        acceptor.bind(endpoint);
        acceptor.listen();
    } catch (const boost::system::system_error& error) {
        throw base::Error(base::Fault::Unavailable, "'{}' cannot be listened at: {}", listen,
                          error.code().message());
    }
    return acceptor;
}

} // namespace

Server::Server(asio::io_context& context, const std::string& listen)
    : context_(context), acceptor_(open(context, listen)) {}

std::string Server::address() const {
    const tcp::endpoint endpoint = acceptor_.local_endpoint();
    const std::string host = endpoint.address().to_string();
    return (endpoint.address().is_v6() ? "[" + host + "]" : host) + ":" + std::to_string(endpoint.port());
}

void Server::start(House& house, base::TlsContext tls) {
    tls_ = std::make_unique<base::TlsContext>(std::move(tls));
    asio::co_spawn(context_, accept(house), asio::detached);
}

protocol::Task<void> Server::accept(House& house) {
    asio::steady_timer rest(context_);
    while (acceptor_.is_open()) {
        boost::system::error_code error;
        if (connections_ >= house.settings.connections) {
            rest.expires_after(pause);
            co_await rest.async_wait(asio::redirect_error(asio::use_awaitable, error));
            continue;
        }
        tcp::socket socket =
            co_await acceptor_.async_accept(asio::redirect_error(asio::use_awaitable, error));
        if (error) {
            if (acceptor_.is_open()) {
                // Descriptors or memory ran out; those who are here may leave some.
                base::log(base::LogLevel::Error, "connection not accepted", {{"reason", error.message()}});
                rest.expires_after(pause);
                co_await rest.async_wait(asio::redirect_error(asio::use_awaitable, error));
            }
            continue;
        }
        keep_from_children(socket.native_handle());
        ++connections_;
        asio::co_spawn(context_, serve_connection(house, std::move(socket), *tls_),
                       [this](const std::exception_ptr&) { --connections_; });
    }
}

void Server::stop() noexcept {
    boost::system::error_code ignored;
    acceptor_.close(ignored);
}

} // namespace dispatcher::agents
