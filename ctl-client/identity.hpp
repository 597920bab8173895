// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/key.hpp"
#include "base/name.hpp"
#include "base/tls.hpp"
#include "ctl-client/state.hpp"
#include "rpm/package.hpp"

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace ctl_client {

/// Who this node is, whom it trusts, and which tree it manages: pinned once, at enrolment or at the first
/// `apply`. On disk in STATE/identity/: `node.key` (0600) and `node.pem` as helpers read them, `client.json`
/// (last, so that its presence means all of it):
///
///     {"format": 1, "server": "host:port", "node": "web-1", "ca": "sha256:…", "root": "/", "release_keys":
///     [PEM], "package_keys": [armoured]}
///
/// Without an enrolment `server`, `node` and `ca` are empty.
struct Identity {
    std::string server;
    std::string node;
    std::optional<base::Digest> ca;
    std::filesystem::path root = "/";
    std::vector<base::PublicKey> release_keys;
    rpm::TrustedKeys package_keys;
    std::string certificate_pem;
    std::string key_pem;

    bool enrolled() const noexcept { return !server.empty(); }
    /// Nothing when there is none yet. @throws base::Error{Input} when it cannot be read.
    static std::optional<Identity> load(const StateDirectory& state);
    void save(const StateDirectory& state) const;

    static std::filesystem::path certificate_file(const StateDirectory& state) {
        return state.identity() / "node.pem";
    }
    static std::filesystem::path key_file(const StateDirectory& state) {
        return state.identity() / "node.key";
    }
};

} // namespace ctl_client
