// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// What stands before the payload of an RPM, format 4: a lead of 96 bytes (historical; only its magic is
// read), the signature header (SHA-256 of the header, sizes, the OpenPGP signature over the header, reserved
// space; 4096 bytes in all), and the header: tags of name, dependencies and files, among them the SHA-256 of
// every file and of the compressed payload, so that the one signature covers everything. No MD5, no SHA-1.
#pragma once

#include "base/digest.hpp"
#include "rpm/package.hpp"
#include "rpm/signing_key.hpp"

#include <cstdint>
#include <string>

namespace rpm {

/// The payload that follows: a cpio archive (newc) in zstd.
struct PayloadFacts {
    int level = 0;                   ///< of zstd; for information
    base::Digest digest;             ///< SHA-256 of the compressed bytes
    std::uint64_t bytes = 0;         ///< compressed
    std::uint64_t archive_bytes = 0; ///< uncompressed
};

/// Lead, signature header and header of the package that `facts` describe; read_package gives the same facts
/// back.
///
/// `facts.files` are sorted bytewise by path (rpm looks them up by binary search), without hard links. Added
/// as rpm adds them: the package's own name to what it provides, `config(NAME)` when it has configuration
/// files, `rpmlib(…)` requirements. Not written: changelog, scriptlets. How long the text is does not depend
/// on digests, on the payload or on the key, so that the payload can be written behind it before they are
/// known; a missing file digest counts as zeros. `key` null leaves the package unsigned.
/// @throws base::Error{Input} when something in the facts cannot be said in this format.
std::string package_head(const PackageFacts& facts, const PayloadFacts& payload, const SigningKey* key,
                         std::uint32_t signed_at_unix_seconds);

} // namespace rpm
