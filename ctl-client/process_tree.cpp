// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "ctl-client/process_tree.hpp"

#include "base/error.hpp"
#include "base/files.hpp"

#include <fmt/format.h>

#include <charconv>
#include <map>
#include <optional>

namespace ctl_client {
namespace {

/// The parent of a living process.
std::optional<pid_t> parent_of(pid_t id) {
    std::string stat;
    try {
        stat = base::SystemFiles().read(fmt::format("/proc/{}/stat", id), 4096);
    } catch (const base::Error&) {
        return std::nullopt; // it has just ended
    }
    // "1234 (any name) S 1 …": the name may contain anything, also parentheses.
    const std::size_t name_end = stat.rfind(')');
    if (name_end == std::string::npos || stat.size() < name_end + 5) {
        return std::nullopt;
    }
    const char state = stat[name_end + 2];
    if (state == 'Z' || state == 'X') {
        return std::nullopt;
    }
    pid_t parent = 0;
    const char* first = stat.data() + name_end + 4;
    return std::from_chars(first, stat.data() + stat.size(), parent).ec == std::errc() ? std::optional(parent)
                                                                                       : std::nullopt;
}

} // namespace

std::vector<pid_t> descendants(pid_t root) {
    std::multimap<pid_t, pid_t> children;
    for (const std::string& name : base::SystemFiles().list("/proc")) {
        pid_t id = 0;
        const auto [end, problem] = std::from_chars(name.data(), name.data() + name.size(), id);
        if (problem != std::errc() || end != name.data() + name.size()) {
            continue;
        }
        if (const auto parent = parent_of(id)) {
            children.emplace(*parent, id);
        }
    }
    std::vector<pid_t> found;
    std::vector<pid_t> open{root};
    while (!open.empty()) {
        const auto [first, last] = children.equal_range(open.back());
        open.pop_back();
        for (auto child = first; child != last; ++child) {
            found.push_back(child->second);
            open.push_back(child->second);
        }
    }
    return found;
}

} // namespace ctl_client
