// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "workflows/engine/lua_lexer.hpp"

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace workflows::engine::syntax {

/// A local variable, parameters too. Its number is its index in Chunk::variables.
struct Variable {
    std::string name;
    Place place;
    bool fixed = false; ///< <const> or <close>
};

struct Expression;
using ExpressionPtr = std::shared_ptr<Expression>;

/// `key = value`, `[key] = value` (a name as key is a String), or just a value.
struct TableField {
    ExpressionPtr key; ///< null in a list
    ExpressionPtr value;
};

/// One node of a tree; which members count depends on the kind.
struct Expression {
    enum class Kind {
        Nil,
        Flag,     ///< whole is 1 or 0
        Integer,  ///< whole
        Float,    ///< number
        String,   ///< text
        Vararg,   ///< ...
        Function, ///< parameters; whole is its number, at what is in it among the statements of the chunk
        Local,    ///< variable
        Global,   ///< text
        Index,    ///< parts: what, key
        Call,     ///< parts: function, arguments
        Method,   ///< parts: object, arguments; text is the name at `member`
        Table,    ///< fields
        Operation ///< parts: operands; text is the operator; "()" for parentheses
    };
    Kind kind = Kind::Nil;
    Place place;
    Place member; ///< of the name behind '.' or ':'
    std::string text;
    std::int64_t whole = 0;
    double number = 0;
    int height = 1; ///< of the tree; bounded, so that it can be walked
    std::size_t variable = 0;
    std::vector<ExpressionPtr> parts;
    std::vector<TableField> fields;
    std::vector<std::size_t> parameters; ///< variables
};

/// A statement without the blocks in it: those are flat in Chunk::statements, for names are bound already.
struct Statement {
    enum class Kind {
        Local,  ///< variables = values
        Assign, ///< targets = values; `function a.b() … end` too
        Return, ///< values
        ForIn,  ///< variables, values
        Other   ///< values: calls, conditions, bounds of loops
    };
    Kind kind = Kind::Other;
    Place place;
    std::vector<std::size_t> variables;
    std::vector<ExpressionPtr> targets;
    std::vector<ExpressionPtr> values;
    std::int64_t function = 0; ///< the number of the one that it is in; 0: none
};

struct Chunk {
    std::vector<Variable> variables;
    std::vector<Statement> statements; ///< in the order of the text
    std::vector<SyntaxError> errors;   ///< in the order of the text; empty: Lua takes it, too
};

/// Reads Lua 5.4: its grammar, scopes, attributes, labels. What liblua does not give: a tree, columns, and
/// all errors of a text (after one it goes on at the next statement). Text of any kind, nesting bounded as
/// in Lua. Bounds on the number of upvalues and registers are left to Lua itself.
Chunk parse(std::string_view text);

/// Visits an expression and all that it is made of; what stands in the bodies of functions is not.
template <class Visit> void walk(const Expression& expression, Visit& visit) {
    visit(expression);
    for (const auto& part : expression.parts) {
        walk(*part, visit);
    }
    for (const TableField& field : expression.fields) {
        if (field.key) {
            walk(*field.key, visit);
        }
        walk(*field.value, visit);
    }
}

} // namespace workflows::engine::syntax
