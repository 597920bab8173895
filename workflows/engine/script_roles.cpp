// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "workflows/engine/script_roles.hpp"

#include <algorithm>
#include <set>

namespace workflows::engine {

using syntax::Chunk;
using syntax::Expression;
using syntax::Statement;
using syntax::TableField;
using Kind = Expression::Kind;

namespace {

// `a.b` or `a["b"]`.
const std::string* member_name(const Expression& expression) noexcept {
    return expression.kind == Kind::Index && expression.parts[1]->kind == Kind::String
               ? &expression.parts[1]->text
               : nullptr;
}

// Under which a function may be called; empty: none.
std::string slot_of(const Expression& expression) {
    return expression.kind == Kind::Local    ? "#" + std::to_string(expression.variable)
           : expression.kind == Kind::Global ? expression.text
                                             : "";
}

bool is_global(const Expression& expression, std::string_view name) noexcept {
    return expression.kind == Kind::Global && expression.text == name;
}

// What `pcall(f, a)` and `xpcall(f, handler, a)` call stands at 1; where its arguments begin, or 0.
std::size_t first_protected(const Expression& call) noexcept {
    const std::size_t first = is_global(*call.parts[0], "pcall")    ? 2
                              : is_global(*call.parts[0], "xpcall") ? 3
                                                                    : 0;
    return call.parts.size() > 1 ? first : 0;
}

} // namespace

Roles::Roles(const Chunk& chunk, const Expression* run)
    : chunk_(chunk), run_(run), variables_(chunk.variables.size()) {
    learn_functions();
    give_up_on_values();
    if (run != nullptr) {
        constexpr Role order[] = {Role::Context, Role::Params};
        for (std::size_t i = 0; i < std::min(run->parameters.size(), std::size(order)); ++i) {
            join(run->parameters[i], Known{order[i]});
        }
    }
    while (spread()) {
    }
}

Known Roles::of(const Expression& expression) const {
    return value_of(expression).value_or(Known{});
}

template <class Visit> void Roles::each_expression(Visit visit) const {
    for (const Statement& statement : chunk_.statements) {
        for (const auto& target : statement.targets) {
            walk(*target, visit);
        }
        for (const auto& value : statement.values) {
            walk(*value, visit);
        }
    }
}

// ---- functions ----

void Roles::learn_functions() {
    for (const Statement& statement : chunk_.statements) {
        for (std::size_t at = 0; at < statement.values.size(); ++at) {
            if (at < statement.targets.size()) {
                learn_function(slot_of(*statement.targets[at]), *statement.values[at]);
            } else if (at < statement.variables.size() && statement.kind == Statement::Kind::Local) {
                learn_function("#" + std::to_string(statement.variables[at]), *statement.values[at]);
            }
        }
    }
}

void Roles::learn_function(const std::string& name, const Expression& value) {
    if (name.empty() || value.kind == Kind::Nil) {
        return;
    }
    const auto [known, fresh] = functions_.emplace(name, value.kind == Kind::Function ? &value : nullptr);
    if (!fresh) {
        known->second = nullptr;
    }
}

// A function that is handed on as a value is called by others, with whatever they like.
void Roles::give_up_on_values() {
    std::set<const Expression*> callees;
    each_expression([&](const Expression& expression) {
        if (expression.kind == Kind::Call) {
            callees.insert(expression.parts[0].get());
            if (first_protected(expression) > 0) {
                callees.insert(expression.parts[1].get());
            }
        }
    });
    std::set<const Expression*> targets;
    for (const Statement& statement : chunk_.statements) {
        for (const auto& target : statement.targets) {
            targets.insert(target.get());
        }
    }
    each_expression([&](const Expression& expression) {
        const auto known = functions_.find(slot_of(expression));
        if (known == functions_.end() || known->second == nullptr || known->second == run_ ||
            callees.contains(&expression) || targets.contains(&expression)) {
            return;
        }
        for (const std::size_t parameter : known->second->parameters) {
            join(parameter, Known{});
        }
    });
}

// Null when it cannot be seen.
const Expression* Roles::function_of(const Expression& called) const {
    if (called.kind == Kind::Function) {
        return &called;
    }
    if (called.kind == Kind::Operation && called.text == "()") {
        return function_of(*called.parts[0]);
    }
    const auto known = functions_.find(slot_of(called));
    return known == functions_.end() ? nullptr : known->second;
}

// ---- what comes where ----

void Roles::join(Value& place, const Value& value) {
    if (!value || place == value || place == Known{}) {
        return;
    }
    place = place ? Known{} : *value;
    changed_ = true;
}

bool Roles::spread() {
    changed_ = false;
    for (const Statement& statement : chunk_.statements) {
        spread(statement);
    }
    each_expression([&](const Expression& expression) { spread(expression); });
    return changed_;
}

void Roles::spread(const Statement& statement) {
    switch (statement.kind) {
    case Statement::Kind::Local:
        for (std::size_t i = 0; i < statement.variables.size(); ++i) {
            join(statement.variables[i], value_at(statement, i));
        }
        break;
    case Statement::Kind::Assign:
        for (std::size_t i = 0; i < statement.targets.size(); ++i) {
            join_target(*statement.targets[i], value_at(statement, i));
        }
        break;
    case Statement::Kind::Return: {
        Values& results = results_[statement.function];
        results.resize(std::max(results.size(), statement.values.size()));
        for (std::size_t i = 0; i < results.size(); ++i) {
            join(results[i], value_at(statement, i));
        }
        break;
    }
    case Statement::Kind::ForIn: {
        const Expression& list = *statement.values[0];
        const bool known = list.kind == Kind::Call && list.parts.size() == 2 &&
                           (is_global(*list.parts[0], "ipairs") || is_global(*list.parts[0], "pairs"));
        const Value value = known ? value_of(*list.parts[1]) : Known{};
        for (std::size_t i = 0; i < statement.variables.size(); ++i) {
            const bool levels = value && value->role == Role::Levels;
            const bool components = value && value->role == Role::Components;
            join(statement.variables[i], i == 1 && levels       ? Known{Role::Level}
                                         : i == 1 && components ? Known{Role::Component}
                                         : value                ? Value(Known{})
                                                                : Value());
        }
        break;
    }
    case Statement::Kind::Other:
        for (const std::size_t variable : statement.variables) {
            join(variable, Known{}); // of a loop that counts
        }
        break;
    }
}

void Roles::join_target(const Expression& target, const Value& value) {
    if (target.kind == Kind::Local) {
        join(target.variable, value);
    } else if (target.kind == Kind::Global) {
        join(members_[target.text], value);
    } else if (const std::string* name = member_name(target)) {
        join(members_[*name], value);
    }
}

void Roles::spread(const Expression& expression) {
    for (const TableField& field : expression.fields) {
        if (field.key && field.key->kind == Kind::String) {
            join(members_[field.key->text], value_of(*field.value));
        }
    }
    if (expression.kind != Kind::Call) {
        return;
    }
    if (const Expression* function = function_of(*expression.parts[0])) {
        call(*function, expression, 1);
    } else if (const std::size_t first = first_protected(expression); first > 0) {
        if (const Expression* tried = function_of(*expression.parts[1])) {
            call(*tried, expression, first);
        }
    }
}

void Roles::call(const Expression& function, const Expression& call, std::size_t first) {
    for (std::size_t i = 0; i < function.parameters.size(); ++i) {
        const bool written = first + i < call.parts.size();
        const Kind last = call.parts.back()->kind;
        const bool open = last == Kind::Call || last == Kind::Method || last == Kind::Vararg;
        if (written) {
            join(function.parameters[i], value_of(*call.parts[first + i]));
        } else if (open) {
            join(function.parameters[i], Known{});
        }
    }
}

// What the variable or result at this position gets; nothing for nil, which has no members anyway.
Roles::Value Roles::value_at(const Statement& statement, std::size_t position) const {
    const auto& values = statement.values;
    if (position < values.size()) {
        return value_of(*values[position]);
    }
    if (values.empty()) {
        return std::nullopt;
    }
    const Expression& last = *values.back();
    if (last.kind == Kind::Call) {
        const Expression* function = function_of(*last.parts[0]);
        const auto results = function == nullptr ? results_.end() : results_.find(function->whole);
        const std::size_t further = position + 1 - values.size();
        if (results != results_.end() && further < results->second.size()) {
            return results->second[further];
        }
        return function == nullptr ? Value(Known{}) : Value();
    }
    return last.kind == Kind::Method || last.kind == Kind::Vararg ? Value(Known{}) : Value();
}

Roles::Value Roles::value_of(const Expression& expression) const {
    switch (expression.kind) {
    case Kind::Nil:
        return std::nullopt;
    case Kind::Local:
        return variables_[expression.variable];
    case Kind::Global: {
        const auto known = members_.find(expression.text);
        return known == members_.end() ? Value(Known{}) : known->second;
    }
    case Kind::Index:
        return member_of(expression);
    case Kind::Method: {
        const Value object = value_of(*expression.parts[0]);
        if (object && object->role == Role::Context) {
            const Method* method = find_method(expression.text);
            return method != nullptr && method->answer == "table" ? Known{Role::Answer, method} : Known{};
        }
        return object ? Value(Known{}) : Value();
    }
    case Kind::Call: {
        const Expression* function = function_of(*expression.parts[0]);
        if (function == nullptr) {
            return Known{};
        }
        const auto results = results_.find(function->whole);
        return results == results_.end() || results->second.empty() ? Value() : results->second[0];
    }
    case Kind::Operation:
        return expression.text == "()" ? value_of(*expression.parts[0]) : Known{};
    default:
        return Known{};
    }
}

Roles::Value Roles::member_of(const Expression& index) const {
    const Value object = value_of(*index.parts[0]);
    if (!object) {
        return std::nullopt;
    }
    const std::string* name = member_name(index);
    switch (object->role) {
    case Role::Context:
        return name == nullptr         ? Known{}
               : *name == "levels"     ? Known{Role::Levels}
               : *name == "components" ? Known{Role::Components}
                                       : Known{};
    case Role::Levels:
        return name == nullptr ? Known{Role::Level} : Known{};
    case Role::Components:
        return name == nullptr ? Known{Role::Component} : Known{};
    case Role::Unknown: {
        const auto known = name == nullptr ? members_.end() : members_.find(*name);
        return known == members_.end() ? Value(Known{}) : known->second;
    }
    default:
        return Known{};
    }
}

} // namespace workflows::engine
