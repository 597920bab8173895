// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/value.hpp"

#include <cstddef>
#include <string>
#include <string_view>

namespace base {

struct JsonLimits {
    std::size_t bytes = 16u << 20;
    std::size_t depth = 64;
};

/// Strict JSON (RFC 8259) from outside: duplicate member names are refused, depth and size are bounded,
/// numbers that are whole and fit become std::int64_t.
/// @throws Error{Fault::Input} as `name:line: what`, `name` being the file or message that the text came
/// from.
Value parse_json(std::string_view text, std::string_view name, JsonLimits limits = {});

/// One line, members in their order, no superfluous blanks. Control characters are escaped; bytes that are
/// not UTF-8, as the output of a foreign program may hold them, become U+FFFD. @throws Error{Fault::Internal}
/// for a number that is not finite.
std::string to_json(const Value& value);
/// The same for people: two blanks of indentation and a final newline.
std::string to_pretty_json(const Value& value);

} // namespace base
