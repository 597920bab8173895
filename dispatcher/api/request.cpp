// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/api/request.hpp"

#include "base/error.hpp"
#include "base/json.hpp"

#include <algorithm>
#include <charconv>

namespace dispatcher::api {

namespace {

constexpr std::size_t max_target_bytes = 4096;

bool is_plain(char letter) noexcept {
    return (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') ||
           (letter >= '0' && letter <= '9') || letter == '-' || letter == '_' || letter == '.' ||
           letter == ':';
}

[[noreturn]] void refuse_path() {
    throw base::Error(base::Fault::Input,
                      std::string("path of the request is malformed; it is made of letters, digits, '-', "
                                  "'_', '.' and ':' between single slashes"));
}

[[noreturn]] void refuse_query() {
    throw base::Error(base::Fault::Input,
                      std::string("query of the request is malformed; write name=value&name=value"));
}

std::string decoded(std::string_view text) {
    std::string out;
    for (std::size_t at = 0; at < text.size(); ++at) {
        if (text[at] != '%') {
            out.push_back(text[at] == '+' ? ' ' : text[at]);
            continue;
        }
        if (at + 2 >= text.size()) {
            refuse_query();
        }
        unsigned byte = 0;
        const char* end = text.data() + at + 3;
        if (std::from_chars(text.data() + at + 1, end, byte, 16).ptr != end || byte == 0) {
            refuse_query();
        }
        out.push_back(static_cast<char>(byte));
        at += 2;
    }
    return out;
}

std::vector<std::string_view> split(std::string_view text, char separator) {
    std::vector<std::string_view> parts;
    for (;;) {
        const std::size_t end = text.find(separator);
        parts.push_back(text.substr(0, end));
        if (end == std::string_view::npos) {
            return parts;
        }
        text.remove_prefix(end + 1);
    }
}

} // namespace

Target Target::parse(std::string_view text) {
    if (text.size() > max_target_bytes || text.empty() || text.front() != '/') {
        refuse_path();
    }
    Target target;
    const std::size_t question = text.find('?');
    for (const std::string_view part :
         split(text.substr(1, question == std::string_view::npos ? question : question - 1), '/')) {
        if (part.empty() || part == "." || part == ".." || !std::all_of(part.begin(), part.end(), is_plain)) {
            refuse_path();
        }
        target.path.emplace_back(part);
    }
    if (question == std::string_view::npos) {
        return target;
    }
    for (const std::string_view pair : split(text.substr(question + 1), '&')) {
        const std::size_t equals = pair.find('=');
        if (equals == std::string_view::npos || equals == 0 ||
            !target.query.emplace(decoded(pair.substr(0, equals)), decoded(pair.substr(equals + 1))).second) {
            refuse_query();
        }
    }
    return target;
}

std::int64_t Request::whole(const std::string& name, std::int64_t absent) const {
    const auto found = target.query.find(name);
    if (found == target.query.end()) {
        return absent;
    }
    std::int64_t number = 0;
    const std::string& text = found->second;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || end != text.data() + text.size() || number < 0) {
        throw base::Error(base::Fault::Input, "'{}' is '{}', but must be a whole number", name, text);
    }
    return number;
}

base::Value Request::document() const {
    return base::parse_json(body, "request", {.bytes = std::size_t{8} << 20, .depth = 32});
}

} // namespace dispatcher::api
