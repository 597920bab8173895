// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace repo {

/// `text` as the content of an XML 1.0 element or of an attribute in double quotes: well-formed UTF-8
/// whatever came in. A byte that is not UTF-8 is taken for Latin-1 (old headers), and what XML 1.0 cannot
/// hold at all (control characters, U+FFFE, U+FFFF) becomes '?'.
std::string xml_escaped(std::string_view text);

} // namespace repo
