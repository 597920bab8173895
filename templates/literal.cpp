// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "templates/literal.hpp"

#include "templates/text.hpp"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <limits>

namespace templates {
namespace {

constexpr std::size_t no_match = std::string_view::npos;

bool is_digit(char character) noexcept {
    return character >= '0' && character <= '9';
}

/// The value of a digit in bases up to 36; 99 for others.
int digit_value(char character) noexcept {
    if (is_digit(character))
        return character - '0';
    if (character >= 'a' && character <= 'z')
        return character - 'a' + 10;
    if (character >= 'A' && character <= 'Z')
        return character - 'A' + 10;
    return 99;
}

/// The end of digits with single '_' between them, starting at `at`; no_match when there is none.
std::size_t digits_end(std::string_view text, std::size_t at) noexcept {
    if (at >= text.size() || !is_digit(text[at]))
        return no_match;
    while (at < text.size()) {
        if (is_digit(text[at]))
            ++at;
        else if (text[at] == '_' && at + 1 < text.size() && is_digit(text[at + 1]))
            ++at;
        else
            break;
    }
    return at;
}

/// The end of the fraction that `text` begins with; no_match when it begins with a whole number.
std::size_t fraction_end(std::string_view text) noexcept {
    std::size_t end = digits_end(text, 0);
    if (end == no_match)
        return no_match;
    bool is_fraction = false;
    if (end < text.size() && text[end] == '.') {
        const std::size_t after = digits_end(text, end + 1);
        if (after != no_match) {
            end = after;
            is_fraction = true;
        }
    }
    if (end < text.size() && (text[end] == 'e' || text[end] == 'E')) {
        std::size_t exponent = end + 1;
        if (exponent < text.size() && (text[exponent] == '+' || text[exponent] == '-'))
            ++exponent;
        const std::size_t after = digits_end(text, exponent);
        if (after != no_match) {
            end = after;
            is_fraction = true;
        }
    }
    return is_fraction ? end : no_match;
}

std::string without_underscores(std::string_view text) {
    std::string plain;
    for (const char character : text)
        if (character != '_')
            plain += character;
    return plain;
}

/// The end of the whole number that `text` begins with.
std::size_t whole_end(std::string_view text) noexcept {
    const char mark = text.size() > 1 && text[0] == '0' ? static_cast<char>(text[1] | 0x20) : '\0';
    const int base = mark == 'b' ? 2 : mark == 'o' ? 8 : mark == 'x' ? 16 : 10;
    const auto fits = [&](std::size_t at) {
        return at < text.size() && digit_value(text[at]) < base &&
               !(base == 10 && text[0] == '0' && text[at] != '0');
    };
    std::size_t end = base == 10 ? 1 : 2;
    while (fits(end) || (end < text.size() && text[end] == '_' && fits(end + 1)))
        ++end;
    return base != 10 && end == 2 ? 1 : end;
}

/// The code point of `count` digits at literal[at] in the given base; nothing when they are not all there.
std::optional<char32_t> escaped_number(std::string_view literal, std::size_t at, std::size_t count) {
    if (literal.size() - at < count)
        return std::nullopt;
    char32_t number = 0;
    for (const char digit : literal.substr(at, count)) {
        if (digit_value(digit) >= 16)
            return std::nullopt;
        number = number * 16 + static_cast<char32_t>(digit_value(digit));
    }
    return number;
}

char simple_escape(char letter) noexcept {
    switch (letter) {
    case 'n':
        return '\n';
    case 't':
        return '\t';
    case 'r':
        return '\r';
    case 'a':
        return '\a';
    case 'b':
        return '\b';
    case 'f':
        return '\f';
    case 'v':
        return '\v';
    case '\\':
    case '\'':
    case '"':
        return letter;
    default:
        return '\0';
    }
}

} // namespace

Unescaped unescape(std::string_view literal) {
    Unescaped result;
    std::string& text = result.text;
    for (std::size_t at = 0; at < literal.size();) {
        if (literal[at] != '\\') {
            text += literal[at++];
            continue;
        }
        // The lexer has made sure that something follows.
        const char letter = literal[at + 1];
        at += 2;
        if (const char simple = simple_escape(letter); simple != '\0') {
            text += simple;
        } else if (letter == '\n') {
            continue;
        } else if (letter >= '0' && letter <= '7') {
            char32_t number = static_cast<char32_t>(letter - '0');
            for (int more = 0; more < 2 && at < literal.size() && literal[at] >= '0' && literal[at] <= '7';
                 ++more)
                number = number * 8 + static_cast<char32_t>(literal[at++] - '0');
            append_character(text, number);
        } else if (letter == 'x' || letter == 'u' || letter == 'U') {
            const std::size_t count = letter == 'x' ? 2 : letter == 'u' ? 4 : 8;
            const auto number = escaped_number(literal, at, count);
            if (!number || *number > 0x10FFFF || (*number >= 0xD800 && *number < 0xE000)) {
                result.wrong = fmt::format(
                    "'\\{}' needs {} hexadecimal digits of a character; write '\\\\' for a backslash", letter,
                    count);
                return result;
            }
            append_character(text, *number);
            at += count;
        } else if (letter == 'N' || static_cast<unsigned char>(letter) >= 0x80) {
            result.wrong =
                "a backslash stands before 'N' or a letter outside of ASCII; write '\\\\' for a backslash";
            return result;
        } else {
            text += '\\';
            text += letter;
        }
    }
    return result;
}

NumberLiteral read_number(std::string_view text, bool fractions_allowed) {
    NumberLiteral literal;
    const std::size_t end = fractions_allowed ? fraction_end(text) : no_match;
    if (end != no_match) {
        literal.is_fraction = true;
        literal.bytes = end;
        const auto number = read_fraction(text.substr(0, end));
        if (!number || !std::isfinite(*number))
            literal.wrong = "the number is too big; numbers end at 1.8e308";
        else
            literal.fraction = *number;
        return literal;
    }
    literal.bytes = whole_end(text);
    if (read_whole(text.substr(0, literal.bytes), 0, literal.whole) != Reading::Done)
        literal.wrong = "the number is too big; whole numbers end at 9223372036854775807";
    return literal;
}

std::string to_text(double number) {
    if (std::isnan(number))
        return "nan";
    if (std::isinf(number))
        return number < 0 ? "-inf" : "inf";
    char shortest[64];
    const auto written =
        std::to_chars(shortest, shortest + sizeof shortest, number, std::chars_format::scientific);
    const std::string_view text(shortest, static_cast<std::size_t>(written.ptr - shortest));
    const std::size_t mark = text.find('e');
    const bool negative = text[0] == '-';
    std::string digits;
    for (const char character : text.substr(negative ? 1 : 0, mark - (negative ? 1 : 0)))
        if (character != '.')
            digits += character;
    int exponent = 0;
    const std::size_t sign = text[mark + 1] == '+' ? 1 : 0;
    std::from_chars(text.data() + mark + 1 + sign, text.data() + text.size(), exponent);

    std::string result = negative ? "-" : "";
    // Python writes an exponent below 1e-4 and from 1e16 on.
    if (exponent < -4 || exponent >= 16) {
        result += digits[0];
        if (digits.size() > 1)
            result += '.' + digits.substr(1);
        return result + fmt::format("e{}{:02}", exponent < 0 ? '-' : '+', std::abs(exponent));
    }
    if (exponent < 0)
        return result + "0." + std::string(static_cast<std::size_t>(-exponent - 1), '0') + digits;
    const auto before = static_cast<std::size_t>(exponent) + 1;
    if (digits.size() <= before)
        return result + digits + std::string(before - digits.size(), '0') + ".0";
    return result + digits.substr(0, before) + '.' + digits.substr(before);
}

Reading read_whole(std::string_view text, int base, std::int64_t& number) {
    text = without_trailing_blanks(without_leading_blanks(text));
    const bool negative = !text.empty() && text[0] == '-';
    if (!text.empty() && (text[0] == '-' || text[0] == '+'))
        text.remove_prefix(1);
    bool after_prefix = false;
    if (text.size() > 1 && text[0] == '0') {
        const char mark = static_cast<char>(text[1] | 0x20);
        const int named = mark == 'b' ? 2 : mark == 'o' ? 8 : mark == 'x' ? 16 : 0;
        if (named != 0 && (base == 0 || base == named)) {
            base = named;
            text.remove_prefix(2);
            after_prefix = true;
        }
    }
    const bool zeros_only = base == 0 && !text.empty() && text[0] == '0';
    if (base == 0)
        base = 10;
    std::uint64_t value = 0;
    bool too_big = false;
    bool digit_before = after_prefix;
    for (const char character : text) {
        if (character == '_' && digit_before) {
            digit_before = false;
            continue;
        }
        const int digit = digit_value(character);
        if (digit >= base || (zeros_only && digit != 0))
            return Reading::NotANumber;
        digit_before = true;
        const std::uint64_t limit = std::numeric_limits<std::uint64_t>::max();
        if (value > (limit - static_cast<std::uint64_t>(digit)) / static_cast<std::uint64_t>(base))
            too_big = true;
        else
            value = value * static_cast<std::uint64_t>(base) + static_cast<std::uint64_t>(digit);
    }
    if (!digit_before || text.empty())
        return Reading::NotANumber;
    constexpr std::uint64_t most = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
    if (too_big || value > most + (negative ? 1 : 0))
        return Reading::TooBig;
    number = negative ? static_cast<std::int64_t>(0 - value) : static_cast<std::int64_t>(value);
    return Reading::Done;
}

std::optional<double> read_fraction(std::string_view text) {
    text = without_trailing_blanks(without_leading_blanks(text));
    const bool negative = !text.empty() && text[0] == '-';
    if (!text.empty() && (text[0] == '-' || text[0] == '+'))
        text.remove_prefix(1);
    const std::string word = lower(text);
    if (word == "inf" || word == "infinity")
        return negative ? -HUGE_VAL : HUGE_VAL;
    if (word == "nan")
        return std::numeric_limits<double>::quiet_NaN();
    // '_' stands between digits only.
    for (std::size_t at = 0; at < text.size(); ++at) {
        if (text[at] != '_')
            continue;
        if (at == 0 || !is_digit(text[at - 1]) || at + 1 == text.size() || !is_digit(text[at + 1]))
            return std::nullopt;
    }
    const std::string plain = without_underscores(text);
    if (plain.empty() || (!is_digit(plain[0]) && plain[0] != '.'))
        return std::nullopt;
    double number = 0;
    const auto read = std::from_chars(plain.data(), plain.data() + plain.size(), number);
    if (read.ptr != plain.data() + plain.size())
        return std::nullopt;
    if (read.ec == std::errc::result_out_of_range) {
        const bool tiny = plain[0] == '0' || plain[0] == '.' || plain.find("e-") != std::string::npos ||
                          plain.find("E-") != std::string::npos;
        number = tiny ? 0.0 : HUGE_VAL;
    } else if (read.ec != std::errc()) {
        return std::nullopt;
    }
    return negative ? -number : number;
}

} // namespace templates
