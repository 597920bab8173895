// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/digest.hpp"
#include "base/fields.hpp"
#include "base/tls.hpp"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>

namespace base {

/// Who the other side must be and who we are; for `http://` both must stay empty, for `file://` they mean
/// nothing.
struct Trust {
    std::optional<Digest> ca; ///< as TlsContext::client; absent: the system's CAs
    std::optional<Identity> identity;
};

struct HttpRequest {
    std::string method = "GET";
    std::string url;
    std::map<std::string, std::string> headers;
    std::string body;
    Trust trust;
    Duration timeout =
        std::chrono::seconds(30); ///< whole exchange for `send`; for streams and files only the connection
    std::size_t limit_bytes =
        64u << 20; ///< of the answer's body, in a stream of one line; more is Error{Fault::Corrupt}
};

struct HttpResponse {
    int status = 0;
    std::string body;
};

/// One HTTP exchange with libcurl. Blocks. @throws Error{Fault::Unavailable} when no answer came,
/// Error{Fault::Denied} when the other side is not who it must be.
HttpResponse send(const HttpRequest& request);

/// As `send`, but gives the body to `each_line` line by line as it comes, until the server ends it or
/// `each_line` returns false. The status of a refusal (>= 400) comes back with its body.
HttpResponse stream(const HttpRequest& request, const std::function<bool(std::string_view line)>& each_line);

struct FileRequest {
    std::string url;          ///< http, https or file
    std::filesystem::path to; ///< appears only when complete and verified; `to` + ".part" is resumed
    std::uint64_t bytes = 0;  ///< the signed length: reading stops there
    Digest digest;
    Trust trust;
    Duration stall = std::chrono::seconds(30); ///< gives up when less than 1 byte/s comes for this long
};

/// Downloads with resume. @throws Error{Fault::Unavailable} (may be repeated), Error{Fault::Corrupt} when
/// length or digest differ (the partial file is removed), Error{Fault::NotFound} for 404.
void download(const FileRequest& request);

} // namespace base
