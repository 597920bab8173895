// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/fields.hpp"
#include "base/tls.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

namespace dispatcher::protocol {

template <class T> using Task = boost::asio::awaitable<T>;

/// TLS directly on a TCP socket under Asio coroutines: no buffer of its own, 21 KB for each idle mutual-TLS
/// connection. One reader and one writer coroutine may run at the same time, all on the socket's executor,
/// which one thread runs. Every wait has a deadline. Errors are base::Error{Unavailable} (timeout, broken,
/// closed) and base::Error{Denied} (a certificate was refused).
class TlsStream {
public:
    using Socket = boost::asio::ip::tcp::socket;
    TlsStream(Socket socket, const base::TlsContext& context, bool server);
    ~TlsStream();

    /// `timeout` is for all of it, however many steps it takes.
    Task<void> handshake(base::Duration timeout);
    /// At least one byte, or 0 when the other side has closed. `timeout` is for all of it: a TLS record that
    /// comes byte by byte does not prolong it.
    Task<std::size_t> read_some(std::span<char> into, base::Duration timeout);
    /// What has come already, without waiting: 0 when the other side has closed, nothing when nothing came.
    std::optional<std::size_t> read_now(std::span<char> into);
    /// All of it. `bytes` must stay where they are until it is done; `timeout` counts anew whenever something
    /// was taken.
    Task<void> write_all(std::string_view bytes, base::Duration timeout);
    /// Says farewell and drops what still comes, until the other side closes or one of the limits is reached;
    /// then closes. For an answer that overtakes its request: closing on unread bytes resets the connection,
    /// and the other side would never read the answer.
    Task<void> linger(std::size_t limit_bytes, base::Duration timeout);
    /// Tells the other side and closes the socket; who still waits gets Unavailable. Harmless when repeated.
    /// A timeout of either direction closes, too.
    void close() noexcept;
    bool open() const noexcept { return open_; }

    /// The other side's certificate, when it gave one and it was verified.
    std::optional<base::Certificate> peer() const { return session_.peer(); }
    Socket& socket() noexcept { return socket_; }

private:
    using Deadline = boost::asio::steady_timer::time_point;
    /// One direction's wait for the socket.
    struct Side {
        boost::asio::steady_timer timer;
        bool late = false;
    };
    /// `what` the other side failed to do is said when the deadline is over.
    Task<void> ready(base::TlsSession::Status wanted, Side& side, Deadline deadline, std::string_view what);

    Socket socket_; // before the session, which uses its descriptor until its own end
    base::TlsSession session_;
    Side reading_;
    Side writing_;
    std::shared_ptr<bool> alive_; ///< a timer's handler may run after the end of this object
    bool open_ = true;
};

} // namespace dispatcher::protocol
