// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "workflows/engine/lua_scopes.hpp"
#include "workflows/engine/lua_syntax.hpp"
#include "workflows/engine/lua_tokens.hpp"

#include <string>
#include <vector>

namespace workflows::engine::syntax {

/// Reads the expressions of Lua 5.4 (its manual, sections 3.4 and 9). What is inside a function is the
/// business of who reads statements. Throws Lost where what follows cannot be told.
class Expressions : protected Tokens {
protected:
    explicit Expressions(std::string_view text) : Tokens(text), scopes_(*this, chunk_.variables) {}
    virtual ~Expressions() = default;

    /// One level of nesting, as long as it lives.
    struct Depth {
        explicit Depth(Expressions& reader);
        ~Depth() { --reader_.depth_; }
        Depth(const Depth&) = delete;
        Depth& operator=(const Depth&) = delete;
        Expressions& reader_;
    };

    /// The statements up to what ends them.
    virtual void block_body() = 0;

    ExpressionPtr name_expression(const std::string& name, Place from) const;
    ExpressionPtr measured(ExpressionPtr made);
    std::vector<ExpressionPtr> expressions();
    ExpressionPtr expression(int limit = 0);
    static ExpressionPtr member_of(ExpressionPtr object, std::string name, Place place);
    ExpressionPtr suffixed();
    ExpressionPtr function_body(Place from, bool method);

    Chunk chunk_;
    Scopes scopes_;

private:
    static ExpressionPtr make(Expression::Kind kind, Place place);
    ExpressionPtr simple();
    ExpressionPtr primary();
    void arguments(Expression& call);
    ExpressionPtr simple_argument();
    ExpressionPtr table();

    int depth_ = 0;
};

} // namespace workflows::engine::syntax
