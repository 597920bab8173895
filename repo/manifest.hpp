// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/clock.hpp"
#include "base/digest.hpp"
#include "base/key.hpp"
#include "base/name.hpp"
#include "base/nevra.hpp"
#include "base/value.hpp"
#include "rpm/about.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace repo {

struct ManifestPackage {
    base::Nevra nevra;
    base::Digest digest; ///< of the package file
    std::uint64_t bytes = 0;
    std::string path; ///< below the repository: `pool/…`
    std::optional<rpm::About> about;
};

/// A release: immutable, signed. JSON format 1 (docs/formats.md). `application` is app.lua evaluated, as
/// workflows::engine::Application::to_value writes it; this room carries it without looking inside.
struct Manifest {
    base::ReleaseName release;
    base::Time created;
    std::string channel; ///< where it was taken from
    base::Value application;
    std::map<std::string, std::string> workflows; ///< name → Lua text
    std::vector<ManifestPackage> packages;        ///< sorted by name; one of each name

    const ManifestPackage* find(const std::string& package_name) const noexcept;
    base::Value to_value() const;
    /// Members that it does not know are ignored: newer programs add some. @throws base::Error{Input}
    static Manifest from_value(const base::Value& document, const std::string& file);
};

/// The manifest's exact bytes with signatures over them: `{"payload": "<text>", "signatures": [{"key":
/// "sha256:…", "signature": "<base64>"}]}`. Ed25519 over the bytes "tiercel-release-v1\n" + payload.
struct SignedManifest {
    std::string payload;
    struct Signature {
        base::Digest key;
        std::string signature;
    };
    std::vector<Signature> signatures;

    static SignedManifest sign(const Manifest& manifest, const base::Signer& release_key);
    static SignedManifest parse(std::string_view json, const std::string& name);
    std::string json() const;
    /// SHA-256 of the payload: what a plan and an order are bound to.
    base::Digest digest() const;
    /// @throws base::Error{Denied} `release 'shop/1.0' is not signed by a trusted release key`.
    Manifest verified(const std::vector<base::PublicKey>& trusted) const;
};

} // namespace repo
