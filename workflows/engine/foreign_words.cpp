// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "workflows/engine/foreign_words.hpp"

#include "base/fields.hpp"

#include <algorithm>
#include <fmt/ranges.h>

namespace workflows::engine {
namespace {

struct Instead {
    std::string_view written;
    std::string_view hint;
};

constexpr std::string_view one_text = "; a script is one text, and nothing is loaded into it";

constexpr std::string_view left_out = "; scripts have a part of Lua's library, which docs/workflows.md names";

constexpr Instead names[] = {
    {"null", "; write nil"},
    {"NULL", "; write nil"},
    {"None", "; write nil"},
    {"True", "; write true"},
    {"False", "; write false"},
    {"print", "; a workflow writes into the run's story: ctx:log(\"message\")"},
    {"os", "; a workflow has ctx:now() and ctx:wait(\"30s\")"},
    {"io", "; a script reads no files; what a workflow must know comes as a parameter"},
    {"require", one_text},
    {"dofile", one_text},
    {"loadfile", one_text},
    {"load", one_text},
    {"math.random", "; write ctx:random()"},
    {"coroutine", left_out},
    {"debug", left_out},
    {"utf8", left_out},
    {"package", left_out},
    {"setmetatable", left_out},
    {"getmetatable", left_out},
    {"rawget", left_out},
    {"rawset", left_out},
    {"collectgarbage", left_out}};

constexpr Instead symbols[] = {{"!=", "; write ~="},
                               {"!", "; write not"},
                               {"&", "; write and"},
                               {"|", "; write or"},
                               {"//", "; a comment begins with --"},
                               {"#", "; a comment begins with --"},
                               {"+", "; write name = name + 1"},
                               {"-", "; write name = name - 1"},
                               {"continue", "; write goto next, and ::next:: at the end of the loop"},
                               {"\xEF\xBB\xBF", "; save the text as UTF-8 without a byte order mark"}};

template <std::size_t Size>
std::string_view find(const Instead (&list)[Size], std::string_view written) noexcept {
    const auto* found = std::ranges::find(list, written, &Instead::written);
    return found == std::end(list) ? std::string_view() : found->hint;
}

} // namespace

std::string instead_of_name(std::string_view name, const std::vector<std::string>& known) {
    if (const std::string_view hint = find(names, name); !hint.empty()) {
        return std::string(hint);
    }
    const std::string near = base::hint(name, known);
    return near.empty() ? fmt::format("; give it a value first, or write \"{}\" if it is text", name) : near;
}

std::string instead_of_member(std::string_view name, const std::vector<std::string>& known,
                              std::string_view library) {
    if (const std::string_view hint = find(names, fmt::format("{}.{}", library, name)); !hint.empty()) {
        return std::string(hint);
    }
    const std::string near = base::hint(name, known);
    return near.empty() && !known.empty() ? fmt::format("; known are {}", fmt::join(known, ", ")) : near;
}

std::string_view instead_of_symbol(std::string_view symbol) noexcept {
    return find(symbols, symbol);
}

} // namespace workflows::engine
