// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "ctl-client/planned_changes.hpp"

#include "ctl-client/unified_diff.hpp"

#include <algorithm>
#include <map>

namespace ctl_client {
namespace {

/// All diffs of a report together: a report must fit into one frame.
constexpr std::size_t most_diff_bytes = 256u << 10;

} // namespace

void tell_actions(base::Object& detail, const std::vector<ServiceAction>& actions) {
    std::map<ServiceAction::Kind, std::vector<std::string>> by_kind;
    base::Object why;
    for (const ServiceAction& action : actions) {
        by_kind[action.kind].push_back(action.name);
        why.set(action.name, action.reason);
    }
    detail.set("restart", by_kind[ServiceAction::Kind::Restart]);
    detail.set("reload", by_kind[ServiceAction::Kind::Reload]);
    detail.set("start", by_kind[ServiceAction::Kind::Start]);
    detail.set("stop", by_kind[ServiceAction::Kind::Stop]);
    detail.set("restart_why", std::move(why));
}

base::Object planned_changes(const Generation& candidate, const std::optional<Generation>& now,
                             const std::vector<rpm::Installed>& installed, const ConfigSet& config,
                             const std::vector<ServiceAction>& actions) {
    std::map<std::string, std::pair<base::Value, base::Value>> builds; // name → from, to
    for (const rpm::Installed& package : installed) {
        const HeldPackage* wanted = candidate.find(package.nevra.name);
        const bool leaves = wanted == nullptr && now && now->find(package.nevra.name) != nullptr;
        if ((wanted != nullptr && !(wanted->identity == package)) || leaves) {
            builds[package.nevra.name].first = package.nevra.str();
        } else if (wanted != nullptr) {
            builds[package.nevra.name] = {true, true}; // stays
        }
    }
    for (const HeldPackage& package : candidate.packages) {
        auto& build = builds[package.identity.nevra.name];
        if (build.first.flag() == nullptr) {
            build.second = package.identity.nevra.str();
        }
    }
    base::Array packages;
    for (const auto& [name, build] : builds) {
        if (build.first.flag() == nullptr) {
            packages.push_back(base::Object{{"name", name}, {"from", build.first}, {"to", build.second}});
        }
    }
    base::Array files;
    std::size_t diff_bytes = 0;
    const auto compare = [&](const std::string& path, const std::string& after) {
        const FileState there = config.look(path);
        std::string diff = unified_diff(there.bytes.value_or(""), after, path);
        if (diff.empty() && !there.bytes) {
            diff = fmt::format("--- {}\n+++ {}\n", path, path);
        }
        if (!diff.empty()) {
            diff_bytes += diff.size();
            if (diff_bytes > most_diff_bytes) {
                diff = fmt::format("--- {}\n+++ {}\n@@ not shown: too long @@\n", path, path);
            }
            files.push_back(base::Object{{"path", path}, {"diff", std::move(diff)}});
        }
    };
    for (const ConfigFile& file : candidate.config) {
        compare(file.path, file.bytes);
    }
    for (const ConfigFile& file : now ? now->config : std::vector<ConfigFile>{}) {
        const bool stays = std::any_of(candidate.config.begin(), candidate.config.end(),
                                       [&](const ConfigFile& one) { return one.path == file.path; });
        if (!stays) {
            compare(file.path, "");
        }
    }
    base::Object detail{{"changed", !packages.empty() || !files.empty() || !actions.empty()}};
    detail.set("packages", std::move(packages));
    detail.set("config", std::move(files));
    tell_actions(detail, actions);
    detail.set("validated", "staged");
    detail.set("installed", now.has_value());
    return detail;
}

} // namespace ctl_client
