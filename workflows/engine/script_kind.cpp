// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "workflows/engine/script_kind.hpp"

#include "workflows/engine/declaration.hpp"
#include "workflows/engine/literals.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace workflows::engine {
namespace {

using syntax::Chunk;
using syntax::Expression;
using syntax::Statement;
using syntax::TableField;
using Kind = Expression::Kind;

/// Where ctx may be, and which of its members are used there. A function that cannot be followed is taken to
/// be any of the text, and once ctx is in a list or a result, so may be whatever comes out of one: rather
/// once too often.
class ContextUse {
public:
    /// `run` is null when it cannot be seen.
    ContextUse(const Chunk& chunk, const Expression* run)
        : chunk_(chunk), variables_(chunk.variables.size()) {
        each_expression([&](const Expression& expression) { learn_fields_of(expression); });
        for (const Statement& statement : chunk.statements) {
            learn_functions_of(statement);
        }
        if (run == nullptr) {
            hand_to_anybody();
        } else if (!run->parameters.empty()) {
            variables_[run->parameters[0]] = true;
        }
    }

    bool uses(std::string_view method) {
        while (spread()) {
        }
        bool found = false;
        each_expression([&](const Expression& expression) {
            const bool member = expression.kind == Kind::Method || expression.kind == Kind::Index;
            if (!member || !may_be_context(*expression.parts[0])) {
                return;
            }
            const std::string* name = name_in(expression);
            found |= name == nullptr || *name == method;
        });
        return found;
    }

private:
    template <class Visit> void each_expression(Visit visit) const {
        for (const Statement& statement : chunk_.statements) {
            for (const auto& target : statement.targets) {
                walk(*target, visit);
            }
            for (const auto& value : statement.values) {
                walk(*value, visit);
            }
        }
    }
    // `a.b`, `a["b"]`, `a:b()`, a global; nothing for what is computed.
    static const std::string* name_in(const Expression& expression) noexcept {
        if (expression.kind == Kind::Method || expression.kind == Kind::Global) {
            return &expression.text;
        }
        return expression.kind == Kind::Index && expression.parts[1]->kind == Kind::String
                   ? &expression.parts[1]->text
                   : nullptr;
    }

    // ---- what there is ----

    void learn_fields_of(const Expression& expression) {
        if (expression.kind == Kind::Function) {
            functions_.push_back(&expression);
        }
        for (const TableField& field : expression.fields) {
            if (const std::string* key = constant_key(field); key != nullptr) {
                learn(field.value.get(), named_[*key]);
            }
        }
    }

    void learn_functions_of(const Statement& statement) {
        for (std::size_t at = 0; at < statement.values.size(); ++at) {
            if (at < statement.variables.size()) {
                learn(statement.values[at].get(), locals_[statement.variables[at]]);
            } else if (at < statement.targets.size()) {
                const Expression& target = *statement.targets[at];
                if (target.kind == Kind::Local) {
                    learn(statement.values[at].get(), locals_[target.variable]);
                } else if (const std::string* name = name_in(target)) {
                    learn(statement.values[at].get(), named_[*name]);
                }
            }
        }
    }

    static void learn(const Expression* value, std::vector<const Expression*>& functions) {
        if (value->kind == Kind::Function) {
            functions.push_back(value);
        }
    }

    // ---- where ctx comes ----

    bool may_be_context(const Expression& expression) const {
        switch (expression.kind) {
        case Kind::Local:
            return variables_[expression.variable];
        case Kind::Global:
        case Kind::Index: {
            const std::string* name = name_in(expression);
            return name == nullptr ? loose_ : fields_.contains(*name);
        }
        case Kind::Vararg:
        case Kind::Call:
            return loose_;
        case Kind::Method: // its own give numbers
            return loose_ && !may_be_context(*expression.parts[0]);
        case Kind::Operation: // (ctx), a or ctx
            for (const auto& part : expression.parts) {
                if (may_be_context(*part)) {
                    return true;
                }
            }
            return false;
        default:
            return false;
        }
    }

