// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "cli/terminal.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <unistd.h>

namespace cli {

namespace {

bool wants_color(int descriptor) {
    return std::getenv("NO_COLOR") == nullptr && isatty(descriptor) == 1;
}

std::string_view code(Color color) {
    switch (color) {
    case Color::Red:
        return "31";
    case Color::Green:
        return "32";
    case Color::Yellow:
        return "33";
    case Color::Blue:
        return "34";
    case Color::Grey:
        return "90";
    case Color::Bold:
        return "1";
    }
    return "0";
}

std::size_t width(std::string_view text) {
    // UTF-8 continuation bytes take no column.
    return static_cast<std::size_t>(std::count_if(
        text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

} // namespace

std::string printable(std::string_view text) {
    std::string out;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if ((byte < 0x20 && c != '\n' && c != '\t') || byte == 0x7F) {
            out += fmt::format("\\x{:02x}", byte);
        } else {
            out += c;
        }
    }
    return out;
}

std::string paint(Color color, std::string_view text, int descriptor) {
    const std::string safe = printable(text);
    return wants_color(descriptor) ? fmt::format("\x1b[{}m{}\x1b[0m", code(color), safe) : safe;
}

std::string table(const std::vector<std::vector<std::string>>& rows) {
    std::vector<std::size_t> widths;
    for (const auto& row : rows) {
        widths.resize(std::max(widths.size(), row.size()));
        for (std::size_t column = 0; column < row.size(); ++column) {
            widths[column] = std::max(widths[column], width(printable(row[column])));
        }
    }
    std::string out;
    for (std::size_t at = 0; at < rows.size(); ++at) {
        std::string line;
        for (std::size_t column = 0; column < rows[at].size(); ++column) {
            const std::string cell = printable(rows[at][column]);
            line += cell;
            if (column + 1 < rows[at].size()) {
                line += std::string(widths[column] - width(cell) + 2, ' ');
            }
        }
        out += (at == 0 ? paint(Color::Bold, line) : line) + "\n";
    }
    return out;
}

std::string count(std::size_t number, std::string_view singular) {
    return fmt::format("{} {}{}", number, singular, number == 1 ? "" : "s");
}

} // namespace cli
