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

    /// How long a message may take: `idle` until its first byte, then `whole` until its last one, so that
    /// nobody holds a connection by sending a byte now and then.
    struct Patience {
        base::Duration idle;
        base::Duration whole;
    };

    /// The next request's head; nothing when the other side closed between two requests.
    Task<std::optional<RequestHead>> request(Patience patience);
    /// Exactly `bytes` of a body, all of them within `whole`. @throws base::Error{Input} when that is more
    /// than `limit_bytes`.
    Task<std::string> body(std::uint64_t bytes, std::size_t limit_bytes, base::Duration whole);
    /// The next frame's JSON; nothing when the other side closed between two frames. A link that is silent
    /// for longer than `idle` is dead.
    Task<std::optional<std::string>> frame(Patience patience);
    /// Whether the other side has closed, found out without waiting; what it sent before stays to be read.
    bool ended();
    Task<void> send(Message message, base::Duration timeout);

    TlsStream& stream() noexcept { return stream_; }

private:
    using Deadline = std::chrono::steady_clock::time_point;
    /// False at the other side's end.
    Task<bool> more(std::string& into, Deadline deadline);

    TlsStream& stream_;
    std::string buffer_;
    FrameReader frames_;
};

} // namespace dispatcher::protocol
