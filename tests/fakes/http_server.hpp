// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/tls.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace tests {

/// A web server on a free port of 127.0.0.1 that answers as badly as it is told to: one request for each
/// connection, the answer's bytes exactly as given. It runs in a thread of its own; the answerer is called
/// there, one request at a time.
class HttpServer {
public:
    struct Answer {
        std::string bytes; ///< head and body, or whatever shall be sent
        bool hang = false; ///< keeps the connection open afterwards, without a word
    };
    struct Request {
        std::string head; ///< with its empty line
        std::string body;
        std::optional<base::Certificate> peer;
        /// The value of a header, empty when it is absent; `name` as it is written.
        std::string header(const std::string& name) const;
        /// `GET /path`
        std::string line() const;
    };
    using Answerer = std::function<Answer(const Request&)>;

    explicit HttpServer(Answerer answerer, std::optional<base::TlsContext> tls = std::nullopt);
    ~HttpServer();
    HttpServer(const HttpServer&) = delete;
    HttpServer& operator=(const HttpServer&) = delete;

    std::string url(const std::string& path) const;
    /// All requests so far, in their order.
    std::vector<Request> requests() const;

    /// `HTTP/1.1 <status>` with Content-Length, Connection: close and more header lines, each with its line
    /// end.
    static Answer answer(const std::string& status, const std::string& body, const std::string& more = {});

private:
    struct State;
    std::unique_ptr<State> state_;
};

} // namespace tests