    // True when it may now be in more places.
    bool spread() {
        changed_ = false;
        for (const Statement& statement : chunk_.statements) {
            const std::size_t last = std::max(statement.variables.size(), statement.targets.size());
            for (std::size_t at = 0; at < statement.values.size(); ++at) {
                if (!may_be_context(*statement.values[at])) {
                    continue;
                }
                if (statement.kind == Statement::Kind::Return) {
                    let_loose();
                }
                // The last value may be several.
                const bool open = at + 1 == statement.values.size();
                for (std::size_t to = at; to < (open ? last : std::min(last, at + 1)); ++to) {
                    to < statement.variables.size() ? mark(statement.variables[to])
                                                    : mark(*statement.targets[to]);
                }
            }
            if (statement.kind == Statement::Kind::ForIn && loose_) {
                for (const std::size_t variable : statement.variables) {
                    mark(variable);
                }
            }
        }
        each_expression([&](const Expression& expression) {
            for (const TableField& field : expression.fields) {
                if (!may_be_context(*field.value)) {
                    continue;
                }
                const std::string* key = constant_key(field);
                key == nullptr ? let_loose() : (void)(changed_ |= fields_.insert(*key).second);
            }
            hand_over(expression);
        });
        return changed_;
    }

    void mark(std::size_t variable) {
        changed_ |= !variables_[variable];
        variables_[variable] = true;
    }

    void mark(const Expression& target) {
        if (target.kind == Kind::Local) {
            mark(target.variable);
        } else if (const std::string* name = name_in(target)) {
            changed_ |= fields_.insert(*name).second;
        } else {
            let_loose();
        }
    }

    void let_loose() {
        changed_ |= !loose_;
        loose_ = true;
    }

    // A call's arguments are the parameters of what is called; of a method's the first one is its object.
    void hand_over(const Expression& call) {
        const bool method = call.kind == Kind::Method;
        if ((call.kind != Kind::Call && !method) || (method && may_be_context(*call.parts[0]))) {
            return; // ctx's own methods keep it to themselves
        }
        const std::size_t first = method ? 0 : 1;
        for (std::size_t at = first; at < call.parts.size(); ++at) {
            if (!may_be_context(*call.parts[at])) {
                continue;
            }
            const std::vector<const Expression*>* functions = called(method ? call : *call.parts[0]);
            if (functions == nullptr) {
                hand_to_anybody();
                return;
            }
            for (const Expression* function : *functions) {
                if (at - first < function->parameters.size()) {
                    mark(function->parameters[at - first]);
                } else {
                    let_loose(); // among '...'
                }
            }
        }
    }

    // A library's function may give it back.
    void hand_to_anybody() {
        let_loose();
        for (const Expression* function : functions_) {
            for (const std::size_t parameter : function->parameters) {
                mark(parameter);
            }
        }
    }

    // Null when it is not known.
    const std::vector<const Expression*>* called(const Expression& what) const {
        if (what.kind == Kind::Local) {
            const auto known = locals_.find(what.variable);
            return known == locals_.end() || known->second.empty() ? nullptr : &known->second;
        }
        const std::string* name = name_in(what);
        const auto known = name == nullptr ? named_.end() : named_.find(*name);
        return known == named_.end() || known->second.empty() ? nullptr : &known->second;
    }

    const Chunk& chunk_;
    std::vector<bool> variables_;  ///< that may be ctx
    std::set<std::string> fields_; ///< members and globals that may be
    std::vector<const Expression*> functions_;
    std::map<std::size_t, std::vector<const Expression*>> locals_; ///< functions by variable
    std::map<std::string, std::vector<const Expression*>> named_;  ///< functions by member or global
    bool loose_ = false;                                           ///< it is in a list or a result
    bool changed_ = false;
};

} // namespace

RunKind kind_of_script(std::string_view source) {
    const Chunk chunk = syntax::parse(source);
    Literals literals;
    std::vector<Finding> findings;
    const Declaration declaration = read_declaration(chunk, literals, findings);
    return ContextUse(chunk, declaration.run).uses("update") ? RunKind::Deploy : RunKind::Operation;
}

} // namespace workflows::engine
