// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/nodes/authority.hpp"

namespace dispatcher::nodes {

namespace {

constexpr std::string_view name = "tiercel-dispatcher";
constexpr std::chrono::hours server_lifetime{24 * 365};
/// A node's certificate ends by being replaced or revoked, which the inventory knows at once.
constexpr std::chrono::hours node_lifetime{24 * 3650};

base::CertificateAuthority open_ca(const std::filesystem::path& directory, base::Files& files,
                                   base::Time now) {
    const auto certificate = directory / "ca.pem";
    const auto key = directory / "ca.key";
    if (!files.exists(certificate)) {
        // The certificate comes last: while it is missing nothing was signed, and a key without it is only a
        // try that was cut short.
        const auto ca = base::CertificateAuthority::create(name, now);
        files.write(key, ca.key_pem(), 0600);
        files.write(certificate, ca.certificate().pem, 0644);
    }
    return base::CertificateAuthority::load(files.read(certificate), files.read(key));
}

bool lasts(const std::string& pem, base::Time now) {
    const base::Certificate certificate = base::Certificate::parse(pem);
    return now >= certificate.not_before &&
           certificate.not_after - now > (certificate.not_after - certificate.not_before) / 3;
}

base::Identity open_server(const std::filesystem::path& directory, const base::CertificateAuthority& ca,
                           base::Files& files, base::Time now) {
    const auto certificate = directory / "server.pem";
    const auto key = directory / "server.key";
    if (!files.exists(key)) {
        files.remove(certificate);
        files.write(key, base::PrivateKey::generate(base::KeyKind::EcdsaP256).pem(), 0600);
    }
    base::Identity identity{.certificate_pem = {}, .key_pem = files.read(key)};
    if (files.exists(certificate)) {
        identity.certificate_pem = files.read(certificate);
    }
    if (identity.certificate_pem.empty() || !lasts(identity.certificate_pem, now)) {
        const auto public_key = base::PrivateKey::from_pem(identity.key_pem).public_key();
        identity.certificate_pem = ca.sign_server(public_key, name, now, server_lifetime).pem;
        files.write(certificate, identity.certificate_pem, 0644);
    }
    return identity;
}

} // namespace

Authority Authority::open(const std::filesystem::path& directory, base::Files& files, base::Time now) {
    files.make_directories(directory, 0700);
    base::CertificateAuthority ca = open_ca(directory, files, now);
    base::Identity server = open_server(directory, ca, files, now);
    return {std::move(ca), std::move(server)};
}

base::Certificate Authority::sign(std::string_view request_pem, const base::NodeName& node,
                                  base::Time now) const {
    return ca_.sign_node(request_pem, node, now, node_lifetime);
}

} // namespace dispatcher::nodes
