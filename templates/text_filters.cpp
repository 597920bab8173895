// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// Filters that make texts.
#include "templates/filters.hpp"
#include "templates/operations.hpp"
#include "templates/text.hpp"

#include <fmt/format.h>

namespace templates {
namespace {

Datum upper_filter(Work& work, const Datum& input, const Given&) {
    return work.text(upper(text_of(work, input)));
}

Datum lower_filter(Work& work, const Datum& input, const Given&) {
    return work.text(lower(text_of(work, input)));
}

Datum capitalize_filter(Work& work, const Datum& input, const Given&) {
    const std::string text = text_of(work, input);
    if (text.empty())
        return work.text(text);
    const std::size_t first = character_bytes(text, 0);
    if (first > 1)
        work.fail("'capitalize' takes texts that begin with an ASCII character only; use 'upper'");
    return work.text(upper(text.substr(0, first)) + lower(text.substr(first)));
}

Datum trim_filter(Work& work, const Datum& input, const Given& given) {
    const Datum* characters = given.some(0);
    const std::string* out =
        characters == nullptr ? nullptr : &plain_text_of(work, *characters, "the argument of 'trim'");
    return work.text(stripped(text_of(work, input), out, true, true));
}

Datum replace_filter(Work& work, const Datum& input, const Given& given) {
    const std::int64_t count =
        given.some(2) == nullptr ? -1 : whole_of(work, *given.some(2), "the count of 'replace'");
    return replaced(work, text_of(work, input), text_of(work, *given.at(0)), text_of(work, *given.at(1)),
                    count);
}

Datum string_filter(Work& work, const Datum& input, const Given&) {
    return work.text(text_of(work, input));
}

Datum indent_filter(Work& work, const Datum& input, const Given& given) {
    const std::string text = plain_text_of(work, input, "what 'indent' indents") + "\n";
    std::string indentation = "    ";
    if (const Datum* width = given.at(0)) {
        if (const std::string* written = width->text()) {
            indentation = *written;
        } else {
            const std::int64_t blanks = whole_of(work, *width, "the width of 'indent'");
            if (blanks > 1000)
                work.fail("the width of 'indent' is more than 1000");
            indentation = std::string(static_cast<std::size_t>(std::max<std::int64_t>(blanks, 0)), ' ');
        }
    }
    const bool first = given.flag(work, 1);
    const bool blank = given.flag(work, 2);
    std::string result = first ? indentation : "";
    bool first_line = true;
    for (const std::string_view line : lines_of(text)) {
        if (!first_line) {
            result += '\n';
            if (blank || !line.empty())
                result += indentation;
        }
        first_line = false;
        result += line;
        work.check_size(result.size());
    }
    return work.text(std::move(result));
}

/// As Python's shlex.quote: one word for a POSIX shell, whatever is in it.
Datum quote_filter(Work& work, const Datum& input, const Given&) {
    const std::string text = text_of(work, input);
    if (text.find('\0') != std::string::npos)
        work.fail("'quote' does not take a text with a NUL character, because no shell does");
    constexpr std::string_view plain =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_@%+=:,./-";
    if (!text.empty() && text.find_first_not_of(plain) == std::string::npos)
        return work.text(text);
    std::string result = "'";
    for (const char character : text) {
        if (character == '\'')
            result += "'\"'\"'";
        else
            result += character;
    }
    return work.text(result + "'");
}

Datum base64_filter(Work& work, const Datum& input, const Given&) {
    constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const std::string text = text_of(work, input);
    std::string result;
    for (std::size_t at = 0; at < text.size(); at += 3) {
        std::uint32_t group = 0;
        for (std::size_t part = 0; part < 3; ++part)
            group =
                (group << 8) | (at + part < text.size() ? static_cast<unsigned char>(text[at + part]) : 0u);
        for (std::size_t part = 0; part < 4; ++part) {
            const bool written = part < 2 || at + part - 1 < text.size();
            result += written ? alphabet[(group >> (18 - 6 * part)) & 63] : '=';
        }
    }
    return work.text(std::move(result));
}

Datum tojson_filter(Work& work, const Datum& input, const Given& given) {
    const Datum* indent = given.some(0);
    if (indent == nullptr)
        return as_json(work, input, std::nullopt);
    return as_json(work, input, whole_of(work, *indent, "the indent of 'tojson'"));
}

Datum format_filter(Work& work, const Datum& input, const Given& given) {
    return formatted(work, text_of(work, input), work.sequence(Sequence::Form::Tuple, given.more));
}

} // namespace

const std::vector<Filter>& text_filters() {
    static const std::vector<Filter> filters = {
        {"upper", {}, 0, upper_filter},
        {"lower", {}, 0, lower_filter},
        {"capitalize", {}, 0, capitalize_filter},
        {"trim", {"chars"}, 0, trim_filter},
        {"replace", {"old", "new", "count"}, 2, replace_filter},
        {"string", {}, 0, string_filter},
        {"indent", {"width", "first", "blank"}, 0, indent_filter},
        {"quote", {}, 0, quote_filter},
        {"b64encode", {}, 0, base64_filter},
        {"tojson", {"indent"}, 0, tojson_filter},
        {"format", {}, 0, format_filter, true},
    };
    return filters;
}

} // namespace templates
