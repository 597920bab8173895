// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "workflows/engine/lua_lexer.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace workflows::engine::syntax {

/// The parser gave up on a statement; what was wrong is noted already.
struct Lost {};

/// A text as a parser reads it: the token at hand, what has to come, and what was wrong.
class Tokens {
public:
    explicit Tokens(std::string_view text) : lexer_(text) { advance(); }

    const Token& now() const noexcept { return token_; }
    Place place() const noexcept { return token_.place; }
    bool at_end() const noexcept { return token_.kind == Token::Kind::End; }
    bool is(std::string_view symbol) const noexcept {
        return token_.kind == Token::Kind::Symbol && token_.text == symbol;
    }
    /// Stands on a later line than the token before it.
    bool begins_line() const noexcept { return token_.place.line > previous_.line; }

    void advance();
    bool take(std::string_view symbol);
    /// A missing symbol is noted and taken as written.
    void need(std::string_view symbol, std::string_view what);
    void need_closing(std::string_view symbol, std::string_view opening, Place from);
    /// @throws Lost
    std::string need_name(std::string_view what);

    /// At most one a line: what one slip brings about further on in its line is no second one.
    void fail(Place place, std::string message);
    /// So many errors that reading on is of no use.
    bool full() const noexcept;
    /// In the order of the text.
    std::vector<SyntaxError> errors() const;

private:
    Lexer lexer_;
    Token token_;
    Place previous_;
    std::vector<SyntaxError> errors_;
};

} // namespace workflows::engine::syntax
