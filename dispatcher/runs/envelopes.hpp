// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/digest.hpp"
#include "base/files.hpp"
#include "dispatcher/protocol/orders.hpp"

#include <filesystem>
#include <optional>
#include <string>

namespace dispatcher::runs {

/// The signed manifests that orders name, in STATE/manifests/<sha256>.json: nodes fetch them from there,
/// because a large release does not fit into a message, and because ten thousand orders shall not carry ten
/// thousand copies. They stay, as the orders do.
class Envelopes {
public:
    Envelopes(std::filesystem::path directory, base::Files& files);

    /// Keeps the text, durably on return, and says how an order names it.
    protocol::EnvelopeName keep(const std::string& text);
    /// Nothing for one that no order has named.
    std::optional<std::filesystem::path> file(const base::Digest& digest) const;

private:
    std::filesystem::path path(const base::Digest& digest) const;

    std::filesystem::path directory_;
    base::Files& files_;
};

} // namespace dispatcher::runs
