// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "base/error.hpp"
#include "base/handle.hpp"
#include "rpm/package.hpp"

#include <rpm/rpmds.h>

#include <algorithm>
#include <array>
#include <cstdlib>

namespace rpm {
namespace {

constexpr std::array<std::string_view, 5> comparisons{"=", "<", "<=", ">", ">="};

bool is_blank(char c) {
    return c == ' ' || c == '\t';
}

std::vector<std::string> words_of(std::string_view text) {
    std::vector<std::string> words;
    for (std::size_t at = 0; at < text.size();) {
        if (is_blank(text[at])) {
            ++at;
            continue;
        }
        const std::size_t end = static_cast<std::size_t>(
            std::find_if(text.begin() + static_cast<std::ptrdiff_t>(at), text.end(), is_blank) -
            text.begin());
        words.emplace_back(text.substr(at, end - at));
        at = end;
    }
    return words;
}

bool is_printable(std::string_view text) {
    return std::all_of(text.begin(), text.end(),
                       [](unsigned char c) { return c > ' ' && c != 0x7f && c != ',' && c != '"'; });
}

/// 'redis>=7' is a slip, 'font(:lang=en)' is a name.
bool is_name(std::string_view text) {
    return is_printable(text) &&
           text.substr(0, text.find('(')).find_first_of("<>=") == std::string_view::npos;
}

Dependency rich(std::string_view text) {
    const std::string whole(text);
    const char* rest = whole.c_str();
    char* reason = nullptr;
    const rpmRC verdict = rpmrichParse(&rest, &reason, nullptr, nullptr);
    const base::Handle<char, std::free> owned(reason);
    if (verdict != RPMRC_OK || *rest != '\0') {
        throw base::Error(base::Fault::Input, "'{}' is no dependency: {}", text,
                          reason != nullptr ? reason : "something follows the closing parenthesis");
    }
    return {whole, "", ""};
}

} // namespace

Dependency Dependency::parse(std::string_view text) {
    const auto words = words_of(text);
    if (!words.empty() && words.front().front() == '(') {
        return rich(text);
    }
    const bool fits = (words.size() == 1 || words.size() == 3) && is_name(words.front());
    if (!fits) {
        throw base::Error(base::Fault::Input,
                          "'{}' is no dependency; write a name, or a name, a comparison and a version: "
                          "'redis >= 7'",
                          text);
    }
    if (words.size() == 1) {
        return {words[0], "", ""};
    }
    if (std::find(comparisons.begin(), comparisons.end(), words[1]) == comparisons.end()) {
        throw base::Error(base::Fault::Input,
                          "'{}' in dependency '{}' is no comparison; there are =, <, <=, > and >=", words[1],
                          text);
    }
    const auto evr_letter = [](char c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
               std::string_view("._+~^:-").find(c) != std::string_view::npos;
    };
    if (!std::all_of(words[2].begin(), words[2].end(), evr_letter)) {
        throw base::Error(base::Fault::Input, "'{}' in dependency '{}' is no version", words[2], text);
    }
    return {words[0], words[1], words[2]};
}

} // namespace rpm
