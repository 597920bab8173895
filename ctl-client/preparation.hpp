// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/files.hpp"
#include "base/process.hpp"
#include "ctl-client/generations.hpp"
#include "ctl-client/packages.hpp"
#include "ctl-client/wanted.hpp"
#include "dispatcher/protocol/orders.hpp"

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace ctl_client {

/// Makes a generation out of what is wanted: package files in the stage, verified, and every text rendered
/// and validated. Touches nothing outside the client's own directory. Thread: the database's.
class Preparation {
public:
    struct Parts {
        Generations& generations;
        const StateDirectory& state;
        Packages& packages;
        base::Files& files;
        base::Processes& processes;
        std::filesystem::path root;
        /// Where a package of a release comes from: an URL.
        std::function<std::string(const repo::ManifestPackage&)> source;
        /// Where a signed manifest of this digest comes from when it is not held: an URL.
        std::function<std::string(const base::Digest&)> manifest_source;
    };
    explicit Preparation(Parts parts) : parts_(std::move(parts)) {}

    /// The signed manifest that an order names, fetched unless it is held. Nothing is known of its signatures
    /// yet. @throws as Packages::fetch.
    std::string envelope(const dispatcher::protocol::EnvelopeName& name);
    /// Holds one that somebody brought, so that it need not be fetched; durable on return.
    dispatcher::protocol::EnvelopeName hold_envelope(std::string_view text);
    /// @throws base::Error with what is missing or wrong; what was downloaded stays.
    Generation make(const Wanted& wanted);
    /// Checks that the file of each package is held, byte for byte. @throws base::Error{Conflict}
    void require_held(const std::vector<HeldPackage>& packages);

private:
    void download(const Wanted& wanted);
    void fetch(const std::vector<Download>& missing);
    std::filesystem::path envelope_file(const base::Digest& digest) const;

    Parts parts_;
};

/// `node.root` for a root directory: empty for "/".
std::string node_root(const std::filesystem::path& root);

} // namespace ctl_client
