// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "templates/text.hpp"

#include <fmt/format.h>

#include <iterator>

namespace templates {
namespace {

unsigned char byte(std::string_view text, std::size_t at) {
    return static_cast<unsigned char>(text[at]);
}

struct Character {
    char32_t code = 0xFFFD;
    std::size_t bytes = 1;
    bool valid = false;
};

/// Overlong forms, surrogates and code points beyond U+10FFFF are not UTF-8.
Character decode(std::string_view text, std::size_t at) noexcept {
    const unsigned char lead = byte(text, at);
    if (lead < 0x80)
        return {lead, 1, true};
    const std::size_t bytes = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC0 ? 2 : 0;
    if (bytes == 0 || lead > 0xF4 || text.size() - at < bytes)
        return {};
    char32_t code = lead & (0x7Fu >> bytes);
    for (std::size_t index = 1; index < bytes; ++index) {
        const unsigned char next = byte(text, at + index);
        if ((next & 0xC0) != 0x80)
            return {};
        code = (code << 6) | (next & 0x3Fu);
    }
    static constexpr char32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    if (code < smallest[bytes] || code > 0x10FFFF || (code >= 0xD800 && code < 0xE000))
        return {};
    return {code, bytes, true};
}

struct Range {
    char32_t first;
    char32_t last;
};

/// What repr() escapes: controls, formats, separators, surrogates, private use. Code points that Unicode has
/// not assigned are shown as they are, because which ones these are changes with every version of Python.
constexpr Range hidden[] = {
    {0x00, 0x1F},        {0x7F, 0xA0},       {0xAD, 0xAD},       {0x600, 0x605},     {0x61C, 0x61C},
    {0x6DD, 0x6DD},      {0x70F, 0x70F},     {0x890, 0x891},     {0x8E2, 0x8E2},     {0x1680, 0x1680},
    {0x180E, 0x180E},    {0x2000, 0x200F},   {0x2028, 0x202F},   {0x205F, 0x206F},   {0x3000, 0x3000},
    {0xD800, 0xF8FF},    {0xFEFF, 0xFEFF},   {0xFFF0, 0xFFFB},   {0xFFFE, 0xFFFF},   {0x110BD, 0x110BD},
    {0x110CD, 0x110CD},  {0x13430, 0x13438}, {0x1BCA0, 0x1BCA3}, {0x1D173, 0x1D17A}, {0xE0000, 0xE00FF},
    {0xF0000, 0x10FFFF},
};

bool is_hidden(char32_t code) noexcept {
    for (const Range& range : hidden) {
        if (code < range.first)
            return false;
        if (code <= range.last)
            return true;
    }
    return false;
}

bool ends_line(char32_t code) noexcept {
    return (code >= 0x0A && code <= 0x0D) || (code >= 0x1C && code <= 0x1E) || code == 0x85 ||
           code == 0x2028 || code == 0x2029;
}

} // namespace

std::size_t character_bytes(std::string_view text, std::size_t at) noexcept {
    return decode(text, at).bytes;
}

char32_t code_point(std::string_view text, std::size_t at) noexcept {
    return decode(text, at).code;
}

std::optional<std::size_t> first_invalid(std::string_view text) noexcept {
    for (std::size_t at = 0; at < text.size();) {
        const Character character = decode(text, at);
        if (!character.valid)
            return at;
        at += character.bytes;
    }
    return std::nullopt;
}

std::size_t character_count(std::string_view text) noexcept {
    std::size_t count = 0;
    for (std::size_t at = 0; at < text.size(); at += character_bytes(text, at))
        ++count;
    return count;
}

std::vector<std::string_view> characters(std::string_view text) {
    std::vector<std::string_view> all;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t bytes = character_bytes(text, at);
        all.push_back(text.substr(at, bytes));
        at += bytes;
    }
    return all;
}

void append_character(std::string& text, char32_t character) {
    const auto put = [&text](char32_t value) {
        text += static_cast<char>(static_cast<unsigned char>(value));
    };
    if (character < 0x80) {
        put(character);
    } else if (character < 0x800) {
        put(0xC0 | (character >> 6));
        put(0x80 | (character & 0x3F));
    } else if (character < 0x10000) {
        put(0xE0 | (character >> 12));
        put(0x80 | ((character >> 6) & 0x3F));
        put(0x80 | (character & 0x3F));
    } else {
        put(0xF0 | (character >> 18));
        put(0x80 | ((character >> 12) & 0x3F));
        put(0x80 | ((character >> 6) & 0x3F));
        put(0x80 | (character & 0x3F));
    }
}

bool is_blank(char32_t code) noexcept {
    if (code < 0x80)
        return (code >= 0x09 && code <= 0x0D) || (code >= 0x1C && code <= 0x20);
    return code == 0x85 || code == 0xA0 || code == 0x1680 || (code >= 0x2000 && code <= 0x200A) ||
           code == 0x2028 || code == 0x2029 || code == 0x202F || code == 0x205F || code == 0x3000;
}

std::size_t blanks_at(std::string_view text, std::size_t at) noexcept {
    const std::size_t start = at;
    while (at < text.size() && is_blank(code_point(text, at)))
        at += character_bytes(text, at);
    return at - start;
}

std::string_view without_leading_blanks(std::string_view text) noexcept {
    return text.substr(blanks_at(text, 0));
}

std::string_view without_trailing_blanks(std::string_view text) noexcept {
    while (!text.empty()) {
        std::size_t last = text.size() - 1;
        while (last > 0 && text.size() - last < 4 && (byte(text, last) & 0xC0) == 0x80)
            --last;
        if (last + character_bytes(text, last) != text.size() || !is_blank(code_point(text, last)))
            break;
        text = text.substr(0, last);
    }
    return text;
}

std::vector<std::string_view> lines_of(std::string_view text) {
    std::vector<std::string_view> lines;
    std::size_t start = 0;
    for (std::size_t at = 0; at < text.size();) {
        const Character character = decode(text, at);
        std::size_t next = at + character.bytes;
        if (character.valid && ends_line(character.code)) {
            lines.push_back(text.substr(start, at - start));
            if (character.code == '\r' && next < text.size() && text[next] == '\n')
                ++next;
            start = next;
        }
        at = next;
    }
    if (start < text.size())
        lines.push_back(text.substr(start));
    return lines;
}

std::string in_quotes(std::string_view text) {
    const bool single = text.find('\'') == std::string_view::npos || text.find('"') != std::string_view::npos;
    const char quote = single ? '\'' : '"';
    std::string result(1, quote);
    for (std::size_t at = 0; at < text.size();) {
        const Character character = decode(text, at);
        const char32_t code = character.code;
        if (code == '\\' || code == static_cast<char32_t>(quote)) {
            result += '\\';
            result += static_cast<char>(code);
        } else if (code == '\n') {
            result += "\\n";
        } else if (code == '\r') {
            result += "\\r";
        } else if (code == '\t') {
            result += "\\t";
        } else if (character.valid && is_hidden(code) && code != ' ') {
            const auto number = static_cast<std::uint32_t>(code);
            if (number < 0x100)
                fmt::format_to(std::back_inserter(result), "\\x{:02x}", number);
            else if (number < 0x10000)
                fmt::format_to(std::back_inserter(result), "\\u{:04x}", number);
            else
                fmt::format_to(std::back_inserter(result), "\\U{:08x}", number);
        } else {
            result += text.substr(at, character.bytes);
        }
        at += character.bytes;
    }
    result += quote;
    return result;
}

} // namespace templates
