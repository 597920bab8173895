// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "templates/lexer.hpp"

#include "base/error.hpp"
#include "templates/literal.hpp"
#include "templates/text.hpp"

#include <array>
#include <optional>
#include <utility>

namespace templates {
namespace {

std::string with_plain_line_ends(std::string_view text) {
    std::string plain;
    plain.reserve(text.size());
    for (std::size_t at = 0; at < text.size(); ++at) {
        if (text[at] != '\r') {
            plain += text[at];
        } else {
            plain += '\n';
            if (at + 1 < text.size() && text[at + 1] == '\n')
                ++at;
        }
    }
    return plain;
}

bool is_digit(char character) noexcept {
    return character >= '0' && character <= '9';
}

bool starts_name(char character) noexcept {
    return (character >= 'a' && character <= 'z') || (character >= 'A' && character <= 'Z') ||
           character == '_';
}

class Lexer {
public:
    Lexer(std::string_view text, std::string_view name) : source_(with_plain_line_ends(text)), name_(name) {}

    std::vector<Token> run() {
        if (const auto invalid = first_invalid(source_)) {
            move_to(*invalid);
            fail("the template is not UTF-8 here; save it as UTF-8");
        }
        while (at_ < source_.size())
            text_up_to_tag();
        add(Token::Kind::End, {}, place_);
        return std::move(tokens_);
    }

private:
    using Kind = Token::Kind;

    [[noreturn]] void fail(std::string_view message) const { refuse(name_, place_, message); }

    bool sees(std::string_view what) const noexcept { return sees(what, at_); }
    bool sees(std::string_view what, std::size_t where) const noexcept {
        return std::string_view(source_).substr(std::min(where, source_.size()), what.size()) == what;
    }

    void move_to(std::size_t where) {
        for (; at_ < where; at_ += character_bytes(source_, at_)) {
            if (source_[at_] == '\n') {
                ++place_.line;
                place_.column = 1;
            } else {
                ++place_.column;
            }
        }
        line_starting_ = at_ == 0 || source_[at_ - 1] == '\n';
    }

    void add(Kind kind, std::string text, Place place) {
        Token token;
        token.kind = kind;
        token.text = std::move(text);
        token.place = place;
        tokens_.push_back(std::move(token));
    }

    /// The end of `{% raw %}` or `{% endraw %}` that begins with its `{%` at `where`, without what is trimmed
    /// after it.
    std::optional<std::size_t> marker_end(std::size_t where, std::string_view word, bool plus_allowed) const {
        std::size_t at = where + 2;
        if (sees("-", at) || sees("+", at))
            ++at;
        at += blanks_at(source_, at);
        if (!sees(word, at))
            return std::nullopt;
        at += word.size();
        at += blanks_at(source_, at);
        if (sees("-", at) || (plus_allowed && sees("+", at)))
            ++at;
        if (!sees("%}", at))
            return std::nullopt;
        return at + 2;
    }

    std::size_t next_tag(std::size_t from) const noexcept {
        for (std::size_t at = source_.find('{', from); at != std::string::npos;
             at = source_.find('{', at + 1)) {
            const char next = at + 1 < source_.size() ? source_[at + 1] : '\0';
            if (next == '{' || next == '%' || next == '#')
                return at;
        }
        return std::string::npos;
    }

    /// The text from here to `tag`, without the blanks that the tag takes away, and with the place on its
    /// sign.
    void add_text(std::size_t tag, bool prints) {
        std::string_view text = std::string_view(source_).substr(at_, tag - at_);
        const char sign = tag + 2 < source_.size() ? source_[tag + 2] : '\0';
        if (sign == '-') {
            text = without_trailing_blanks(text);
        } else if (sign != '+' && !prints) {
            const std::size_t newline = text.rfind('\n');
            const std::size_t start = newline == std::string_view::npos ? 0 : newline + 1;
            const bool whole_line = newline != std::string_view::npos || line_starting_;
            if (whole_line && start + blanks_at(text, start) == text.size())
                text = text.substr(0, start);
        }
        if (!text.empty())
            add(Kind::Text, std::string(text), place_);
        move_to(tag);
    }

    /// Behind the closing mark of a tag: '-' takes all blanks, a plain tag its line end.
    void trim_after(bool minus, bool plus, bool prints) {
        if (minus)
            move_to(at_ + blanks_at(source_, at_));
        else if (!plus && !prints && sees("\n"))
            move_to(at_ + 1);
    }

    void text_up_to_tag() {
        const std::size_t tag = next_tag(at_);
        if (tag == std::string::npos) {
            add(Kind::Text, source_.substr(at_), place_);
            move_to(source_.size());
            return;
        }
        const char mark = source_[tag + 1];
        add_text(tag, mark == '{');
        if (mark == '#') {
            comment();
        } else if (const auto raw = mark == '%' ? marker_end(tag, "raw", false) : std::nullopt) {
            raw_block(*raw);
        } else {
            inside_tag(mark == '{');
        }
    }

    bool signed_tag() const noexcept { return sees("-", at_ + 2) || sees("+", at_ + 2); }

    void comment() {
        const std::size_t start = at_ + (signed_tag() ? 3 : 2);
        const std::size_t end = source_.find("#}", start);
        if (end == std::string::npos)
            fail("the comment is not closed; end it with '#}'");
        const bool touched = end > start;
        const bool minus = touched && source_[end - 1] == '-';
        const bool plus = touched && source_[end - 1] == '+';
        move_to(end + 2);
        trim_after(minus, plus, false);
    }

