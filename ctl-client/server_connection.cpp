// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "ctl-client/server_connection.hpp"

#include "base/error.hpp"

#include <array>
#include <poll.h>

namespace ctl_client {

using base::TlsSession;

ServerConnection::ServerConnection(const std::string& address, const base::TlsContext& context,
                                   Deadline deadline)
    : address_(address), socket_(connect_tcp(address, deadline)), session_(context, socket_.get(), false) {
    while (true) {
        const TlsSession::Progress progress = session_.handshake();
        if (progress.status == TlsSession::Status::Done) {
            return;
        }
        if (progress.status == TlsSession::Status::Closed) {
            throw base::Error(base::Fault::Unavailable, "'{}' closed the connection during the handshake",
                              address_);
        }
        wait_for(socket_.get(), progress.status == TlsSession::Status::WantRead ? POLLIN : POLLOUT, deadline);
    }
}

void ServerConnection::write(std::string_view bytes, Deadline deadline) {
    while (!bytes.empty()) {
        const TlsSession::Progress progress = session_.write(bytes);
        switch (progress.status) {
        case TlsSession::Status::Done:
            bytes.remove_prefix(progress.bytes);
            break;
        case TlsSession::Status::Closed:
            throw base::Error(base::Fault::Unavailable, "'{}' closed the connection", address_);
        case TlsSession::Status::WantRead:
            wait_for(socket_.get(), POLLIN, deadline);
            break;
        case TlsSession::Status::WantWrite:
            wait_for(socket_.get(), POLLOUT, deadline);
            break;
        }
    }
}

std::string ServerConnection::read_available() {
    std::string arrived;
    std::array<char, 16384> block;
    while (true) {
        const TlsSession::Progress progress = session_.read(block);
        if (progress.status == TlsSession::Status::Done) {
            arrived.append(block.data(), progress.bytes);
            continue;
        }
        if (progress.status == TlsSession::Status::Closed && arrived.empty()) {
            throw base::Error(base::Fault::Unavailable, "'{}' closed the connection", address_);
        }
        return arrived;
    }
}

dispatcher::protocol::ResponseHead
ServerConnection::exchange(std::string_view method, std::string_view target,
                           const std::vector<dispatcher::protocol::HttpField>& fields,
                           std::optional<std::string_view> request_body, std::string& body,
                           Deadline deadline) {
    const auto length = request_body ? std::optional<std::uint64_t>(request_body->size()) : std::nullopt;
    write(dispatcher::protocol::request_head(method, target, address_, fields, length), deadline);
    write(request_body.value_or(""), deadline);
    const auto more = [&] {
        const std::string arrived = read_available();
        if (arrived.empty()) {
            wait_for(socket_.get(), POLLIN, deadline);
        }
        body += arrived;
    };
    std::optional<dispatcher::protocol::ResponseHead> head;
    while (!(head = dispatcher::protocol::take_response_head(body))) {
        more();
    }
    constexpr std::uint64_t limit = 4u << 20;
    if (head->content_length.value_or(0) > limit) {
        throw base::Error(base::Fault::Corrupt, "'{}' answers with more than {} bytes", address_, limit);
    }
    while (body.size() < head->content_length.value_or(0)) {
        more();
    }
    return *head;
}

std::string server_address(std::string_view text) {
    constexpr std::string_view scheme = "https://";
    std::string address(text.starts_with(scheme) ? text.substr(scheme.size()) : text);
    while (!address.empty() && address.back() == '/') {
        address.pop_back();
    }
    if (address.empty() || address.find('/') != std::string::npos) {
        throw base::Error(base::Fault::Input, "'{}' is no address of a dispatcher; write host:port", text);
    }
    const bool has_port = address.rfind(':') != std::string::npos && address.back() != ']';
    return has_port ? address : address + ":8443";
}

} // namespace ctl_client
