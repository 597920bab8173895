// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "templates/expressions.hpp"

#include "templates/filters.hpp"
#include "templates/operations.hpp"
#include "templates/text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace templates {
namespace {

using Kind = Token::Kind;

constexpr int lowest = 0;
constexpr int negation = 2;
constexpr int comparing = 3;
constexpr int concatenating = 5;
constexpr int highest = 8;

/// The operators of each precedence, from the loosest; comparison and '~' are chains of their own.
constexpr std::array<std::array<std::string_view, 4>, 8> operators = {{
    {"or"},
    {"and"},
    {},
    {},
    {"+", "-"},
    {},
    {"*", "/", "//", "%"},
    {"**"},
}};

bool is_reserved(std::string_view name) noexcept {
    constexpr std::array<std::string_view, 7> reserved = {"and", "or", "not", "if", "else", "in", "is"};
    return std::find(reserved.begin(), reserved.end(), name) != reserved.end();
}

/// Functions that every template of Jinja2 has, and no template here.
bool is_python_function(std::string_view name) noexcept {
    return name == "dict" || name == "lipsum" || name == "cycler" || name == "joiner" ||
           name == "namespace" || name == "self";
}

} // namespace

std::string spelled(const Token& token) {
    switch (token.kind) {
    case Kind::Text:
        return "text";
    case Kind::End:
        return "the end of the template";
    case Kind::String:
        return fmt::format("the string {}", in_quotes(token.text));
    default:
        return fmt::format("'{}'", token.text);
    }
}

ExpressionReader::Level::Level(ExpressionReader& reader) : reader_(reader) {
    if (++reader_.level_ > deepest_syntax) {
        --reader_.level_;
        reader_.fail(
            fmt::format("brackets and blocks are nested more than {} deep; write it in steps with 'set'",
                        deepest_syntax));
    }
}

ExpressionPtr ExpressionReader::make(Place place, Expression::Form form) const {
    auto expression = std::make_unique<Expression>();
    expression->place = place;
    expression->form = std::move(form);
    expression->reads_names = std::holds_alternative<NameRead>(expression->form);
    each_part(*expression, [&](const Expression& part) {
        expression->depth = std::max(expression->depth, part.depth + 1);
        expression->reads_names = expression->reads_names || part.reads_names;
    });
    if (expression->depth > deepest_syntax)
        fail(place, fmt::format("the expression is more than {} operators deep; write it in steps with 'set'",
                                deepest_syntax));
    return expression;
}

Token ExpressionReader::take() {
    Token token = current();
    if (at_ + 1 < tokens_.size())
        ++at_;
    return token;
}

bool ExpressionReader::take_if(Kind kind) {
    if (current().kind != kind)
        return false;
    take();
    return true;
}

bool ExpressionReader::accept(std::string_view op) {
    if (!current().is(op))
        return false;
    take();
    return true;
}

bool ExpressionReader::accept_name(std::string_view name) {
    if (!current().is_name(name))
        return false;
    take();
    return true;
}

void ExpressionReader::expect(std::string_view op, std::string_view where) {
    if (!accept(op))
        fail(fmt::format("expected '{}' {}, but found {}", op, where, spelled(current())));
}

bool ExpressionReader::ends_tuple() const noexcept {
    const Token& token = current();
    return token.kind == Kind::PrintEnd || token.kind == Kind::TagEnd || token.is(")") ||
           token.kind == Kind::End;
}

ExpressionPtr ExpressionReader::read_all(bool choices) {
    const Place place = current().place;
    if (ends_tuple())
        fail(fmt::format("expected an expression, but found {}", spelled(current())));
    ExpressionPtr first = read(choices);
    if (!current().is(","))
        return first;
    SequenceOf tuple{Sequence::Form::Tuple, {}};
    tuple.items.push_back(std::move(first));
    while (accept(",") && !ends_tuple())
        tuple.items.push_back(read(choices));
    return make(place, std::move(tuple));
}

ExpressionPtr ExpressionReader::read(bool choices) {
    const Level level(*this);
    return choices ? choice() : binary(lowest);
}

ExpressionPtr ExpressionReader::choice() {
    const Place place = current().place;
    ExpressionPtr value = binary(lowest);
    while (accept_name("if")) {
        ExpressionPtr condition = binary(lowest);
        ExpressionPtr otherwise = accept_name("else") ? read() : nullptr;
        value = make(place, Choice{std::move(condition), std::move(value), std::move(otherwise)});
    }
    return value;
}

ExpressionPtr ExpressionReader::binary(int precedence) {
    if (precedence == highest)
        return unary(true);
    if (precedence == comparing)
        return comparison();
    if (precedence == concatenating)
        return concatenation(precedence);
    const Place place = current().place;
    if (precedence == negation) {
        if (!accept_name("not"))
            return binary(precedence + 1);
        const Level level(*this);
        return make(place, Not{binary(precedence)});
    }
    ExpressionPtr left = binary(precedence + 1);
    while (true) {
        const auto& known = operators[static_cast<std::size_t>(precedence)];
        const Kind kind = precedence < negation ? Kind::Name : Kind::Operator;
        const bool found = current().kind == kind && !current().text.empty() &&
                           std::find(known.begin(), known.end(), current().text) != known.end();
        if (!found)
            return left;
        const std::string op = take().text;
        ExpressionPtr right = binary(precedence + 1);
        if (kind == Kind::Name)
            left = make(place, Logic{op == "and", std::move(left), std::move(right)});
        else
            left = make(place, Arithmetic{op, std::move(left), std::move(right)});
    }
}

