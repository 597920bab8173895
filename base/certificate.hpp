// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/clock.hpp"
#include "base/key.hpp"
#include "base/name.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace base {

/// An X.509 certificate, parsed once. Names come from exactly one SAN URI `tiercel:node:<name>` or
/// `tiercel:dispatcher:<name>`; the CN is never looked at.
struct Certificate {
    std::string pem;
    std::string serial; ///< lower-case hex
    Digest fingerprint; ///< SHA-256 over the DER
    Time not_before;
    Time not_after;
    std::optional<NodeName> node; ///< set for a node's certificate

    /// @throws Error{Fault::Input}
    static Certificate parse(std::string_view pem);
};

/// A request (PKCS#10) for `key`; its subject is only informative, the CA decides the names.
std::string make_certificate_request(const PrivateKey& key, const NodeName& node);

/// The dispatcher's own CA: ECDSA P-256, path length 0. Thread: any.
class CertificateAuthority {
public:
    static CertificateAuthority create(std::string_view name, Time now);
    /// @throws Error{Fault::Input}
    static CertificateAuthority load(std::string_view certificate_pem, std::string_view key_pem);
    const Certificate& certificate() const noexcept { return certificate_; }
    std::string key_pem() const { return key_.pem(); }
    /// A client certificate (EKU clientAuth) for this node over the request's key; extensions wished for in
    /// the request are ignored.
    /// @throws Error{Fault::Input} when the request is malformed or its self-signature is wrong.
    Certificate sign_node(std::string_view request_pem, const NodeName& node, Time now,
                          std::chrono::hours lifetime) const;
    /// A server certificate (EKU serverAuth) for the dispatcher.
    Certificate sign_server(const PublicKey& key, std::string_view name, Time now,
                            std::chrono::hours lifetime) const;

private:
    CertificateAuthority(Certificate certificate, PrivateKey key)
        : certificate_(std::move(certificate)), key_(std::move(key)) {}
    Certificate certificate_;
    PrivateKey key_;
};

} // namespace base
