// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/download.hpp"
#include "base/value.hpp"
#include "cli/command_line.hpp"

#include <functional>
#include <string>
#include <vector>

namespace cli {

/// The dispatcher's HTTP API as docs/protocol.md describes it, with the token's pinned CA.
class Server {
public:
    /// From --server/--token or TIERCEL_SERVER/TIERCEL_TOKEN. @throws base::Error{Input} saying which is
    /// missing.
    static Server from(const Arguments& arguments);
    /// A verb's own options and --server, --token.
    static std::vector<Option> options(std::vector<Option> own = {});

    /// @throws base::Error with the fault and message that the dispatcher gave, or Error{Unavailable}.
    base::Value get(const std::string& path) const;
    base::Value post(const std::string& path, const base::Value& body) const;
    void remove(const std::string& path) const;
    /// JSON lines until the server ends them or `each` returns false.
    void stream(const std::string& path, const std::function<bool(const base::Value&)>& each) const;

private:
    base::HttpRequest request(const std::string& method, const std::string& path) const;
    std::string url_;
    std::string token_;
    base::Trust trust_;
};

} // namespace cli
