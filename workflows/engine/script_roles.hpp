// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "workflows/engine/lua_syntax.hpp"
#include "workflows/engine/methods.hpp"

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace workflows::engine {

/// What an expression of a workflow is known to be, whichever way the script goes.
enum class Role { Unknown, Context, Params, Levels, Level, Components, Component, Answer };

struct Known {
    Role role = Role::Unknown;
    const Method* method = nullptr; ///< whose answer it is
    friend bool operator==(const Known&, const Known&) = default;
};

/// Follows ctx, params, levels, components and answers through local variables, members of tables by their
/// names, and the parameters and results of functions that the text calls by name. What comes to a place in
/// two ways, or from where nobody can look, is Unknown there. Holds on to the chunk.
class Roles {
public:
    /// `run` is null when it cannot be seen.
    Roles(const syntax::Chunk& chunk, const syntax::Expression* run);
    Known of(const syntax::Expression& expression) const;

private:
    /// Nothing: no value has come there yet.
    using Value = std::optional<Known>;
    using Values = std::vector<Value>;

    template <class Visit> void each_expression(Visit visit) const;
    void learn_functions();
    void learn_function(const std::string& name, const syntax::Expression& value);
    void give_up_on_values();
    bool spread();
    void spread(const syntax::Statement& statement);
    void spread(const syntax::Expression& expression);
    void call(const syntax::Expression& function, const syntax::Expression& call, std::size_t first);
    void join(Value& place, const Value& value);
    void join(std::size_t variable, const Value& value) { join(variables_[variable], value); }
    void join_target(const syntax::Expression& target, const Value& value);
    Value value_of(const syntax::Expression& expression) const;
    Value member_of(const syntax::Expression& index) const;
    Value value_at(const syntax::Statement& statement, std::size_t position) const;
    const syntax::Expression* function_of(const syntax::Expression& called) const;

    const syntax::Chunk& chunk_;
    const syntax::Expression* run_;
    Values variables_;
    std::map<std::string, Value> members_;   ///< globals, too
    std::map<std::int64_t, Values> results_; ///< of functions, by their number
    /// Functions by what they are called: a local variable's number, or a global. Null: there are several.
    std::map<std::string, const syntax::Expression*> functions_;
    bool changed_ = false;
};

} // namespace workflows::engine
