// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/descriptor.hpp"
#include "base/tls.hpp"
#include "ctl-client/http_get.hpp"
#include "dispatcher/protocol/http.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ctl_client {

/// One TLS 1.3 connection to the dispatcher, which is who its pinned CA says. Plain poll(2), no reactor: a
/// client has one connection, and 10 MB for everything. Thread: one. Every wait has a deadline; errors are
/// base::Error{Unavailable} and {Denied}.
class ServerConnection {
public:
    /// Connects and shakes hands. `address` is host:port.
    ServerConnection(const std::string& address, const base::TlsContext& context, Deadline deadline);

    int socket() const noexcept { return socket_.get(); }
    void write(std::string_view bytes, Deadline deadline);
    /// What has arrived, without waiting; empty: nothing for now. @throws base::Error{Unavailable} when the
    /// other side has closed.
    std::string read_available();
    /// Sends one request and returns the answer's head; the body of an answer with a length is appended to
    /// `body`.
    dispatcher::protocol::ResponseHead exchange(std::string_view method, std::string_view target,
                                                const std::vector<dispatcher::protocol::HttpField>& fields,
                                                std::optional<std::string_view> request_body,
                                                std::string& body, Deadline deadline);

private:
    std::string address_;
    base::Descriptor socket_;
    base::TlsSession session_;
};

/// `host:port` out of `https://host:port/`, `host:port` or `host` (port 8443). @throws base::Error{Input}
std::string server_address(std::string_view text);

} // namespace ctl_client
