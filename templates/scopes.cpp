// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "templates/scopes.hpp"

#include <set>

namespace templates {
namespace {

/// What one block knows of its names.
struct Scope {
    const Scope* outer = nullptr;
    std::set<std::string> mentioned; ///< read or set, or bound by the loop
    std::set<std::string> own;       ///< set before they were read, and mentioned nowhere outside

    bool knows(const std::string& name) const {
        for (const Scope* scope = this; scope != nullptr; scope = scope->outer)
            if (scope->mentioned.count(name) > 0)
                return true;
        return false;
    }
};

/// Walks through one block, but not into the blocks in it.
class Mentions {
public:
    explicit Mentions(Scope& scope) : scope_(scope) {}

    void note(const Body& body) {
        for (const Statement& statement : body)
            std::visit([this](const auto& form) { note(form); }, statement.form);
    }

private:
    void read(const Expression& expression) {
        if (const NameRead* name = std::get_if<NameRead>(&expression.form))
            if (!scope_.knows(name->name))
                scope_.mentioned.insert(name->name);
        each_part(expression, [this](const Expression& part) { read(part); });
    }

    void set(const std::string& name) {
        if (scope_.mentioned.count(name) > 0)
            return;
        if (!scope_.knows(name))
            scope_.own.insert(name);
        scope_.mentioned.insert(name);
    }

    void set(const Target& target) {
        if (target.parts.empty())
            set(target.name);
        for (const Target& part : target.parts)
            set(part);
    }

    void note(const TextOut&) {}
    void note(const Print& form) { read(*form.value); }
    void note(const For& form) { read(*form.over); }
    void note(const SetBlock& form) { set(form.name); }
    void note(const Set& form) {
        read(*form.value);
        set(form.target);
    }

    void note(const If& form) {
        // Each branch sees what stood before the `if`; behind it, what a branch alone has set keeps its outer
        // meaning.
        const std::set<std::string> own = scope_.own;
        read(*form.branches.front().condition);
        const std::set<std::string> before = scope_.mentioned;
        std::set<std::string> after = before;
        const auto branch = [&](const std::set<std::string>& start, const Body& body) {
            scope_.mentioned = start;
            note(body);
            after.insert(scope_.mentioned.begin(), scope_.mentioned.end());
        };
        branch(before, form.branches.front().body);
        branch(before, form.otherwise);
        std::set<std::string> conditions = before;
        for (std::size_t at = 1; at < form.branches.size(); ++at) {
            scope_.mentioned = conditions;
            read(*form.branches[at].condition);
            conditions = scope_.mentioned;
            branch(conditions, form.branches[at].body);
            conditions.insert(scope_.mentioned.begin(), scope_.mentioned.end());
        }
        scope_.mentioned = after;
        scope_.own = own;
    }

    Scope& scope_;
};

void fill(Block& block, Scope scope);

/// The blocks in a body, whose scope is complete.
void fill_inner(Body& body, const Scope& scope) {
    for (Statement& statement : body) {
        if (If* form = std::get_if<If>(&statement.form)) {
            for (If::Branch& branch : form->branches)
                fill_inner(branch.body, scope);
            fill_inner(form->otherwise, scope);
        } else if (For* loop = std::get_if<For>(&statement.form)) {
            Scope inner{&scope, {"loop"}, {}};
            const std::function<void(const Target&)> bind = [&](const Target& target) {
                if (target.parts.empty())
                    inner.mentioned.insert(target.name);
                for (const Target& part : target.parts)
                    bind(part);
            };
            bind(loop->target);
            fill(loop->body, std::move(inner));
            fill(loop->otherwise, Scope{&scope, {}, {}});
        } else if (SetBlock* set = std::get_if<SetBlock>(&statement.form)) {
            fill(set->block, Scope{&scope, {}, {}});
        }
    }
}

void fill(Block& block, Scope scope) {
    Mentions(scope).note(block.body);
    block.hidden.assign(scope.own.begin(), scope.own.end());
    fill_inner(block.body, scope);
}

} // namespace

void find_hidden(Block& root) {
    fill(root, Scope{});
}

} // namespace templates
