// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "workflows/engine/lua_tokens.hpp"

#include <algorithm>
#include <fmt/format.h>

namespace workflows::engine::syntax {

void Tokens::advance() {
    previous_ = token_.place;
    for (;;) {
        try {
            token_ = lexer_.next();
            return;
        } catch (const SyntaxError& error) {
            fail(error.place, error.message);
        }
    }
}

bool Tokens::take(std::string_view symbol) {
    if (!is(symbol)) {
        return false;
    }
    advance();
    return true;
}

void Tokens::need(std::string_view symbol, std::string_view what) {
    if (!take(symbol)) {
        fail(token_.place, fmt::format("'{}' is missing before {}; {}", symbol, token_.shown(), what));
    }
}

void Tokens::need_closing(std::string_view symbol, std::string_view opening, Place from) {
    need(symbol, fmt::format("it closes the '{}' of line {}", opening, from.line));
}

std::string Tokens::need_name(std::string_view what) {
    if (token_.kind != Token::Kind::Name) {
        fail(token_.place, fmt::format("{} stands where {} is expected", token_.shown(), what));
        throw Lost{};
    }
    std::string name = token_.text;
    advance();
    return name;
}

void Tokens::fail(Place place, std::string message) {
    if (!full() && (errors_.empty() || errors_.back().place.line != place.line)) {
        errors_.push_back({place, std::move(message)});
    }
}

bool Tokens::full() const noexcept {
    constexpr std::size_t most = 50;
    return errors_.size() >= most;
}

std::vector<SyntaxError> Tokens::errors() const {
    std::vector<SyntaxError> sorted = errors_;
    // Gotos without a label are noted at the end of their block.
    std::stable_sort(sorted.begin(), sorted.end(),
                     [](const SyntaxError& a, const SyntaxError& b) { return a.place < b.place; });
    return sorted;
}

} // namespace workflows::engine::syntax
