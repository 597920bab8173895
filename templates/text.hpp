// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// Text as Python's str sees it: UTF-8, counted in code points, with Python's idea of blanks, lines and
/// letter case. A byte that is not UTF-8 counts as one character of its own; templates refuse such bytes when
/// they are parsed.
namespace templates {

/// How many bytes the character at text[at] takes; at < text.size().
std::size_t character_bytes(std::string_view text, std::size_t at) noexcept;
/// The code point at text[at]; 0xFFFD for a byte that is not UTF-8.
char32_t code_point(std::string_view text, std::size_t at) noexcept;
/// Where the first byte stands that is not UTF-8.
std::optional<std::size_t> first_invalid(std::string_view text) noexcept;
std::size_t character_count(std::string_view text) noexcept;
/// One view into `text` for each character.
std::vector<std::string_view> characters(std::string_view text);
void append_character(std::string& text, char32_t character);

/// str.isspace() of one character.
bool is_blank(char32_t character) noexcept;
/// How many bytes of blanks stand at text[at …].
std::size_t blanks_at(std::string_view text, std::size_t at) noexcept;
std::string_view without_leading_blanks(std::string_view text) noexcept;
std::string_view without_trailing_blanks(std::string_view text) noexcept;

/// str.splitlines(): also splits at vertical tab, form feed, U+0085, U+2028 and the like.
std::vector<std::string_view> lines_of(std::string_view text);

/// str.upper() and str.lower() for all of Unicode 14, whatever the locale ("ß" becomes "SS").
std::string upper(std::string_view text);
std::string lower(std::string_view text);

/// repr(str): in quotes, control characters escaped.
std::string in_quotes(std::string_view text);

} // namespace templates
