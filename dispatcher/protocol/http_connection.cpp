// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/protocol/http_connection.hpp"

#include "base/error.hpp"

#include <array>

namespace dispatcher::protocol {

namespace {

[[noreturn]] void broken(std::string_view where) {
    throw base::Error(base::Fault::Unavailable, "connection was closed in the middle of {}", where);
}

} // namespace

Task<bool> HttpConnection::more(std::string& into, base::Duration timeout) {
    // Small, because it lives in the coroutine's frame while an idle link waits.
    std::array<char, 2048> bytes;
    const std::size_t count = co_await stream_.read_some(bytes, timeout);
    into.append(bytes.data(), count);
    co_return count > 0;
}

Task<std::optional<RequestHead>> HttpConnection::request(base::Duration timeout) {
    for (;;) {
        if (auto head = take_request_head(buffer_)) {
            co_return head;
        }
        if (!co_await more(buffer_, timeout)) {
            if (buffer_.empty()) {
                co_return std::nullopt;
            }
            broken("a request's head");
        }
    }
}

Task<ResponseHead> HttpConnection::response(base::Duration timeout) {
    for (;;) {
        if (auto head = take_response_head(buffer_)) {
            co_return *head;
        }
        if (!co_await more(buffer_, timeout)) {
            broken("an answer's head");
        }
    }
}

Task<std::string> HttpConnection::body(std::uint64_t bytes, std::size_t limit_bytes, base::Duration timeout) {
    if (bytes > limit_bytes) {
        throw base::Error(base::Fault::Input, "body of {} bytes is larger than {} bytes", bytes, limit_bytes);
    }
    while (buffer_.size() < bytes) {
        if (!co_await more(buffer_, timeout)) {
            broken("a body");
        }
    }
    std::string body = buffer_.substr(0, bytes);
    buffer_.erase(0, bytes);
    co_return body;
}

Task<std::optional<std::string>> HttpConnection::frame(base::Duration timeout) {
    if (!buffer_.empty()) {
        frames_.add(buffer_);
        buffer_ = {};
    }
    for (;;) {
        if (auto json = frames_.next()) {
            co_return json;
        }
        std::string bytes;
        if (!co_await more(bytes, timeout)) {
            if (frames_.empty()) {
                co_return std::nullopt;
            }
            broken("a frame");
        }
        frames_.add(bytes);
    }
}

Task<void> HttpConnection::send(Message message, base::Duration timeout) {
    const std::string bytes = protocol::frame(encode(message));
    co_await stream_.write_all(bytes, timeout);
}

} // namespace dispatcher::protocol
