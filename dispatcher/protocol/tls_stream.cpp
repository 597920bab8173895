// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/protocol/tls_stream.hpp"

#include "base/error.hpp"

#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <array>
#include <cerrno>
#include <sys/socket.h>

namespace dispatcher::protocol {

namespace {

using Status = base::TlsSession::Status;

TlsStream::Socket non_blocking(TlsStream::Socket socket) {
    socket.native_non_blocking(true);
    return socket;
}

[[noreturn]] void closed() {
    throw base::Error(base::Fault::Unavailable, "connection was closed by the other side");
}

} // namespace

TlsStream::TlsStream(Socket socket, const base::TlsContext& context, bool server)
    : socket_(non_blocking(std::move(socket))), session_(context, socket_.native_handle(), server),
      reading_{boost::asio::steady_timer(socket_.get_executor())}, writing_{boost::asio::steady_timer(
                                                                       socket_.get_executor())},
      alive_(std::make_shared<bool>(true)) {
    boost::system::error_code ignored;
    socket_.set_option(boost::asio::ip::tcp::no_delay(true), ignored);
}

TlsStream::~TlsStream() {
    *alive_ = false;
    close();
}

Task<void> TlsStream::ready(Status wanted, Side& side, Deadline deadline, std::string_view what) {
    side.timer.expires_at(deadline);
    side.timer.async_wait([this, &side, alive = alive_](const boost::system::error_code& aborted) {
        // A handler that was queued already when its wait ended finds a later deadline.
        if (!aborted && *alive && side.timer.expiry() <= std::chrono::steady_clock::now()) {
            side.late = true;
            boost::system::error_code ignored;
            socket_.cancel(ignored);
        }
    });
    boost::system::error_code error;
    const auto direction = wanted == Status::WantWrite ? Socket::wait_write : Socket::wait_read;
    co_await socket_.async_wait(direction, boost::asio::redirect_error(boost::asio::use_awaitable, error));
    side.timer.cancel();
    if (side.late) {
        close();
        throw base::Error(base::Fault::Unavailable, "the other side did not {} in time", what);
    }
    if (error || !open_) {
        closed();
    }
}

Task<void> TlsStream::handshake(base::Duration timeout) {
    const Deadline deadline = std::chrono::steady_clock::now() + timeout;
    while (open_) {
        const base::TlsSession::Progress progress = session_.handshake();
        if (progress.status == Status::Done) {
            co_return;
        }
        if (progress.status == Status::Closed) {
            break;
        }
        co_await ready(progress.status, reading_, deadline, "shake hands");
    }
    closed();
}

Task<std::size_t> TlsStream::read_some(std::span<char> into, base::Duration timeout) {
    const Deadline deadline = std::chrono::steady_clock::now() + timeout;
    while (open_) {
        const base::TlsSession::Progress progress = session_.read(into);
        if (progress.status == Status::Done && progress.bytes > 0) {
            co_return progress.bytes;
        }
        if (progress.status == Status::Closed) {
            co_return 0;
        }
        if (progress.status != Status::Done) {
            co_await ready(progress.status, reading_, deadline, "send");
        }
    }
    closed();
}

std::optional<std::size_t> TlsStream::read_now(std::span<char> into) {
    if (!open_) {
        closed();
    }
    const base::TlsSession::Progress progress = session_.read(into);
    if (progress.status == Status::Closed) {
        return 0;
    }
    return progress.status == Status::Done ? std::optional(progress.bytes) : std::nullopt;
}

Task<void> TlsStream::write_all(std::string_view bytes, base::Duration timeout) {
    while (!bytes.empty()) {
        if (!open_) {
            closed();
        }
        const base::TlsSession::Progress progress = session_.write(bytes);
        if (progress.status == Status::Done) {
            bytes.remove_prefix(progress.bytes);
        } else if (progress.status == Status::Closed) {
            closed();
        } else {
            co_await ready(progress.status, writing_, std::chrono::steady_clock::now() + timeout,
                           "take anything");
        }
    }
}

Task<void> TlsStream::linger(std::size_t limit_bytes, base::Duration timeout) {
    const Deadline deadline = std::chrono::steady_clock::now() + timeout;
    session_.close();
    boost::system::error_code error;
    socket_.shutdown(Socket::shutdown_send, error);
    // Nobody reads what is dropped, so it need not be decrypted.
    std::array<char, 16384> dropped;
    for (std::size_t bytes = 0; open_ && !error && bytes < limit_bytes;) {
        const ssize_t got = ::recv(socket_.native_handle(), dropped.data(), dropped.size(), MSG_DONTWAIT);
        if (got > 0) {
            bytes += static_cast<std::size_t>(got);
        } else if (got == 0 || (errno != EAGAIN && errno != EINTR)) {
            break;
        } else {
            co_await ready(Status::WantRead, reading_, deadline, "close");
        }
    }
    close();
}

void TlsStream::close() noexcept {
    if (!open_) {
        return;
    }
    open_ = false;
    session_.close();
    boost::system::error_code ignored;
    socket_.cancel(ignored);
    socket_.shutdown(Socket::shutdown_both, ignored);
    socket_.close(ignored);
}

} // namespace dispatcher::protocol
