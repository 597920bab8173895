// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "base/name.hpp"

#include "base/error.hpp"

#include <algorithm>
#include <cstddef>
#include <string>

namespace base {

namespace {

constexpr std::size_t most_bytes = 128;

bool is_letter_or_digit(char c) noexcept {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/// What stands in an error must not steer a terminal, and must not fill it.
std::string shown(std::string_view text) {
    std::string result(text.substr(0, most_bytes));
    std::replace_if(
        result.begin(), result.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
    return text.size() > most_bytes ? result + "..." : result;
}

void check_characters(std::string_view text, std::string_view what, std::string_view also,
                      std::string_view also_first, std::string_view allowed) {
    if (text.empty()) {
        throw Error(Fault::Input, "{} is empty", what);
    }
    if (text.size() > most_bytes) {
        throw Error(Fault::Input, "{} '{}' has {} bytes, but at most {} are allowed", what, shown(text),
                    text.size(), most_bytes);
    }
    for (const char c : text) {
        if (!is_letter_or_digit(c) && also.find(c) == std::string_view::npos) {
            throw Error(Fault::Input, "{} '{}' has a '{}', but only {} are allowed", what, shown(text),
                        shown({&c, 1}), allowed);
        }
    }
    if (!is_letter_or_digit(text.front()) && also_first.find(text.front()) == std::string_view::npos) {
        throw Error(Fault::Input, "{} '{}' begins with '{}', but must begin with a letter or digit", what,
                    shown(text), text.front());
    }
}

} // namespace

void check_word(std::string_view text, std::string_view what) {
    check_characters(text, what, "-_.", "", "letters, digits, '-', '_' and '.'");
}

void check_pair(std::string_view text, std::string_view what) {
    const std::size_t slash = text.find('/');
    if (slash == std::string_view::npos || text.find('/', slash + 1) != std::string_view::npos) {
        throw Error(Fault::Input,
                    "{} '{}' is not two words with one '/' between them; write for example '{}'", what,
                    shown(text), what == "release" ? "shop/1.0" : "shop/web");
    }
    if (slash == 0 || slash + 1 == text.size()) {
        throw Error(Fault::Input, "{} '{}' lacks the word {} its '/'", what, shown(text),
                    slash == 0 ? "before" : "after");
    }
    check_word(text.substr(0, slash), what);
    check_word(text.substr(slash + 1), what);
}

void PackageTag::check(std::string_view text) {
    // rpm's own rule for names, without its macro characters.
    check_characters(text, "package name", "-_.+", "_", "letters, digits, '-', '_', '.' and '+'");
}

} // namespace base
