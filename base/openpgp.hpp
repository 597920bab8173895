// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/key.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace base {

/// OpenPGP v4 (RFC 4880; EdDSA as in draft-koch-eddsa, algorithm 22) signatures and certificates, made with
/// OpenSSL alone. Only creation: foreign OpenPGP packets are read by librpm. RSA and Ed25519 keys. The
/// creation time of the key is part of its OpenPGP fingerprint, so it travels with the key: see `tiercel key
/// new`.
class OpenPgpKey {
public:
    /// `signer` must outlive this. @throws Error{Fault::Input} for a kind of key that OpenPGP v4 does not
    /// take.
    OpenPgpKey(const Signer& signer, std::uint32_t created_unix_seconds);
    /// A detached binary signature packet of type 0x00 over `message`. Hashed: issuer fingerprint (33),
    /// creation time (2); unhashed, non-critical: issuer key id (16), because go-crypto's critical one gives
    /// NOKEY on rpm <= 4.16.
    std::string sign(std::string_view message, std::uint32_t at_unix_seconds) const;
    /// Transferable public key: key, user id, self-signature 0x13 with SHA-256 and key flags certify + sign.
    std::string certificate(std::string_view user_id) const;
    /// 20 bytes.
    std::string fingerprint() const { return fingerprint_; }
    bool is_rsa() const noexcept { return algorithm_ == 1; }

private:
    const Signer& signer_;
    std::uint8_t algorithm_ = 0;
    std::uint32_t created_;
    std::string public_body_;
    std::string fingerprint_;

    std::string signature(std::uint8_t type, std::string_view data, std::uint32_t at,
                          std::string_view more_hashed) const;
};

/// ASCII armour with CRC-24; `what` is "PUBLIC KEY BLOCK" or "SIGNATURE".
std::string armor(std::string_view binary, std::string_view what);

} // namespace base
