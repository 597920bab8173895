// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/value.hpp"

#include <string_view>

namespace base {

/// TOML 1.0 into the same Value as JSON, nested 64 deep at most; every value carries its line. Dates become
/// RFC 3339 text; `nan` and `inf` are refused.
/// @throws Error{Fault::Input} as `name:line: what`.
Value parse_toml(std::string_view text, std::string_view name);

} // namespace base
