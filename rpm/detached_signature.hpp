// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "rpm/package.hpp"

#include <string>
#include <string_view>

namespace rpm {

/// True when `armored_signature` (ASCII-armoured OpenPGP, as in `repomd.xml.asc`) is a signature over
/// `message` by one of these certificates. What is no signature at all is false, too. @throws
/// base::Error{Input} for a certificate that is none.
bool signed_by(std::string_view message, const std::string& armored_signature, const TrustedKeys& trust);

} // namespace rpm
