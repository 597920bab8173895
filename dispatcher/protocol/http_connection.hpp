// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "dispatcher/protocol/http.hpp"
#include "dispatcher/protocol/messages.hpp"
#include "dispatcher/protocol/tls_stream.hpp"

#include <optional>
#include <string>

namespace dispatcher::protocol {

/// One connection that speaks HTTP/1.1 and, after an upgrade, frames. Reads are buffered here, so that bytes
/// which came together with a head are not lost. One reader and one writer at a time, as for TlsStream.
class HttpConnection {
public:
    explicit HttpConnection(TlsStream& stream) : stream_(stream) {}

    /// The next request's head; nothing when the other side closed between two requests.
    Task<std::optional<RequestHead>> request(base::Duration timeout);
    Task<ResponseHead> response(base::Duration timeout);
    /// Exactly `bytes` of a body. @throws base::Error{Input} when that is more than `limit_bytes`.
    Task<std::string> body(std::uint64_t bytes, std::size_t limit_bytes, base::Duration timeout);
    /// The next frame's JSON; nothing when the other side closed between two frames. `timeout` is for each
    /// wait: a link that is silent for longer is dead.
    Task<std::optional<std::string>> frame(base::Duration timeout);
    Task<void> send(Message message, base::Duration timeout);

    TlsStream& stream() noexcept { return stream_; }

private:
    /// False at the other side's end.
    Task<bool> more(std::string& into, base::Duration timeout);

    TlsStream& stream_;
    std::string buffer_;
    FrameReader frames_;
};

} // namespace dispatcher::protocol
