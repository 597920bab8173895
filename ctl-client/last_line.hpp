// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace ctl_client {

/// The last line of a program's output that is not blank, without blanks around it.
inline std::string_view last_line(std::string_view output) {
    constexpr std::string_view blanks = " \t\r\n";
    const std::size_t end = output.find_last_not_of(blanks);
    if (end == std::string_view::npos) {
        return {};
    }
    output = output.substr(0, end + 1);
    const std::size_t before = output.rfind('\n');
    output = before == std::string_view::npos ? output : output.substr(before + 1);
    return output.substr(output.find_first_not_of(blanks));
}

/// The last line with `between` before it, shortened; nothing when there is none.
inline std::string last_line_after(std::string_view between, std::string_view output) {
    constexpr std::size_t shown_bytes = 1000;
    const std::string_view line = last_line(output);
    return line.empty() ? std::string() : std::string(between) + std::string(line.substr(0, shown_bytes));
}

} // namespace ctl_client
