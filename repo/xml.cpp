// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "repo/xml.hpp"

#include <cstddef>
#include <cstdint>

namespace repo {

namespace {

bool continues(std::string_view text, std::size_t at) {
    return at < text.size() && (static_cast<unsigned char>(text[at]) & 0xc0u) == 0x80u;
}

/// How many bytes the character at `at` has, 0 when they are not the UTF-8 of any (overlong forms and
/// surrogates are not).
std::size_t character_bytes(std::string_view text, std::size_t at) {
    const auto first = static_cast<unsigned char>(text[at]);
    const std::size_t bytes = first < 0x80   ? 1
                              : first < 0xc2 ? 0
                              : first < 0xe0 ? 2
                              : first < 0xf0 ? 3
                              : first < 0xf5 ? 4
                                             : 0;
    for (std::size_t more = 1; more < bytes; ++more) {
        if (!continues(text, at + more)) {
            return 0;
        }
    }
    if (bytes >= 3) {
        const auto second = static_cast<unsigned char>(text[at + 1]);
        if ((first == 0xe0 && second < 0xa0) || (first == 0xed && second >= 0xa0) ||
            (first == 0xf0 && second < 0x90) || (first == 0xf4 && second >= 0x90)) {
            return 0;
        }
    }
    return bytes;
}

/// Appends one byte of ASCII.
void append(std::string& out, char letter) {
    switch (letter) {
    case '<':
        out += "&lt;";
        break;
    case '>':
        out += "&gt;";
        break;
    case '&':
        out += "&amp;";
        break;
    case '"':
        out += "&quot;";
        break;
    case '\r':
        // A reader turns a bare one into a line feed.
        out += "&#13;";
        break;
    default:
        out += (static_cast<unsigned char>(letter) < 0x20 && letter != '\n' && letter != '\t') ? '?' : letter;
    }
}

} // namespace

std::string xml_escaped(std::string_view text) {
    std::string out;
    out.reserve(text.size() + text.size() / 8);
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t bytes = character_bytes(text, at);
        const std::string_view character = text.substr(at, bytes);
        if (bytes == 1) {
            append(out, text[at]);
        } else if (character == "\xef\xbf\xbe" || character == "\xef\xbf\xbf") {
            out += '?';
        } else if (bytes > 1) {
            out += character;
        } else {
            const auto latin = static_cast<unsigned char>(text[at]);
            out += static_cast<char>(0xc0u | (latin >> 6u));
            out += static_cast<char>(0x80u | (latin & 0x3fu));
        }
        at += bytes == 0 ? 1 : bytes;
    }
    return out;
}

} // namespace repo
