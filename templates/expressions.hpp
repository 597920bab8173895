// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "templates/lexer.hpp"
#include "templates/syntax.hpp"

#include <cstddef>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

namespace templates {

/// Reads expressions from tokens, with Jinja2's grammar and precedence. The statements' parser goes on where
/// it stops.
class ExpressionReader {
public:
    ExpressionReader(std::vector<Token> tokens, std::string_view name)
        : tokens_(std::move(tokens)), name_(name) {}

    const Token& current() const noexcept { return tokens_[at_]; }
    const Token& next() const noexcept { return tokens_[at_ + 1 < tokens_.size() ? at_ + 1 : at_]; }
    Token take();
    bool take_if(Token::Kind kind);
    bool accept(std::string_view op);
    bool accept_name(std::string_view name);
    /// `where` ends the sentence "expected 'x' …".
    void expect(std::string_view op, std::string_view where);
    [[noreturn]] void fail(Place place, std::string_view message) const { refuse(name_, place, message); }
    [[noreturn]] void fail(std::string_view message) const { fail(current().place, message); }
    std::string_view name() const noexcept { return name_; }

    /// What a print tag, set or for takes: one expression, or a tuple without brackets. `choices` allows `a
    /// if b else c`.
    ExpressionPtr read_all(bool choices);
    ExpressionPtr read(bool choices = true);
    /// `a`, `a, b` or `(a, b), c`, up to the name or operator that must follow.
    Target read_target();

    /// While it lives, one more level of blocks or brackets is open.
    class Level {
    public:
        explicit Level(ExpressionReader& reader);
        ~Level() { --reader_.level_; }
        Level(const Level&) = delete;
        Level& operator=(const Level&) = delete;

    private:
        ExpressionReader& reader_;
    };

private:
    ExpressionPtr choice();
    ExpressionPtr binary(int precedence);
    ExpressionPtr comparison();
    ExpressionPtr concatenation(int precedence);
    ExpressionPtr unary(bool with_filters);
    ExpressionPtr primary();
    ExpressionPtr bracketed();
    ExpressionPtr list_literal();
    ExpressionPtr record_literal();
    ExpressionPtr postfix(ExpressionPtr of);
    ExpressionPtr subscript(ExpressionPtr of);
    ExpressionPtr call(ExpressionPtr of);
    ExpressionPtr filter(ExpressionPtr input);
    ExpressionPtr test(ExpressionPtr value);
    Arguments filter_arguments(const Filter& filter);
    void check_names(const Filter& filter, const Arguments& arguments) const;
    std::vector<ExpressionPtr> positional(std::string_view callee);
    Target one_target();
    std::string target_name();
    bool ends_tuple() const noexcept;

    ExpressionPtr make(Place place, Expression::Form form) const;

    std::vector<Token> tokens_;
    std::size_t at_ = 0;
    int level_ = 0;
    std::string_view name_;
};

/// A token as an error names it: "'}}'", "'name'", "the end of the template".
std::string spelled(const Token& token);

} // namespace templates
