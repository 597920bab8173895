// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/protocol/http_connection.hpp"

#include "base/error.hpp"

#include <algorithm>
#include <array>
#include <chrono>

namespace dispatcher::protocol {

namespace {

[[noreturn]] void broken(std::string_view where) {
    throw base::Error(base::Fault::Unavailable, "connection was closed in the middle of {}", where);
}

/// When a message must be complete of which `begun` says whether its first byte is here. Asked before each
/// wait; only the first byte moves it.
class Clock {
public:
    explicit Clock(HttpConnection::Patience patience)
        : patience_(patience), deadline_(std::chrono::steady_clock::now() + patience.idle) {}
    std::chrono::steady_clock::time_point deadline(bool begun) {
        if (begun && !begun_) {
            begun_ = true;
            deadline_ = std::chrono::steady_clock::now() + patience_.whole;
        }
        return deadline_;
    }

private:
    HttpConnection::Patience patience_;
    std::chrono::steady_clock::time_point deadline_;
    bool begun_ = false;
};

} // namespace

Task<bool> HttpConnection::more(std::string& into, Deadline deadline) {
    // Small, because it lives in the coroutine's frame while an idle link waits.
    std::array<char, 2048> bytes;
    const auto left = std::chrono::ceil<base::Duration>(deadline - std::chrono::steady_clock::now());
    const std::size_t count = co_await stream_.read_some(bytes, std::max(left, base::Duration::zero()));
    into.append(bytes.data(), count);
    co_return count > 0;
}

Task<std::optional<RequestHead>> HttpConnection::request(Patience patience) {
    Clock clock(patience);
    for (;;) {
        if (auto head = take_request_head(buffer_)) {
            co_return head;
        }
        if (!co_await more(buffer_, clock.deadline(!buffer_.empty()))) {
            if (buffer_.empty()) {
                co_return std::nullopt;
            }
            broken("a request's head");
        }
    }
}

Task<std::string> HttpConnection::body(std::uint64_t bytes, std::size_t limit_bytes, base::Duration whole) {
    const Deadline deadline = std::chrono::steady_clock::now() + whole;
    if (bytes > limit_bytes) {
        throw base::Error(base::Fault::Input, "body of {} bytes is larger than {} bytes", bytes, limit_bytes);
    }
    while (buffer_.size() < bytes) {
        if (!co_await more(buffer_, deadline)) {
            broken("a body");
        }
    }
    std::string body = buffer_.substr(0, bytes);
    buffer_.erase(0, bytes);
    co_return body;
}

Task<std::optional<std::string>> HttpConnection::frame(Patience patience) {
    Clock clock(patience);
    if (!buffer_.empty()) {
        frames_.add(buffer_);
        buffer_ = {};
    }
    for (;;) {
        if (auto json = frames_.next()) {
            co_return json;
        }
        std::string bytes;
        if (!co_await more(bytes, clock.deadline(!frames_.empty()))) {
            if (frames_.empty()) {
                co_return std::nullopt;
            }
            broken("a frame");
        }
        frames_.add(bytes);
    }
}

bool HttpConnection::ended() {
    std::array<char, 2048> bytes;
    while (buffer_.size() < max_head_bytes) {
        const std::optional<std::size_t> count = stream_.read_now(bytes);
        if (!count) {
            return false;
        }
        if (*count == 0) {
            return true;
        }
        buffer_.append(bytes.data(), *count);
    }
    return false;
}

Task<void> HttpConnection::send(Message message, base::Duration timeout) {
    const std::string bytes = protocol::frame(encode(message));
    co_await stream_.write_all(bytes, timeout);
}

} // namespace dispatcher::protocol
