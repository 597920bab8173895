// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "ctl-client/hooks.hpp"

#include "base/error.hpp"
#include "base/log.hpp"
#include "ctl-client/last_line.hpp"

#include <algorithm>
#include <utility>

namespace ctl_client {
namespace {

/// Whether the release that is coming still wants this package's hooks at this point to hold it.
bool wants(const Generation& coming, const std::string& package, std::string_view point) {
    return std::any_of(coming.abouts.begin(), coming.abouts.end(), [&](const rpm::About& about) {
        return about.name == package &&
               std::any_of(about.hooks.begin(), about.hooks.end(),
                           [&](const rpm::Hook& hook) { return hook.at == point && !hook.warns; });
    });
}

} // namespace

std::string Hooks::trouble(const rpm::Hook& hook, const std::string& what) const {
    base::Command command;
    command.argv = hook.run;
    command.directory = "/";
    command.timeout = hook.timeout;
    command.output_limit_bytes = 4096;
    try {
        const auto outcome = programs_.keep(command, what);
        if (!outcome) {
            return "was started, and nobody knows how it ended: its keeper was killed";
        }
        if (outcome->timed_out) {
            return fmt::format("did not end within {}", base::to_text(hook.timeout));
        }
        return outcome->exit_code == 0 ? std::string()
                                       : fmt::format("ended with {}{}", outcome->exit_code,
                                                     last_line_after(": ", outcome->output));
    } catch (const base::Error& error) {
        if (error.fault() != base::Fault::NotFound) {
            throw; // it was cancelled, or we could not do our own part
        }
        return "cannot run: " + error.message();
    }
}

int Hooks::run(std::string_view point, const std::optional<Generation>& there,
               const std::optional<Generation>& coming, Mercy mercy) {
    int ran = 0;
    for (const rpm::About& about : there ? there->abouts : std::vector<rpm::About>{}) {
        for (const rpm::Hook& hook : about.hooks) {
            if (hook.at != point) {
                continue;
            }
            ++ran;
            const std::string what = fmt::format("hook '{}' of package '{}'", point, about.name);
            const std::string reason = trouble(hook, what);
            if (reason.empty()) {
                continue;
            }
            const bool only_told =
                hook.warns || mercy == Mercy::All || (coming && !wants(*coming, about.name, point));
            if (!only_told) {
                throw base::Error(base::Fault::Unavailable, "{} {}", what, reason);
            }
            base::log(base::LogLevel::Warning, "hook has failed", {{"hook", what}, {"reason", reason}});
            warnings_.push_back(what + " " + reason);
        }
    }
    return ran;
}

std::vector<std::string> Hooks::take_warnings() {
    return std::exchange(warnings_, {});
}

} // namespace ctl_client
