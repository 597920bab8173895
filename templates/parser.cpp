// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "templates/parser.hpp"

#include "base/fields.hpp"
#include "templates/expressions.hpp"
#include "templates/scopes.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace templates {
namespace {

using Kind = Token::Kind;

const std::vector<std::string> known_tags = {"if", "for", "set", "raw"};
const std::vector<std::string> inner_tags = {"elif", "else", "endif", "endfor", "endset", "endraw"};
/// Tags that Jinja2 has and this subset does not.
const std::vector<std::string> foreign_tags = {"include",  "import", "from",  "extends",    "block", "macro",
                                               "call",     "filter", "with",  "autoescape", "do",    "break",
                                               "continue", "trans",  "print", "debug"};

bool among(const std::string& name, const std::vector<std::string>& names) {
    return std::find(names.begin(), names.end(), name) != names.end();
}

class Parser {
public:
    Parser(std::vector<Token> tokens, std::string_view name) : reader_(std::move(tokens), name) {}

    Block run() {
        Block block{body({}), {}};
        find_hidden(block);
        return block;
    }

private:
    /// Statements up to a tag that is one of `ends`, whose '{%' is taken, its name not; up to the end if
    /// there is none.
    Body body(const std::vector<std::string>& ends) {
        const ExpressionReader::Level level(reader_);
        Body statements;
        while (true) {
            const Token token = reader_.current();
            if (token.kind == Kind::End) {
                if (!ends.empty())
                    reader_.fail(open_.back().place,
                                 fmt::format("'{{% {} %}}' is not closed; add '{{% {} %}}'",
                                             open_.back().text, ends.back()));
                return statements;
            }
            reader_.take();
            if (token.kind == Kind::Text) {
                statements.push_back({token.place, TextOut{token.text}});
            } else if (token.kind == Kind::PrintBegin) {
                Print print{reader_.read_all(true)};
                if (reader_.take_if(Kind::PrintEnd))
                    statements.push_back({token.place, std::move(print)});
                else
                    reader_.fail(fmt::format("expected '}}}}' to end the print tag, but found {}",
                                             spelled(reader_.current())));
            } else {
                const Token tag = reader_.current();
                if (tag.kind == Kind::Name && among(tag.text, ends))
                    return statements;
                statements.push_back(statement(tag));
                end_tag(tag.text);
            }
        }
    }

    void end_tag(std::string_view tag) {
        if (!reader_.take_if(Kind::TagEnd))
            reader_.fail(
                fmt::format("expected '%}}' to end '{}', but found {}", tag, spelled(reader_.current())));
    }

    Statement statement(const Token& tag) {
        if (tag.kind != Kind::Name)
            reader_.fail(fmt::format("expected the name of a tag behind '{{%', but found {}", spelled(tag)));
        if (!among(tag.text, known_tags) || tag.text == "raw")
            refuse_tag(tag);
        reader_.take();
        open_.push_back(tag);
        Statement made = tag.text == "if"    ? if_statement(tag)
                         : tag.text == "for" ? for_statement(tag)
                                             : set_statement(tag);
        open_.pop_back();
        return made;
    }

    [[noreturn]] void refuse_tag(const Token& tag) {
        if (tag.text == "raw")
            reader_.fail(tag.place, "'raw' takes nothing; write '{% raw %}'");
        if (among(tag.text, inner_tags)) {
            if (open_.empty())
                reader_.fail(tag.place, fmt::format("'{}' stands outside of any block", tag.text));
            reader_.fail(tag.place, fmt::format("'{}' does not fit into '{}' of line {}; close that first",
                                                tag.text, open_.back().text, open_.back().place.line));
        }
        if (among(tag.text, foreign_tags))
            reader_.fail(tag.place,
                         fmt::format("'{}' is a tag of Jinja2 that is not in this subset; known are: {}",
                                     tag.text, fmt::join(known_tags, ", ")));
        std::vector<std::string> all = known_tags;
        all.insert(all.end(), inner_tags.begin(), inner_tags.end());
        if (const auto near = base::nearest(tag.text, all))
            reader_.fail(tag.place, fmt::format("unknown tag '{}'; did you mean '{}'?", tag.text, *near));
        reader_.fail(tag.place,
                     fmt::format("unknown tag '{}'; known are: {}", tag.text, fmt::join(known_tags, ", ")));
    }

    Statement if_statement(const Token& tag) {
        If form;
        while (true) {
            ExpressionPtr condition = reader_.read_all(false);
            end_tag("if");
            form.branches.push_back({std::move(condition), body({"elif", "else", "endif"})});
            if (!reader_.accept_name("elif"))
                break;
        }
        if (reader_.accept_name("else")) {
            end_tag("else");
            form.otherwise = body({"endif"});
        }
        reader_.take();
        return {tag.place, std::move(form)};
    }

    Statement for_statement(const Token& tag) {
        For form;
        form.target = reader_.read_target();
        if (!reader_.accept_name("in"))
            reader_.fail(fmt::format("expected 'in' behind the names of 'for', but found {}",
                                     spelled(reader_.current())));
        form.over = reader_.read_all(false);
        if (reader_.accept_name("if"))
            form.condition = reader_.read();
        if (reader_.current().is_name("recursive"))
            reader_.fail("'recursive' is not in this subset of Jinja2; write nested loops");
        end_tag("for");
        form.body.body = body({"else", "endfor"});
        if (reader_.accept_name("else")) {
            end_tag("else");
            form.otherwise.body = body({"endfor"});
        }
        reader_.take();
        return {tag.place, std::move(form)};
    }

    Statement set_statement(const Token& tag) {
        Target target = reader_.read_target();
        if (reader_.accept("=")) {
            Set form{std::move(target), reader_.read_all(true)};
            return {tag.place, std::move(form)};
        }
        if (reader_.current().is("|"))
            reader_.fail(
                "a filter on a 'set' block is not in this subset of Jinja2; apply it where the name is used");
        if (!target.parts.empty())
            reader_.fail("expected '=' behind the names of 'set'");
        if (reader_.current().kind != Kind::TagEnd)
            reader_.fail(fmt::format("expected '=' or '%}}' behind '{}', but found {}", target.name,
                                     spelled(reader_.current())));
        end_tag("set");
        SetBlock form{std::move(target.name), {body({"endset"}), {}}};
        reader_.take();
        return {tag.place, std::move(form)};
    }

    ExpressionReader reader_;
    std::vector<Token> open_; ///< the tags whose blocks we are in
};

} // namespace

Block parse(std::string_view text, std::string_view name) {
    return Parser(tokens_of(text, name), name).run();
}

} // namespace templates
