// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// The little of HTTP/1.1 that client and dispatcher need: heads of messages. Boost.Beast reads them; nobody
// else includes it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dispatcher::protocol {

/// More than this is no head that we sent.
inline constexpr std::size_t max_head_bytes = 16u << 10;

struct HttpField {
    std::string name; ///< lower case
    std::string value;
};

/// What request and response have in common.
struct HttpHead {
    std::vector<HttpField> fields;
    std::optional<std::uint64_t> content_length;
    bool keep_alive = true;
    bool upgrade = false; ///< `Connection: upgrade` together with an `Upgrade` field

    /// The first field of this (lower-case) name, or nullptr.
    const std::string* find(std::string_view name) const noexcept;
};

struct RequestHead : HttpHead {
    std::string method;
    std::string target; ///< as sent, never decoded
};

struct ResponseHead : HttpHead {
    unsigned status = 0;
};

/// Takes one head off the front of `buffer`; nothing while it is not complete.
/// @throws base::Error{Input} for a malformed or oversized head, for a body in chunks (our requests say their
/// length), and for a field that says twice who asks, where, or how much: two readers could take another one.
std::optional<RequestHead> take_request_head(std::string& buffer, std::size_t limit_bytes = max_head_bytes);
/// The same for an answer. @throws base::Error{Corrupt}
std::optional<ResponseHead> take_response_head(std::string& buffer, std::size_t limit_bytes = max_head_bytes);

/// The text of a head, blank line included; `content_length` is written, `keep_alive` false writes
/// `Connection: close`.
std::string request_head(std::string_view method, std::string_view target, std::string_view host,
                         const std::vector<HttpField>& fields, std::optional<std::uint64_t> content_length);
std::string response_head(unsigned status, const std::vector<HttpField>& fields,
                          std::optional<std::uint64_t> content_length, bool keep_alive = true);
/// One chunk of a chunked body; an empty one would end it.
std::string chunk(std::string_view bytes);
inline constexpr std::string_view last_chunk = "0\r\n\r\n";

} // namespace dispatcher::protocol
