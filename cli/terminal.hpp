// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace cli {

enum class Color { Red, Green, Yellow, Blue, Grey, Bold };

/// The text in colour when the descriptor (1 standard output, 2 standard error) is a terminal and NO_COLOR is
/// not set. Control characters in `text` are made visible first: what nodes report must not drive a person's
/// terminal.
std::string paint(Color color, std::string_view text, int descriptor = 1);

/// Control characters other than newline and tab as `\x1b`.
std::string printable(std::string_view text);

/// Columns padded to the widest cell, two blanks apart, the first row being the heading.
std::string table(const std::vector<std::vector<std::string>>& rows);

/// "3 nodes", "1 node".
std::string count(std::size_t number, std::string_view singular);

} // namespace cli
