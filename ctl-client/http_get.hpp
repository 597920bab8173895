// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/descriptor.hpp"
#include "base/fields.hpp"

#include <chrono>
#include <string>
#include <string_view>

namespace ctl_client {

using Deadline = std::chrono::steady_clock::time_point;

/// A connected non-blocking TCP socket. `address` is `host:port`, an IPv6 host in brackets.
/// @throws base::Error{Input} for a malformed address or an unknown host, base::Error{Internal} when this
/// machine cannot make a socket, base::Error{Unavailable} when the other side refuses or does not answer in
/// time.
base::Descriptor connect_tcp(std::string_view address, Deadline deadline);

/// Waits for POLLIN or POLLOUT. @throws base::Error{Unavailable} when the deadline is over.
void wait_for(int socket, short events, Deadline deadline);

/// The body of `GET url` with `http://`, which must answer 200. No proxy, no redirect.
/// @throws as connect_tcp; base::Error{Unavailable} also for another status, and for more than `limit_bytes`.
std::string http_body(std::string_view url, Deadline deadline, std::size_t limit_bytes);

/// The status of `GET url` with `http://`; the body is not read. No proxy, no redirect. @throws as
/// connect_tcp.
int http_status(std::string_view url, Deadline deadline);

} // namespace ctl_client
