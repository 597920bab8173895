// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "dispatcher/protocol/tls_stream.hpp"

#include <map>
#include <set>
#include <string>

namespace dispatcher::agents {

/// Wakes those who follow a run when it has something new to tell.
class News {
public:
    void tell(const std::string& run);
    /// Until something is told, or the time is over.
    protocol::Task<void> wait(const std::string& run, base::Duration longest);

private:
    std::map<std::string, std::set<boost::asio::steady_timer*>> waiting_;
};

} // namespace dispatcher::agents
