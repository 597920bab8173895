// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/digest.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace dispatcher::protocol {

/// What a token says: `tiercel1.` + base64url (no padding) of the JSON record {id, secret, kind, ca,
/// release_keys, package_keys}. Whoever holds it can authenticate the dispatcher (`ca`: SHA-256 over the CA
/// certificate's DER) before saying anything.
struct Token {
    std::string id;
    std::string secret;
    std::string kind; ///< "enroll" or "operator"
    base::Digest ca;
    std::vector<base::Digest> release_keys; ///< PublicKey::fingerprint of each
    std::vector<base::Digest> package_keys; ///< SHA-256 of each armoured certificate's text

    std::string text() const;
    /// @throws base::Error{Input} `this is not a tiercel token …`, never quoting the text.
    static Token parse(std::string_view text);
};

} // namespace dispatcher::protocol
