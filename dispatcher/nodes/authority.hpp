// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/certificate.hpp"
#include "base/files.hpp"
#include "base/tls.hpp"

#include <filesystem>
#include <string>

namespace dispatcher::nodes {

/// The dispatcher's own CA and its server certificate, in STATE/ca: `ca.pem`, `ca.key`, `server.pem`,
/// `server.key` (keys 0600). A crash at any instant of the first start leaves something that the next start
/// completes.
class Authority {
public:
    /// Makes what is missing; renews the server certificate when less than a third of its life is left.
    /// @throws base::Error{Input} when a file there is damaged.
    static Authority open(const std::filesystem::path& directory, base::Files& files, base::Time now);

    const base::Certificate& certificate() const noexcept { return ca_.certificate(); }
    /// What clients pin: SHA-256 over the CA certificate's DER.
    const base::Digest& pin() const noexcept { return ca_.certificate().fingerprint; }
    const base::Identity& server() const noexcept { return server_; }
    base::Certificate sign(std::string_view request_pem, const base::NodeName& node, base::Time now) const;

private:
    Authority(base::CertificateAuthority ca, base::Identity server)
        : ca_(std::move(ca)), server_(std::move(server)) {}
    base::CertificateAuthority ca_;
    base::Identity server_;
};

} // namespace dispatcher::nodes
