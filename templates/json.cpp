// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// JSON as Jinja2's tojson writes it, which is how Python's json.dumps does, sorted and safe in HTML.
#include "templates/literal.hpp"
#include "templates/operations.hpp"
#include "templates/text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>

namespace templates {
namespace {

class Writer {
public:
    Writer(Work& work, std::optional<std::int64_t> indent) : work_(work), indent_(indent) {}

    std::string write(const Datum& datum) {
        add(datum, 0);
        return std::move(text_);
    }

private:
    void add(const Datum& datum, std::size_t level) {
        work_.charge(1);
        work_.check_size(text_.size());
        require_defined(work_, datum);
        if (datum.is_none())
            text_ += "null";
        else if (const bool* flag = datum.flag())
            text_ += *flag ? "true" : "false";
        else if (const double* fraction = datum.fraction())
            add(*fraction);
        else if (const std::string* text = datum.text())
            add(*text);
        else if (const Record* record = datum.record())
            add(*record, level);
        else if (datum.whole() != nullptr)
            text_ += text_of(work_, datum);
        else
            add_items(datum, level);
    }

    void add(double number) {
        if (std::isnan(number))
            text_ += "NaN";
        else if (std::isinf(number))
            text_ += number < 0 ? "-Infinity" : "Infinity";
        else
            text_ += to_text(number);
    }

    void add_escape(char32_t unit) {
        fmt::format_to(std::back_inserter(text_), "\\u{:04x}", static_cast<std::uint32_t>(unit));
    }

    void add(const std::string& text) {
        text_ += '"';
        for (std::size_t at = 0; at < text.size(); at += character_bytes(text, at)) {
            const char32_t code = code_point(text, at);
            switch (code) {
            case '"':
                text_ += "\\\"";
                break;
            case '\\':
                text_ += "\\\\";
                break;
            case '\n':
                text_ += "\\n";
                break;
            case '\r':
                text_ += "\\r";
                break;
            case '\t':
                text_ += "\\t";
                break;
            case '\b':
                text_ += "\\b";
                break;
            case '\f':
                text_ += "\\f";
                break;
            case '<':
            case '>':
            case '&':
            case '\'':
                add_escape(code);
                break;
            default:
                if (code >= 0x10000) {
                    add_escape(0xD800 + ((code - 0x10000) >> 10));
                    add_escape(0xDC00 + ((code - 0x10000) & 0x3FF));
                } else if (code < 0x20 || code >= 0x7F) {
                    add_escape(code);
                } else {
                    text_ += static_cast<char>(code);
                }
            }
        }
        text_ += '"';
    }

    void new_line(std::size_t level) {
        if (!indent_)
            return;
        text_ += '\n';
        text_.append(level * static_cast<std::size_t>(*indent_), ' ');
    }

    void separate() { text_ += indent_ ? "," : ", "; }

    void add_items(const Datum& datum, std::size_t level) {
        const Sequence* sequence = datum.sequence();
        if (sequence == nullptr ||
            (sequence->form != Sequence::Form::List && sequence->form != Sequence::Form::Tuple))
            work_.fail(fmt::format("'tojson' does not take {}{}", kind_of(datum),
                                   sequence == nullptr ? "" : "; add '| list' before it"));
        text_ += '[';
        for (const Datum& item : sequence->items) {
            if (&item != &sequence->items.front())
                separate();
            new_line(level + 1);
            add(item, level + 1);
        }
        if (!sequence->items.empty())
            new_line(level);
        text_ += ']';
    }

    void add(const Record& record, std::size_t level) {
        std::vector<std::pair<const std::string*, const Datum*>> members;
        for (const auto& member : record.members)
            members.emplace_back(&plain_text_of(work_, member.first, "a member's name in 'tojson'"),
                                 &member.second);
        std::sort(members.begin(), members.end(),
                  [](const auto& left, const auto& right) { return *left.first < *right.first; });
        text_ += '{';
        for (const auto& member : members) {
            if (&member != &members.front())
                separate();
            new_line(level + 1);
            add(*member.first);
            text_ += ": ";
            add(*member.second, level + 1);
        }
        if (!members.empty())
            new_line(level);
        text_ += '}';
    }

    Work& work_;
    std::optional<std::int64_t> indent_;
    std::string text_;
};

} // namespace

Datum as_json(Work& work, const Datum& datum, std::optional<std::int64_t> indent) {
    // Deeper indentation than this is a slip, and would make a long text of a short one.
    if (indent && (*indent < 0 || *indent > 32))
        work.fail("the indent of 'tojson' must be 0 to 32");
    return work.text(Writer(work, indent).write(datum));
}

} // namespace templates
