// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/certificate.hpp"

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace base {

struct Identity {
    std::string certificate_pem; ///< leaf first
    std::string key_pem;
};

/// TLS 1.3 only. Holds an SSL_CTX; sessions made from it share it. Thread: any once made.
class TlsContext {
public:
    /// Sends leaf and CA; asks for a client certificate signed by the CA but lets clients without one in: the
    /// handler's policy decides. Release-buffers mode on, one session ticket, session id context set (without
    /// it resumption with client certificates fails).
    static TlsContext server(const Identity& identity, std::string_view ca_pem);
    /// Trusts exactly the CA certificate whose SHA-256 over its DER is `ca`, which the server must send in
    /// its chain; the leaf must be for serverAuth. Sessions made from one context take each other up again.
    /// The host name is not looked at: the pin already says who the dispatcher is.
    static TlsContext client(const Digest& ca, const std::optional<Identity>& identity);

    struct State;
    explicit TlsContext(std::shared_ptr<State> state) : state_(std::move(state)) {}
    State& state() const noexcept { return *state_; }

private:
    std::shared_ptr<State> state_;
};

/// One connection's TLS state, directly on a non-blocking socket that the caller owns and keeps open longer
/// than this. Thread: one at a time. 21 KB for each idle mutual-TLS connection against 70 KB of a BIO pair
/// (measured; docs/benchmarks.md).
class TlsSession {
public:
    enum class Status { Done, WantRead, WantWrite, Closed };
    struct Progress {
        Status status;
        std::size_t bytes = 0;
    };

    TlsSession(const TlsContext& context, int socket, bool server);
    ~TlsSession();
    TlsSession(TlsSession&&) noexcept;

    /// Call again after the socket is ready in the way the status says.
    /// @throws Error{Fault::Denied} when the peer's or our certificate is refused, Error{Fault::Unavailable}
    /// when the connection breaks. After a Denied the caller should stop writing and read until the peer
    /// closes, for a moment: closing with unread bytes resets the connection, and the peer never reads why.
    Progress handshake();
    Progress read(std::span<char> into);
    Progress write(std::span<const char> from);
    /// Sends close_notify; does not wait for the peer's.
    void close() noexcept;
    /// The peer's certificate, when it gave one and it was verified.
    std::optional<Certificate> peer() const;

private:
    struct State;
    std::unique_ptr<State> state_;
};

} // namespace base
