// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "workflows/engine/lua_syntax.hpp"

#include "workflows/engine/foreign_words.hpp"
#include "workflows/engine/lua_expressions.hpp"

#include <algorithm>
#include <fmt/format.h>
#include <optional>

namespace workflows::engine::syntax {
namespace {

using Kind = Expression::Kind;

/// Reads statements, and with them a whole text.
class Parser : private Expressions {
public:
    explicit Parser(std::string_view text) : Expressions(text) {}

    Chunk parse() {
        scopes_.open_function(true);
        block_body();
        while (!at_end() && !full()) {
            fail(place(), fmt::format("{} closes nothing", now().shown()));
            advance();
            block_body();
        }
        scopes_.close_function();
        chunk_.errors = errors();
        return std::move(chunk_);
    }

private:
    bool block_ends() const noexcept {
        return at_end() || is("end") || is("else") || is("elseif") || is("until") || is("}") || is(")") ||
               is("]"); // what is around it ends: an 'end' is missing
    }

    void block_body() override {
        while (!block_ends() && !full()) {
            const Place from = place();
            const Scopes::Depth depth = scopes_.depth();
            try {
                const bool last = is("return");
                statement();
                if (last) {
                    if (!block_ends() && !full()) {
                        fail(place(), fmt::format("{} stands after 'return', which ends its block; write "
                                                  "do return … end",
                                                  now().shown()));
                        continue;
                    }
                    return;
                }
            } catch (const Lost&) {
                scopes_.leave_to(depth);
                recover(from);
            }
        }
    }

    // To something that begins a statement on a line of its own, or ends a block.
    void recover(Place from) {
        if (place() == from) {
            advance();
        }
        constexpr std::string_view beginnings[] = {"local",  "if",    "for",  "while", "repeat",
                                                   "return", "break", "goto", "do",    "function"};
        while (!block_ends()) {
            const bool first = begins_line();
            if (first &&
                (now().kind == Token::Kind::Name || std::find(std::begin(beginnings), std::end(beginnings),
                                                              now().text) != std::end(beginnings))) {
                return;
            }
            advance();
        }
    }

    void block(bool loop) {
        scopes_.open_block(loop);
        block_body();
        scopes_.close_block();
    }

    Statement& add(Statement::Kind kind, Place place) {
        chunk_.statements.push_back({kind, place, {}, {}, {}, scopes_.function_number()});
        return chunk_.statements.back();
    }

    void use(ExpressionPtr expression) {
        const Place from = expression->place;
        add(Statement::Kind::Other, from).values.push_back(std::move(expression));
    }

    void statement() {
        const Depth depth(*this);
        const Place from = place();
        if (take(";")) {
        } else if (take("if")) {
            if_statement(from);
        } else if (take("while")) {
            use(condition());
            need("do", "write while … do … end");
            block(true);
            need_closing("end", "while", from);
        } else if (take("do")) {
            block(false);
            need_closing("end", "do", from);
        } else if (take("for")) {
            for_statement(from);
        } else if (take("repeat")) {
            scopes_.open_block(true);
            block_body();
            need_closing("until", "repeat", from);
            use(expression()); // it sees the locals of the block
            scopes_.close_block();
        } else if (take("function")) {
            function_statement(from);
        } else if (take("local")) {
            take("function") ? local_function(from) : local_statement(from);
        } else if (take("::")) {
            label_statement(from);
        } else if (take("return")) {
            std::vector<ExpressionPtr> values;
            if (!block_ends() && !is(";")) {
                values = expressions();
            }
            take(";");
            add(Statement::Kind::Return, from).values = std::move(values);
        } else if (take("break")) {
            if (!scopes_.in_loop()) {
                fail(from, "'break' stands in no loop");
            }
        } else if (take("goto")) {
            const Place there = place();
            scopes_.go_to(need_name("a label"), there);
        } else {
            expression_statement(from);
        }
    }

    ExpressionPtr condition() {
        ExpressionPtr made = expression();
        if (is("=")) {
            fail(place(), "'=' stands in a condition; write == to compare");
            advance();
            made = expression();
        }
        return made;
    }

    void if_statement(Place from) {
        use(condition());
        need("then", "write if … then … end");
        block(false);
        while (take("elseif")) {
            use(condition());
            need("then", "write elseif … then");
            block(false);
        }
        if (take("else")) {
            block(false);
        }
        need_closing("end", "if", from);
    }

