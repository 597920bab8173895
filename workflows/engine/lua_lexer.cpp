// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "workflows/engine/lua_lexer.hpp"

#include "workflows/engine/foreign_words.hpp"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <fmt/format.h>
#include <iterator>

namespace workflows::engine::syntax {
namespace {

constexpr std::string_view keywords[] = {
    "and", "break", "do",  "else", "elseif", "end",    "false",  "for",  "function", "goto",  "if",
    "in",  "local", "nil", "not",  "or",     "repeat", "return", "then", "true",     "until", "while"};
// The longest first.
constexpr std::string_view symbols[] = {"...", "..", "==", "~=", "<=", ">=", "//", "::", "<<", ">>", "+",
                                        "-",   "*",  "/",  "%",  "^",  "#",  "&",  "~",  "|",  "<",  ">",
                                        "=",   "(",  ")",  "{",  "}",  "[",  "]",  ";",  ":",  ",",  "."};

constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";

// As Lua does: without a locale.
bool is_digit(char c) noexcept {
    return c >= '0' && c <= '9';
}
bool is_letter(char c) noexcept {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
bool is_hex(char c) noexcept {
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}
int hex_value(char c) noexcept {
    return is_digit(c) ? c - '0' : (c | 0x20) - 'a' + 10;
}

// Lua's own encoding: up to six bytes, surrogates too.
void append_utf8(std::string& value, std::uint32_t code) {
    if (code < 0x80) {
        value += static_cast<char>(code);
        return;
    }
    char bytes[6];
    int count = 0;
    std::uint32_t most = 0x3f;
    do {
        bytes[count++] = static_cast<char>(0x80 | (code & 0x3f));
        code >>= 6;
        most >>= 1;
    } while (code > most);
    bytes[count++] = static_cast<char>((~most << 1) | code);
    value.append(std::reverse_iterator(bytes + count), std::reverse_iterator(bytes));
}

// Digits of one kind, a point, an exponent; whether the text is a number at all, and a whole one.
bool is_number(std::string_view text, bool& whole) noexcept {
    const bool hex = text.size() > 1 && text[0] == '0' && (text[1] | 0x20) == 'x';
    std::size_t at = hex ? 2 : 0;
    std::size_t digits = 0;
    whole = true;
    for (; at < text.size() && ((hex ? is_hex(text[at]) : is_digit(text[at])) || (text[at] == '.' && whole));
         ++at) {
        digits += text[at] == '.' ? 0 : 1;
        whole = whole && text[at] != '.';
    }
    if (digits > 0 && at < text.size() && (text[at] | 0x20) == (hex ? 'p' : 'e')) {
        whole = false;
        ++at;
        at += at < text.size() && (text[at] == '+' || text[at] == '-') ? 1 : 0;
        digits = 0;
        for (; at < text.size() && is_digit(text[at]); ++at) {
            ++digits;
        }
    }
    return digits > 0 && at == text.size();
}

} // namespace

std::string Token::shown() const {
    return kind == Kind::End ? "<eof>" : kind == Kind::String ? "'\"" + text + "\"'" : "'" + text + "'";
}

bool Lexer::take(char wanted) noexcept {
    if (at_end() || text_[at_] != wanted) {
        return false;
    }
    skip();
    return true;
}

void Lexer::skip() noexcept {
    const char c = text_[at_++];
    if (c == '\n' || c == '\r') {
        // Both orders of the two are one end of line.
        if (!at_end() && (text_[at_] == '\n' || text_[at_] == '\r') && text_[at_] != c) {
            ++at_;
        }
        ++place_.line;
        place_.column = 1;
    } else if ((static_cast<unsigned char>(peek()) & 0xC0) != 0x80) {
        ++place_.column;
    }
}

bool Lexer::long_opening(std::size_t& level) const noexcept {
    level = 0;
    while (peek(1 + level) == '=') {
        ++level;
    }
    return peek() == '[' && peek(1 + level) == '[';
}

void Lexer::skip_blank() {
    while (!at_end()) {
        if (std::string_view(" \t\v\f\r\n").find(peek()) != std::string_view::npos) {
            skip();
        } else if (peek() == '-' && peek(1) == '-') {
            const Place from = place_;
            skip();
            skip();
            if (std::size_t level = 0; long_opening(level)) {
                long_text(level, from, "comment");
            } else {
                while (!at_end() && peek() != '\n' && peek() != '\r') {
                    skip();
                }
            }
        } else {
            return;
        }
    }
}

std::string Lexer::long_text(std::size_t level, Place from, std::string_view what) {
    for (std::size_t i = 0; i < level + 2; ++i) {
        skip();
    }
    if (peek() == '\n' || peek() == '\r') {
        skip();
    }
    const std::string closing = "]" + std::string(level, '=') + "]";
    std::string value;
    while (!at_end()) {
        if (text_.substr(at_, closing.size()) == closing) {
            for (std::size_t i = 0; i < closing.size(); ++i) {
                skip();
            }
            return value;
        }
        value += peek() == '\r' ? '\n' : peek();
        skip();
    }
    throw SyntaxError{from, fmt::format("this {} has no end; write '{}' at its end", what, closing)};
}

void Lexer::escape(std::string& value) {
    const Place here = place_;
    skip();
    if (at_end()) {
        return; // the caller finds that the text has no end
    }
    const char c = peek();
    constexpr std::string_view letters = "abfnrtv\\\"'";
    constexpr std::string_view meant = "\a\b\f\n\r\t\v\\\"'";
    if (const std::size_t known = letters.find(c); known != std::string_view::npos) {
        value += meant[known];
        skip();
    } else if (c == '\n' || c == '\r') {
        value += '\n';
        skip();
    } else if (c == 'z') {
        skip();
        while (!at_end() && std::string_view(" \t\v\f\r\n").find(peek()) != std::string_view::npos) {
            skip();
        }
    } else if (c == 'x') {
        skip();
        int code = 0;
        for (int i = 0; i < 2; ++i, skip()) {
            if (!is_hex(peek())) {
                throw SyntaxError{here, "'\\x' needs two hexadecimal digits; write '\\x1B'"};
            }
            code = code * 16 + hex_value(peek());
        }
        value += static_cast<char>(code);
    } else if (c == 'u') {
        skip();
        std::uint32_t code = 0;
        bool good = take('{') && is_hex(peek());
        for (; good && is_hex(peek()); skip()) {
            good = code < 0x8000000u;
            code = code * 16 + static_cast<std::uint32_t>(hex_value(peek()));
        }
        if (!good || !take('}')) {
            throw SyntaxError{here, "'\\u' needs a character's number below 80000000; write '\\u{20AC}'"};
        }
        append_utf8(value, code);
    } else if (is_digit(c)) {
        int code = 0;
        for (int i = 0; i < 3 && is_digit(peek()); ++i, skip()) {
            code = code * 10 + (peek() - '0');
        }
        if (code > 255) {
            throw SyntaxError{here, fmt::format("'\\{}' is no byte; at most '\\255'", code)};
        }
        value += static_cast<char>(code);
    } else {
        throw SyntaxError{
            here, fmt::format("'\\{}' means nothing in a text; write '\\\\{}' for the two characters", c, c)};
    }
}

std::string Lexer::quoted_text(char quote, Place from) {
    skip();
    std::string value;
    while (!at_end() && peek() != '\n' && peek() != '\r') {
        if (take(quote)) {
            return value;
        }
        if (peek() == '\\') {
            escape(value);
        } else {
            value += peek();
            skip();
        }
    }
    throw SyntaxError{from, fmt::format("this text has no end; write {} at its end", quote)};
}

Token Lexer::number(Place from) {
    const std::size_t first = at_;
    const bool hex = peek() == '0' && (peek(1) | 0x20) == 'x';
    if (hex) {
        skip();
        skip();
    }
    while (is_hex(peek()) || is_letter(peek()) || peek() == '.') {
        const bool exponent = (peek() | 0x20) == (hex ? 'p' : 'e');
        skip();
        if (exponent && (peek() == '+' || peek() == '-')) {
            skip();
        }
    }
    const std::string text(text_.substr(first, at_ - first));
    Token token{Token::Kind::Float, text, 0, 0, from};
    bool whole = false;
    if (!is_number(text, whole)) {
        throw SyntaxError{from, fmt::format("'{}' is no number", text)};
    }
    if (whole && hex) {
        // Lua lets them wrap around.
        std::uint64_t bits = 0;
        for (const char c : std::string_view(text).substr(2)) {
            bits = bits * 16 + static_cast<std::uint64_t>(hex_value(c));
        }
        token.kind = Token::Kind::Integer;
        token.whole = static_cast<std::int64_t>(bits);
    } else if (whole &&
               std::from_chars(text.data(), text.data() + text.size(), token.whole).ec == std::errc()) {
        token.kind = Token::Kind::Integer;
    } else {
        token.number = std::strtod(text.c_str(), nullptr);
    }
    return token;
}

Token Lexer::next() {
    skip_blank();
    const Place from = place_;
    if (at_end()) {
        return {Token::Kind::End, "", 0, 0, from};
    }
    const char c = peek();
    if (is_letter(c)) {
        const std::size_t first = at_;
        while (is_letter(peek()) || is_digit(peek())) {
            skip();
        }
        std::string text(text_.substr(first, at_ - first));
        const bool reserved = std::find(std::begin(keywords), std::end(keywords), text) != std::end(keywords);
        return {reserved ? Token::Kind::Symbol : Token::Kind::Name, std::move(text), 0, 0, from};
    }
    if (is_digit(c) || (c == '.' && is_digit(peek(1)))) {
        return number(from);
    }
    if (c == '"' || c == '\'') {
        return {Token::Kind::String, quoted_text(c, from), 0, 0, from};
    }
    if (std::size_t level = 0; c == '[' && long_opening(level)) {
        return {Token::Kind::String, long_text(level, from, "text"), 0, 0, from};
    } else if (c == '[' && level > 0) {
        skip();
        throw SyntaxError{from, "a long text begins with '[[' or '[=['"};
    }
    for (const std::string_view symbol : symbols) {
        if (text_.substr(at_, symbol.size()) == symbol) {
            for (std::size_t i = 0; i < symbol.size(); ++i) {
                skip();
            }
            return {Token::Kind::Symbol, std::string(symbol), 0, 0, from};
        }
    }
    const std::size_t first = at_;
    do {
        skip();
    } while ((static_cast<unsigned char>(peek()) & 0xC0) == 0x80);
    if (c == '!') {
        take('=');
    }
    const std::string_view symbol = text_.substr(first, at_ - first);
    throw SyntaxError{from,
                      fmt::format("'{}' means nothing here{}", symbol == byte_order_mark ? "<feff>" : symbol,
                                  instead_of_symbol(symbol))};
}

} // namespace workflows::engine::syntax
