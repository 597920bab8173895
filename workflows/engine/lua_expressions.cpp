// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "workflows/engine/lua_expressions.hpp"

#include "workflows/engine/foreign_words.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <memory>
#include <optional>

namespace workflows::engine::syntax {
namespace {

using Kind = Expression::Kind;

constexpr int deepest = 195;  // Lua's LUAI_MAXCCALLS is 200, its caller is in there
constexpr int highest = 5000; // tree: operators and calls in a row are read without nesting
constexpr int unary_priority = 12;

struct Priority {
    std::string_view symbol;
    int left, right;
};
constexpr Priority priorities[] = {
    {"or", 1, 1},  {"and", 2, 2}, {"<", 3, 3},   {">", 3, 3},   {"<=", 3, 3},   {">=", 3, 3},  {"~=", 3, 3},
    {"==", 3, 3},  {"|", 4, 4},   {"~", 5, 5},   {"&", 6, 6},   {"<<", 7, 7},   {">>", 7, 7},  {"..", 9, 8},
    {"+", 10, 10}, {"-", 10, 10}, {"*", 11, 11}, {"/", 11, 11}, {"//", 11, 11}, {"%", 11, 11}, {"^", 14, 13}};

const Priority* binary(const Tokens& tokens) noexcept {
    for (const Priority& one : priorities) {
        if (tokens.is(one.symbol)) {
            return &one;
        }
    }
    return nullptr;
}

} // namespace

Expressions::Depth::Depth(Expressions& reader) : reader_(reader) {
    if (++reader_.depth_ > deepest) {
        reader_.fail(reader_.place(),
                     fmt::format("blocks and expressions are nested more than {} deep", deepest));
        --reader_.depth_;
        throw Lost{};
    }
}

ExpressionPtr Expressions::name_expression(const std::string& name, Place from) const {
    const std::optional<std::size_t> variable = scopes_.find(name);
    ExpressionPtr expression = make(variable ? Kind::Local : Kind::Global, from);
    expression->text = name;
    expression->variable = variable.value_or(0);
    return expression;
}

ExpressionPtr Expressions::make(Kind kind, Place place) {
    auto expression = std::make_shared<Expression>();
    expression->kind = kind;
    expression->place = place;
    return expression;
}

ExpressionPtr Expressions::measured(ExpressionPtr made) {
    for (const ExpressionPtr& part : made->parts) {
        made->height = std::max(made->height, part->height + 1);
    }
    for (const TableField& field : made->fields) {
        made->height = std::max(made->height, field.value->height + 1);
    }
    if (made->height > highest) {
        fail(made->place, fmt::format("an expression has more than {} parts in a row", highest));
        throw Lost{};
    }
    return made;
}

std::vector<ExpressionPtr> Expressions::expressions() {
    std::vector<ExpressionPtr> list;
    do {
        list.push_back(expression());
    } while (take(","));
    return list;
}

ExpressionPtr Expressions::expression(int limit) {
    const Depth depth(*this);
    const Place from = place();
    ExpressionPtr left;
    if (is("not") || is("-") || is("#") || is("~")) {
        left = make(Kind::Operation, from);
        left->text = now().text;
        advance();
        left->parts.push_back(expression(unary_priority));
        left = measured(std::move(left));
    } else {
        left = simple();
    }
    while (const Priority* operation = binary(*this)) {
        if (operation->left <= limit) {
            break;
        }
        ExpressionPtr both = make(Kind::Operation, from);
        both->text = now().text;
        advance();
        both->parts = {std::move(left), expression(operation->right)};
        left = measured(std::move(both));
    }
    return left;
}

ExpressionPtr Expressions::simple() {
    const Place from = place();
    ExpressionPtr made;
    switch (now().kind) {
    case Token::Kind::Integer:
        made = make(Kind::Integer, from);
        made->whole = now().whole;
        break;
    case Token::Kind::Float:
        made = make(Kind::Float, from);
        made->number = now().number;
        break;
    case Token::Kind::String:
        made = make(Kind::String, from);
        made->text = now().text;
        break;
    default:
        if (is("nil")) {
            made = make(Kind::Nil, from);
        } else if (is("true") || is("false")) {
            made = make(Kind::Flag, from);
            made->whole = is("true") ? 1 : 0;
        } else if (is("...")) {
            made = make(Kind::Vararg, from);
            if (!scopes_.vararg()) {
                fail(from, "'...' stands in a function that does not end its parameters with '...'");
            }
        } else if (is("{")) {
            return table();
        } else if (take("function")) {
            return function_body(from, false);
        } else {
            return suffixed();
        }
    }
    advance();
    return made;
}

ExpressionPtr Expressions::primary() {
    const Place from = place();
    if (now().kind == Token::Kind::Name) {
        return name_expression(need_name("a name"), from);
    }
    if (take("(")) {
        ExpressionPtr made = make(Kind::Operation, from);
        made->text = "()";
        made->parts.push_back(expression());
        need_closing(")", "(", from);
        return measured(std::move(made));
    }
    fail(from,
         fmt::format("{} stands where a value is expected{}", now().shown(), instead_of_symbol(now().text)));
    throw Lost{};
}

ExpressionPtr Expressions::member_of(ExpressionPtr object, std::string name, Place place) {
    ExpressionPtr key = make(Kind::String, place);
    key->text = std::move(name);
    ExpressionPtr made = make(Kind::Index, object->place);
    made->member = place;
    made->parts = {std::move(object), std::move(key)};
    return made;
}

ExpressionPtr Expressions::suffixed() {
    ExpressionPtr made = primary();
    for (;;) {
        const Place from = place();
        if (take(".")) {
            const Place here = place();
            made = measured(member_of(std::move(made), need_name("a name"), here));
        } else if (take("[")) {
            ExpressionPtr index = make(Kind::Index, made->place);
            index->member = place();
            index->parts = {std::move(made), expression()};
            need_closing("]", "[", from);
            made = measured(std::move(index));
        } else if (take(":")) {
            if (now().kind != Token::Kind::Name) {
                fail(place(),
                     fmt::format("{} stands where the name of a method is expected; a table has name = value",
                                 now().shown()));
                expression();
                return make(Kind::Nil, from); // whose value nobody complains of
            }
            ExpressionPtr call = make(Kind::Method, made->place);
            call->member = place();
            call->text = need_name("the name of a method");
            call->parts.push_back(std::move(made));
            if (!is("(") && !is("{") && now().kind != Token::Kind::String) {
                fail(place(), fmt::format("the arguments of '{}' are missing before {}; write {}()",
                                          call->text, now().shown(), call->text));
                throw Lost{};
            }
            arguments(*call);
            made = measured(std::move(call));
        } else if (is("(") || is("{") || now().kind == Token::Kind::String) {
            ExpressionPtr call = make(Kind::Call, made->place);
            call->parts.push_back(std::move(made));
            arguments(*call);
            made = measured(std::move(call));
        } else {
            return made;
        }
    }
}

void Expressions::arguments(Expression& call) {
    const Place from = place();
    if (!is("(")) {
        call.parts.push_back(simple_argument());
        return;
    }
    advance();
    if (!take(")")) {
        for (ExpressionPtr& argument : expressions()) {
            call.parts.push_back(std::move(argument));
        }
        need_closing(")", "(", from);
    }
}

// `f "x"` and `f { … }`; what comes behind belongs to the result of the call.
ExpressionPtr Expressions::simple_argument() {
    return is("{") ? table() : simple();
}

ExpressionPtr Expressions::table() {
    const Place from = place();
    ExpressionPtr made = make(Kind::Table, from);
    advance();
    while (!is("}") && !at_end()) {
        TableField field;
        const Place here = place();
        if (take("[")) {
            field.key = expression();
            need_closing("]", "[", here);
            need("=", "write [key] = value");
            field.value = expression();
        } else {
            field.value = expression();
            // `name =` was read as an expression: a name alone.
            if (is("=") && (field.value->kind == Kind::Local || field.value->kind == Kind::Global) &&
                field.value->place == here) {
                field.key = make(Kind::String, here);
                field.key->text = field.value->text;
                advance();
                field.value = expression();
            }
        }
        made->fields.push_back(std::move(field));
        if (take(",") || take(";")) {
            continue;
        }
        const bool another =
            now().kind == Token::Kind::Name || now().kind == Token::Kind::String || is("{") || is("[");
        if (!another) {
            break;
        }
        const bool quoted = now().kind == Token::Kind::Name && !begins_line();
        fail(place(), fmt::format("',' or '}}' is missing before {}{}; the '{{' of line {} is open",
                                  now().shown(), quoted ? ", or quotes around it" : "", from.line));
        if (begins_line()) {
            return measured(std::move(made));
        }
    }
    need_closing("}", "{", from);
    return measured(std::move(made));
}

ExpressionPtr Expressions::function_body(Place from, bool method) {
    ExpressionPtr made = make(Kind::Function, from);
    scopes_.open_function(false);
    made->whole = scopes_.function_number();
    if (method) {
        made->parameters.push_back(scopes_.declare("self", from));
        scopes_.activate(made->parameters.back());
    }
    const Place opening = place();
    need("(", "write function(a, b) … end");
    while (!is(")")) {
        if (take("...")) {
            scopes_.make_vararg();
            break;
        }
        const Place here = place();
        made->parameters.push_back(scopes_.declare(need_name("the name of a parameter"), here));
        scopes_.activate(made->parameters.back());
        if (!take(",")) {
            break;
        }
        if (is(")")) {
            fail(place(), "')' stands where the name of a parameter is expected");
        }
    }
    need_closing(")", "(", opening);
    block_body();
    scopes_.close_function();
    need_closing("end", "function", from);
    return made;
}

} // namespace workflows::engine::syntax
