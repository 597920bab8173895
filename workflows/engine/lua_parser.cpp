// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "workflows/engine/lua_syntax.hpp"

#include "workflows/engine/lua_scopes.hpp"
#include "workflows/engine/lua_tokens.hpp"

#include <algorithm>
#include <fmt/format.h>
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

class Parser : private Tokens {
public:
    explicit Parser(std::string_view text) : Tokens(text), scopes_(*this, chunk_.variables) {}

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
    struct Depth {
        explicit Depth(Parser& parser) : parser_(parser) {
            if (++parser_.depth_ > deepest) {
                parser_.fail(parser_.place(),
                             fmt::format("blocks and expressions are nested more than {} deep", deepest));
                --parser_.depth_;
                throw Lost{};
            }
        }
        ~Depth() { --parser_.depth_; }
        Depth(const Depth&) = delete;
        Depth& operator=(const Depth&) = delete;
        Parser& parser_;
    };

    // ---- nodes ----

    ExpressionPtr name_expression(const std::string& name, Place from) const {
        const std::optional<std::size_t> variable = scopes_.find(name);
        ExpressionPtr expression = make(variable ? Kind::Local : Kind::Global, from);
        expression->text = name;
        expression->variable = variable.value_or(0);
        return expression;
    }

    static ExpressionPtr make(Kind kind, Place place) {
        auto expression = std::make_shared<Expression>();
        expression->kind = kind;
        expression->place = place;
        return expression;
    }

    ExpressionPtr measured(ExpressionPtr made) {
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

    // ---- statements ----

    bool block_ends() const noexcept {
        return at_end() || is("end") || is("else") || is("elseif") || is("until") || is("}") || is(")") ||
               is("]"); // what is around it ends: an 'end' is missing
    }

    void block_body() {
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
        chunk_.statements.push_back({kind, place, {}, {}, {}, scopes_.outermost()});
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
            use(expression());
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

    void if_statement(Place from) {
        use(expression());
        need("then", "write if … then … end");
        block(false);
        while (take("elseif")) {
            use(expression());
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
            fail(place(),
                 fmt::format("{} stands where '=' or the arguments of a call are expected", now().shown()));
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

    // ---- expressions ----

    std::vector<ExpressionPtr> expressions() {
        std::vector<ExpressionPtr> list;
        do {
            list.push_back(expression());
        } while (take(","));
        return list;
    }

    ExpressionPtr expression(int limit = 0) {
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
        while (const Priority* operation = binary()) {
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

    const Priority* binary() const noexcept {
        for (const Priority& one : priorities) {
            if (is(one.symbol)) {
                return &one;
            }
        }
        return nullptr;
    }

    ExpressionPtr simple() {
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

    ExpressionPtr primary() {
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
        fail(from, fmt::format("{} stands where a value is expected", now().shown()));
        throw Lost{};
    }

    static ExpressionPtr member_of(ExpressionPtr object, std::string name, Place place) {
        ExpressionPtr key = make(Kind::String, place);
        key->text = std::move(name);
        ExpressionPtr made = make(Kind::Index, object->place);
        made->member = place;
        made->parts = {std::move(object), std::move(key)};
        return made;
    }

    ExpressionPtr suffixed() {
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

    void arguments(Expression& call) {
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
    ExpressionPtr simple_argument() { return is("{") ? table() : simple(); }

    ExpressionPtr table() {
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
            if (!take(",") && !take(";")) {
                break;
            }
        }
        need_closing("}", "{", from);
        return measured(std::move(made));
    }

    ExpressionPtr function_body(Place from, bool method) {
        ExpressionPtr made = make(Kind::Function, from);
        scopes_.open_function(false);
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

    Chunk chunk_;
    Scopes scopes_;
    int depth_ = 0;
};

} // namespace

Chunk parse(std::string_view text) {
    return Parser(text).parse();
}

} // namespace workflows::engine::syntax
