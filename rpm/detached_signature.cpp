// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "rpm/detached_signature.hpp"

#include "base/digest.hpp"
#include "base/error.hpp"
#include "base/handle.hpp"
#include "rpm/package_file.hpp"

#include <rpm/rpmcrypto.h>
#include <rpm/rpmpgp.h>

#include <algorithm>

namespace rpm {

namespace {

using Signature = base::Handle<pgpDigParams_s, pgpDigParamsFree>;

/// The packets in the armour (RFC 4880, 6.2), nothing when it is none. Its CRC is not looked at: a signature
/// proves itself. librpm's own reader takes armoured keys only.
std::string without_armor(std::string_view armored) {
    constexpr std::string_view begin = "-----BEGIN PGP SIGNATURE-----\n";
    std::size_t at = armored.find(begin);
    const std::size_t body = at == std::string_view::npos ? at : armored.find("\n\n", at + begin.size() - 1);
    if (body == std::string_view::npos) {
        return {};
    }
    std::string base64;
    for (at = body + 2; at < armored.size() && armored[at] != '=' && armored[at] != '-';) {
        const std::size_t end = std::min(armored.find('\n', at), armored.size());
        base64 += armored.substr(at, end - at);
        at = end + 1;
    }
    try {
        return base::from_base64(base64);
    } catch (const base::Error&) {
        return {};
    }
}

} // namespace

bool signed_by(std::string_view message, const std::string& armored_signature, const TrustedKeys& trust) {
    const Keyring keyring = keyring_of(trust);
    const std::string packets = without_armor(armored_signature);
    pgpDigParams parameters = nullptr;
    if (pgpPrtParams(reinterpret_cast<const uint8_t*>(packets.data()), packets.size(), PGPTAG_SIGNATURE,
                     &parameters) != 0) {
        return false;
    }
    const Signature signature(parameters);
    DIGEST_CTX digest =
        rpmDigestInit(static_cast<int>(pgpDigParamsAlgo(signature.get(), PGPVAL_HASHALGO)), RPMDIGEST_NONE);
    if (digest == nullptr) {
        return false;
    }
    rpmDigestUpdate(digest, message.data(), message.size());
    const bool good = rpmKeyringVerifySig(keyring.get(), signature.get(), digest) == RPMRC_OK;
    rpmDigestFinal(digest, nullptr, nullptr, 0);
    return good;
}

} // namespace rpm
