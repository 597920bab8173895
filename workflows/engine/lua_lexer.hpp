// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

namespace workflows::engine::syntax {

/// Where something stands: line and column from 1, columns in characters of UTF-8.
struct Place {
    int line = 1;
    int column = 1;
    friend auto operator<=>(const Place&, const Place&) = default;
};

struct Token {
    /// Symbol: keywords, operators and punctuation, told apart by their text.
    enum class Kind { Symbol, Name, String, Integer, Float, End };
    Kind kind = Kind::End;
    std::string text; ///< of strings the value
    std::int64_t whole = 0;
    double number = 0;
    Place place;

    /// As errors show it: `'then'`, `<eof>`.
    std::string shown() const;
};

/// A text that is no Lua, and where.
struct SyntaxError {
    Place place;
    std::string message;
};

/// Cuts the text of Lua 5.4 into tokens as Lua itself does. The text must outlive it.
class Lexer {
public:
    explicit Lexer(std::string_view text) : text_(text) {}
    /// The next token; End for ever at the end. @throws SyntaxError, after which it goes on behind the
    /// broken token.
    Token next();

private:
    bool at_end() const noexcept { return at_ >= text_.size(); }
    char peek(std::size_t ahead = 0) const noexcept {
        return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0';
    }
    bool take(char wanted) noexcept;
    void skip() noexcept;
    void skip_blank();
    bool long_opening(std::size_t& level) const noexcept;
    std::string long_text(std::size_t level, Place from, std::string_view what);
    std::string quoted_text(char quote, Place from);
    void escape(std::string& value);
    Token number(Place from);

    std::string_view text_;
    std::size_t at_ = 0;
    Place place_;
};

} // namespace workflows::engine::syntax
