// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "dispatcher/api/request.hpp"
#include "dispatcher/protocol/http.hpp"
#include "dispatcher/protocol/tls_stream.hpp"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string_view>

namespace dispatcher::agents {

/// Which bytes of a file of `size` a Range field asks for.
struct Range {
    std::uint64_t first = 0;
    std::uint64_t count = 0;
};
/// "bytes=N-" and "bytes=N-M"; nothing for one that cannot be satisfied. Other forms are read as the whole
/// file, as RFC 9110 allows.
std::optional<Range> range_of(std::string_view field, std::uint64_t size);

/// The answer to a request for a file: all of it, or the part that `Range` asks for.
/// @throws base::Error{Unavailable} when the file cannot be read or the other side does not move.
protocol::Task<void> send_file(protocol::TlsStream& stream, const protocol::RequestHead& head,
                               const api::StoredFile& stored, base::Duration timeout);

} // namespace dispatcher::agents
