// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

/// Numbers and strings as Python writes and reads them.
namespace templates {

struct Unescaped {
    std::string text;
    std::string wrong; ///< what is wrong with it; empty when nothing is
};
/// The value of a string literal without its quotes.
Unescaped unescape(std::string_view literal);

struct NumberLiteral {
    bool is_fraction = false;
    std::int64_t whole = 0;
    double fraction = 0;
    std::size_t bytes = 0; ///< how much of the text it took
    std::string wrong;
};
/// Reads the number that `text` begins with, a digit being its first character: 42, 1_000, 0xff, 0b1,
/// 0o17, 1.5, 2e3.
NumberLiteral read_number(std::string_view text, bool fractions_allowed);

/// repr(float): the shortest text that reads back as the same number: 1.0, 0.1, 1e+16, inf, nan.
std::string to_text(double number);

enum class Reading { Done, NotANumber, TooBig };
/// int(text, base), base being 0 or 2..36: blanks around, sign, '_' between digits.
Reading read_whole(std::string_view text, int base, std::int64_t& number);
/// float(text): also "inf", "infinity" and "nan".
std::optional<double> read_fraction(std::string_view text);

} // namespace templates