    void for_statement(Place from) {
        std::vector<std::pair<std::string, Place>> names;
        do {
            const Place here = place();
            names.emplace_back(need_name("the name of a loop's variable"), here);
        } while (take(","));
        std::vector<ExpressionPtr> values;
        const bool numeric = names.size() == 1 && take("=");
        if (!numeric) {
            need("in", "write for i = 1, 10 do … end, or for _, value in ipairs(list) do … end");
        }
        const Place bounds = place();
        values = expressions();
        if (numeric && (values.size() < 2 || values.size() > 3)) {
            fail(bounds,
                 "a loop that counts has a first and a last number, and perhaps a step; write for i = "
                 "1, 10 do … end");
        }
        need("do", "write for … do … end");
        Statement& loop = add(numeric ? Statement::Kind::Other : Statement::Kind::ForIn, from);
        loop.values = std::move(values);
        std::vector<std::size_t> variables;
        // Lua keeps three or four of its own.
        const std::size_t hidden = numeric ? 3 : 4;
        scopes_.open_block(true);
        for (std::size_t i = 0; i < hidden; ++i) {
            scopes_.activate(scopes_.declare("(for state)", from));
        }
        for (auto& [name, named] : names) {
            variables.push_back(scopes_.declare(std::move(name), named));
            scopes_.activate(variables.back());
        }
        loop.variables = std::move(variables);
        block(false);
        scopes_.close_block();
        need_closing("end", "for", from);
    }

    void function_statement(Place from) {
        Place here = place();
        ExpressionPtr target = name_expression(need_name("the name of a function"), here);
        bool method = false;
        while (is(".") || is(":")) {
            method = is(":");
            advance();
            here = place();
            target = measured(member_of(target, need_name("a name"), here));
            if (method) {
                break;
            }
        }
        check_target(*target);
        ExpressionPtr body = function_body(from, method);
        Statement& made = add(Statement::Kind::Assign, from);
        made.targets.push_back(std::move(target));
        made.values.push_back(std::move(body));
    }

    void local_function(Place from) {
        const Place here = place();
        const std::size_t variable = scopes_.declare(need_name("the name of a function"), here);
        scopes_.activate(variable); // it may call itself
        ExpressionPtr body = function_body(from, false);
        Statement& made = add(Statement::Kind::Local, from);
        made.variables.push_back(variable);
        made.values.push_back(std::move(body));
    }

    void local_statement(Place from) {
        std::vector<std::size_t> variables;
        int closed = 0;
        do {
            const Place here = place();
            std::string name = need_name("the name of a variable");
            bool fixed = false;
            if (take("<")) {
                const Place there = place();
                const std::string attribute = need_name("'const' or 'close'");
                fixed = true;
                closed += attribute == "close" ? 1 : 0;
                if (attribute != "const" && attribute != "close") {
                    fail(there,
                         fmt::format("unknown attribute '{}'; there are <const> and <close>", attribute));
                } else if (closed > 1) {
                    fail(there, "only one variable of a list may be <close>");
                }
                need(">", "write local name <const> = …");
            }
            variables.push_back(scopes_.declare(std::move(name), here, fixed));
        } while (take(","));
        std::vector<ExpressionPtr> values;
        if (take("=")) {
            values = expressions();
        }
        for (const std::size_t variable : variables) {
            scopes_.activate(variable);
        }
        Statement& made = add(Statement::Kind::Local, from);
        made.variables = std::move(variables);
        made.values = std::move(values);
    }

    void expression_statement(Place from) {
        std::vector<ExpressionPtr> targets;
        targets.push_back(suffixed());
        if (!is("=") && !is(",")) {
            if (targets[0]->kind == Kind::Call || targets[0]->kind == Kind::Method) {
                use(std::move(targets[0]));
                return;
            }
            const bool word = targets[0]->kind == Kind::Global && block_ends();
            fail(word ? from : place(),
                 fmt::format("{} stands where '=' or the arguments of a call are expected{}", now().shown(),
                             instead_of_symbol(word ? targets[0]->text : now().text)));
            throw Lost{};
        }
        while (take(",")) {
            targets.push_back(suffixed());
        }
        for (const ExpressionPtr& target : targets) {
            check_target(*target);
        }
        need("=", "write name = value");
        std::vector<ExpressionPtr> values = expressions();
        Statement& made = add(Statement::Kind::Assign, from);
        made.targets = std::move(targets);
        made.values = std::move(values);
    }

    void check_target(const Expression& target) {
        if (target.kind == Kind::Local && chunk_.variables[target.variable].fixed) {
            fail(target.place, fmt::format("'{}' is constant and cannot be assigned to", target.text));
        } else if (target.kind != Kind::Local && target.kind != Kind::Global && target.kind != Kind::Index) {
            fail(target.place, "only names and members of tables can be assigned to");
        }
    }

    void label_statement(Place from) {
        const std::string name = need_name("the name of a label");
        need("::", "write ::name::");
        const bool added = scopes_.add_label(name, from);
        while (is(";") || is("::")) {
            statement();
        }
        if (added) {
            scopes_.settle_label(name, block_ends() && !is("until"));
        }
    }
};

} // namespace

Chunk parse(std::string_view text) {
    return Parser(text).parse();
}

} // namespace workflows::engine::syntax
