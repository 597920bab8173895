// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace templates {

/// A place in a template, from 1; columns count characters.
struct Place {
    int line = 1;
    int column = 1;
};

struct Token {
    enum class Kind {
        Text,       ///< what stands outside of tags, blanks already trimmed
        PrintBegin, ///< {{
        PrintEnd,   ///< }}
        TagBegin,   ///< {%
        TagEnd,     ///< %}
        Name,
        String, ///< unescaped
        Whole,
        Fraction,
        Operator, ///< `text` is the operator
        End,
    };
    Kind kind = Kind::End;
    std::string text;
    std::int64_t whole = 0;
    double fraction = 0;
    Place place;

    bool is(std::string_view op) const noexcept { return kind == Kind::Operator && text == op; }
    bool is_name(std::string_view name) const noexcept { return kind == Kind::Name && text == name; }
};

inline constexpr std::size_t largest_template = 1u << 20;

/// Splits a template into tokens as Jinja2 does with trim_blocks, lstrip_blocks and keep_trailing_newline:
/// comments are gone, raw blocks are text, line ends are '\n'. The last token is End.
/// @throws base::Error{Fault::Input} `name:line:column: what`.
std::vector<Token> tokens_of(std::string_view text, std::string_view name);

/// Throws the base::Error{Fault::Input} `name:line:column: message`.
[[noreturn]] void refuse(std::string_view name, Place place, std::string_view message);

} // namespace templates