    void raw_block(std::size_t start) {
        const Place opened = place_;
        const bool minus = source_[start - 3] == '-';
        move_to(start);
        if (minus)
            move_to(at_ + blanks_at(source_, at_));
        for (std::size_t tag = source_.find("{%", at_); tag != std::string::npos;
             tag = source_.find("{%", tag + 1)) {
            const auto end = marker_end(tag, "endraw", true);
            if (!end)
                continue;
            add_text(tag, false);
            const char sign = source_[*end - 3];
            move_to(*end);
            trim_after(sign == '-', sign == '+', false);
            return;
        }
        refuse(name_, opened, "'{% raw %}' is not closed; add '{% endraw %}'");
    }

    void inside_tag(bool prints) {
        const Place opened = place_;
        add(prints ? Kind::PrintBegin : Kind::TagBegin, prints ? "{{" : "{%", opened);
        move_to(at_ + (signed_tag() ? 3 : 2));
        const std::string_view end = prints ? "}}" : "%}";
        brackets_.clear();
        in_print_ = prints;
        while (true) {
            move_to(at_ + blanks_at(source_, at_));
            if (at_ >= source_.size()) {
                refuse(name_, opened,
                       prints ? "'{{' is not closed; end it with '}}'"
                              : "'{%' is not closed; end it with '%}'");
            }
            const bool minus = sees("-") && sees(end, at_ + 1);
            const bool plus = !prints && sees("+") && sees(end, at_ + 1);
            if (brackets_.empty() && (minus || plus || sees(end))) {
                add(prints ? Kind::PrintEnd : Kind::TagEnd, std::string(end), place_);
                move_to(at_ + (minus || plus ? 3 : 2));
                trim_after(minus, plus, prints);
                return;
            }
            token();
        }
    }

    void token() {
        const char first = source_[at_];
        if (is_digit(first))
            number();
        else if (starts_name(first))
            word();
        else if (first == '\'' || first == '"')
            string();
        else
            operation();
    }

    void word() {
        std::size_t end = at_;
        while (end < source_.size() && (starts_name(source_[end]) || is_digit(source_[end])))
            ++end;
        if (end < source_.size() && static_cast<unsigned char>(source_[end]) >= 0x80)
            fail("a name has ASCII letters, digits and '_' only; write record['name'] for others");
        add(Kind::Name, source_.substr(at_, end - at_), place_);
        move_to(end);
    }

    void string() {
        const char quote = source_[at_];
        std::size_t end = at_ + 1;
        while (end < source_.size() && source_[end] != quote)
            end += source_[end] == '\\' ? 2 : 1;
        if (end >= source_.size())
            fail(fmt::format("the string is not closed; add a closing {}", quote));
        Unescaped unescaped = unescape(std::string_view(source_).substr(at_ + 1, end - at_ - 1));
        if (!unescaped.wrong.empty())
            fail(unescaped.wrong);
        add(Kind::String, std::move(unescaped.text), place_);
        move_to(end + 1);
    }

    void number() {
        // In `list.0.1` each part is a whole number of its own.
        const bool after_dot = at_ > 0 && source_[at_ - 1] == '.';
        const NumberLiteral literal = read_number(std::string_view(source_).substr(at_), !after_dot);
        if (!literal.wrong.empty())
            fail(literal.wrong);
        add(literal.is_fraction ? Kind::Fraction : Kind::Whole, source_.substr(at_, literal.bytes), place_);
        tokens_.back().whole = literal.whole;
        tokens_.back().fraction = literal.fraction;
        move_to(at_ + literal.bytes);
    }

    void operation() {
        static constexpr std::array<std::string_view, 26> operators = {
            "**", "//", "==", "!=", ">=", "<=", "+", "-", "/", "*", "%", "~", "[",
            "]",  "(",  ")",  "{",  "}",  ">",  "<", "=", ".", ":", "|", ",", ";"};
        for (const std::string_view op : operators) {
            if (!sees(op))
                continue;
            balance(op);
            add(Kind::Operator, std::string(op), place_);
            move_to(at_ + op.size());
            return;
        }
        if (static_cast<unsigned char>(source_[at_]) >= 0x80)
            fail("a name has ASCII letters, digits and '_' only; write record['name'] for others");
        fail(fmt::format("unexpected {} in a tag; put text in quotes", in_quotes(source_.substr(at_, 1))));
    }

    void balance(std::string_view op) {
        if (op == "(")
            brackets_ += ')';
        else if (op == "[")
            brackets_ += ']';
        else if (op == "{")
            brackets_ += '}';
        if (op != ")" && op != "]" && op != "}")
            return;
        if (brackets_.empty()) {
            fail(fmt::format("unexpected '{}'; {}", op,
                             op != "}"   ? "no bracket is open here"
                             : in_print_ ? "a print tag ends with '}}'"
                                         : "a tag ends with '%}'"));
        }
        if (brackets_.back() != op[0])
            fail(fmt::format("unexpected '{}'; close with '{}' first", op, brackets_.back()));
        brackets_.pop_back();
    }

    std::string source_;
    std::string_view name_;
    std::size_t at_ = 0;
    Place place_;
    bool line_starting_ = true;
    std::string brackets_; ///< what closes the open ones
    bool in_print_ = false;
    std::vector<Token> tokens_;
};

} // namespace

std::vector<Token> tokens_of(std::string_view text, std::string_view name) {
    if (text.size() > largest_template) {
        throw base::Error(base::Fault::Input,
                          "{}: the template has {} bytes, but at most {} are allowed; split it", name,
                          text.size(), largest_template);
    }
    return Lexer(text, name).run();
}

void refuse(std::string_view name, Place place, std::string_view message) {
    throw base::Error(base::Fault::Input, "{}:{}:{}: {}", name, place.line, place.column, message);
}

} // namespace templates