ExpressionPtr ExpressionReader::comparison() {
    constexpr std::array<std::string_view, 6> comparisons = {"==", "!=", "<", "<=", ">", ">="};
    const Place place = current().place;
    Comparison chain{binary(comparing + 1), {}};
    while (true) {
        std::string op;
        if (current().kind == Kind::Operator &&
            std::find(comparisons.begin(), comparisons.end(), current().text) != comparisons.end()) {
            op = take().text;
        } else if (accept_name("in")) {
            op = "in";
        } else if (current().is_name("not") && next().is_name("in")) {
            take();
            take();
            op = "not in";
        } else {
            break;
        }
        chain.rest.emplace_back(std::move(op), binary(comparing + 1));
    }
    return chain.rest.empty() ? std::move(chain.first) : make(place, std::move(chain));
}

ExpressionPtr ExpressionReader::concatenation(int precedence) {
    const Place place = current().place;
    Concatenation chain;
    chain.parts.push_back(binary(precedence + 1));
    while (accept("~"))
        chain.parts.push_back(binary(precedence + 1));
    return chain.parts.size() == 1 ? std::move(chain.parts.front()) : make(place, std::move(chain));
}

ExpressionPtr ExpressionReader::unary(bool with_filters) {
    const Place place = current().place;
    ExpressionPtr value;
    if (current().is("-") || current().is("+")) {
        const Level level(*this);
        const bool minus = take().text == "-";
        value = make(place, Sign{minus, unary(false)});
    } else {
        value = primary();
    }
    value = postfix(std::move(value));
    while (with_filters) {
        if (current().is("|"))
            value = filter(std::move(value));
        else if (current().is_name("is"))
            value = test(std::move(value));
        else if (current().is("("))
            value = call(std::move(value));
        else
            break;
    }
    return value;
}

ExpressionPtr ExpressionReader::primary() {
    const Token token = current();
    if (token.is("("))
        return bracketed();
    if (token.is("["))
        return list_literal();
    if (token.is("{"))
        return record_literal();
    if (token.kind == Kind::Name) {
        take();
        if (token.text == "true" || token.text == "True")
            return make(token.place, Literal{Datum(true)});
        if (token.text == "false" || token.text == "False")
            return make(token.place, Literal{Datum(false)});
        if (token.text == "none" || token.text == "None")
            return make(token.place, Literal{Datum()});
        if (is_reserved(token.text))
            fail(token.place,
                 fmt::format("'{}' is a word of the language and stands in the wrong place", token.text));
        if (token.text.compare(0, 2, "__") == 0)
            fail(token.place,
                 fmt::format("'{}' begins with '__', which templates do not read; rename it", token.text));
        if (is_python_function(token.text))
            fail(token.place,
                 fmt::format(
                     "'{}' is a function of Jinja2 that is not in this subset; 'range' is the only one",
                     token.text));
        if (token.text == "range" && !current().is("("))
            fail(token.place, "'range' is a function; write range(3) to call it");
        return make(token.place, NameRead{token.text});
    }
    if (token.kind == Kind::Whole)
        return make(take().place, Literal{Datum(token.whole)});
    if (token.kind == Kind::Fraction)
        return make(take().place, Literal{Datum(token.fraction)});
    if (token.kind == Kind::String) {
        std::string text;
        while (current().kind == Kind::String)
            text += take().text;
        return make(token.place, Literal{Datum(std::move(text))});
    }
    fail(fmt::format("expected an expression, but found {}", spelled(token)));
}

ExpressionPtr ExpressionReader::bracketed() {
    const Place place = take().place;
    if (accept(")"))
        return make(place, SequenceOf{Sequence::Form::Tuple, {}});
    ExpressionPtr inner = read_all(true);
    expect(")", "to close the bracket");
    return inner;
}

ExpressionPtr ExpressionReader::list_literal() {
    const Place place = take().place;
    SequenceOf list;
    while (!current().is("]")) {
        list.items.push_back(read());
        if (!accept(","))
            break;
    }
    expect("]", "to close the list");
    return make(place, std::move(list));
}

ExpressionPtr ExpressionReader::record_literal() {
    const Place place = take().place;
    RecordOf record;
    while (!current().is("}")) {
        ExpressionPtr name = read();
        expect(":", "behind the name of a member");
        record.members.emplace_back(std::move(name), read());
        if (!accept(","))
            break;
    }
    expect("}", "to close the record");
    return make(place, std::move(record));
}

Target ExpressionReader::read_target() {
    const Level level(*this);
    Target first = one_target();
    if (!current().is(","))
        return first;
    Target tuple;
    tuple.parts.push_back(std::move(first));
    while (accept(",") && !current().is(")"))
        tuple.parts.push_back(one_target());
    return tuple;
}

Target ExpressionReader::one_target() {
    if (!accept("("))
        return Target{target_name(), {}};
    Target inner = read_target();
    expect(")", "to close the bracket");
    return inner;
}

std::string ExpressionReader::target_name() {
    const Token token = current();
    constexpr std::array<std::string_view, 6> constants = {"true", "false", "none", "True", "False", "None"};
    const bool constant = std::find(constants.begin(), constants.end(), token.text) != constants.end();
    if (token.kind != Kind::Name || is_reserved(token.text) || constant)
        fail(fmt::format("expected a name to assign to, but found {}", spelled(token)));
    if (token.text == "loop")
        fail("'loop' belongs to 'for' and cannot be assigned to; choose another name");
    if (token.text.compare(0, 2, "__") == 0)
        fail(fmt::format("'{}' begins with '__', which templates do not read; rename it", token.text));
    if (is_python_function(token.text) || token.text == "range")
        fail(fmt::format("'{}' is a function of Jinja2 and cannot be assigned to; choose another name",
                         token.text));
    take();
    if (current().is("."))
        fail("a member cannot be assigned to; set a name of its own");
    return token.text;
}

} // namespace templates
