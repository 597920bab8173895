// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "ctl-client/unified_diff.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <vector>

namespace ctl_client {
namespace {

using Lines = std::vector<std::string_view>;

Lines split(std::string_view text) {
    Lines lines;
    while (!text.empty()) {
        const std::size_t end = text.find('\n');
        const std::size_t length = end == std::string_view::npos ? text.size() : end + 1;
        lines.push_back(text.substr(0, length));
        text.remove_prefix(length);
    }
    return lines;
}

struct Step {
    char sign;          ///< ' ', '-', '+'
    std::size_t before; ///< line number from 0
    std::size_t after;
};

/// More differences than this are not shown: time and memory grow with their square, 8 MB here.
constexpr int most_edits = 1000;

/// Myers' shortest edit script (An O(ND) Difference Algorithm, 1986); false when it is longer than
/// most_edits.
bool edit_script(const Lines& before, const Lines& after, std::vector<Step>& script) {
    const int old_count = static_cast<int>(before.size());
    const int new_count = static_cast<int>(after.size());
    const int limit = std::min(old_count + new_count, most_edits);
    std::vector<int> furthest(static_cast<std::size_t>(2 * limit + 3), 0);
    std::vector<std::vector<int>> trace;
    const auto at = [&](std::vector<int>& row, int diagonal) -> int& {
        return row[static_cast<std::size_t>(diagonal + limit + 1)];
    };
    for (int edits = 0; edits <= limit; ++edits) {
        trace.push_back(furthest);
        for (int diagonal = -edits; diagonal <= edits; diagonal += 2) {
            const bool down = diagonal == -edits ||
                              (diagonal != edits && at(furthest, diagonal - 1) < at(furthest, diagonal + 1));
            int x = down ? at(furthest, diagonal + 1) : at(furthest, diagonal - 1) + 1;
            int y = x - diagonal;
            while (x < old_count && y < new_count &&
                   before[static_cast<std::size_t>(x)] == after[static_cast<std::size_t>(y)]) {
                ++x;
                ++y;
            }
            at(furthest, diagonal) = x;
            if (x < old_count || y < new_count) {
                continue;
            }
            for (int back = edits; back >= 0; --back) {
                std::vector<int>& row = trace[static_cast<std::size_t>(back)];
                const int here = x - y;
                const bool came_down =
                    here == -back || (here != back && at(row, here - 1) < at(row, here + 1));
                const int from = came_down ? here + 1 : here - 1;
                const int from_x = back == 0 ? 0 : at(row, from);
                const int from_y = back == 0 ? 0 : from_x - from;
                while (x > from_x && y > from_y) {
                    --x;
                    --y;
                    script.push_back({' ', static_cast<std::size_t>(x), static_cast<std::size_t>(y)});
                }
                if (back > 0) {
                    script.push_back({came_down ? '+' : '-', static_cast<std::size_t>(from_x),
                                      static_cast<std::size_t>(from_y)});
                }
                x = from_x;
                y = from_y;
            }
            std::reverse(script.begin(), script.end());
            return true;
        }
    }
    return false;
}

std::string range(std::size_t first, std::size_t count) {
    // diff counts from 1; an empty range names the line before it.
    return count == 1 ? fmt::format("{}", first + 1)
                      : fmt::format("{},{}", count == 0 ? first : first + 1, count);
}

} // namespace

std::string unified_diff(std::string_view before, std::string_view after, std::string_view path) {
    if (before == after) {
        return {};
    }
    constexpr std::size_t context = 3;
    const Lines old_lines = split(before);
    const Lines new_lines = split(after);
    std::string text = fmt::format("--- {}\n+++ {}\n", path, path);
    std::vector<Step> script;
    if (!edit_script(old_lines, new_lines, script)) {
        return text + fmt::format("@@ too many differences to show: {} lines became {} @@\n",
                                  old_lines.size(), new_lines.size());
    }
    for (std::size_t at = 0; at < script.size();) {
        if (script[at].sign == ' ') {
            ++at;
            continue;
        }
        const std::size_t first = at >= context ? at - context : 0;
        std::size_t end = at;
        // A hunk goes on while the next change is near enough for their contexts to touch.
        for (std::size_t next = at; next < script.size() && next <= end + 2 * context; ++next) {
            if (script[next].sign != ' ') {
                end = next;
            }
        }
        const std::size_t last = std::min(end + context, script.size() - 1);
        std::size_t old_count = 0;
        std::size_t new_count = 0;
        std::string body;
        for (std::size_t line = first; line <= last; ++line) {
            const Step& step = script[line];
            old_count += step.sign != '+' ? 1 : 0;
            new_count += step.sign != '-' ? 1 : 0;
            const std::string_view content =
                step.sign == '+' ? new_lines[step.after] : old_lines[step.before];
            body += step.sign;
            body += content;
            if (!content.ends_with('\n')) {
                body += "\n\\ No newline at end of file\n";
            }
        }
        text += fmt::format("@@ -{} +{} @@\n{}", range(script[first].before, old_count),
                            range(script[first].after, new_count), body);
        at = last + 1;
    }
    return text;
}

} // namespace ctl_client
