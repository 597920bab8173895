// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "ctl-client/programs.hpp"
#include "tests/fakes/processes.hpp"

#include <map>
#include <set>
#include <string>

namespace fakes {

/// As fakes::Processes; and the keepers of some programs die, and some programs of killed clients have an end
/// that their keepers wrote down.
class Programs final : public ctl_client::Programs {
public:
    void answer(const std::string& program, fakes::Processes::Act act) {
        processes_.answer(program, std::move(act));
    }
    void answer(const std::string& program, base::Outcome outcome) {
        processes_.answer(program, std::move(outcome));
    }
    void uninstall(const std::string& program) { processes_.uninstall(program); }
    const std::vector<base::Command>& commands() const noexcept { return processes_.commands(); }

    std::set<std::string> lost;                  ///< programs (file names) of which nobody learns the end
    std::map<std::string, base::Outcome> behind; ///< order → how it ended after its client was killed
    std::vector<std::string> log; ///< what was run: "hook 'before-drain' of package 'shop-app'"

    base::Outcome run(const base::Command& command) override { return processes_.run(command); }
    std::optional<base::Outcome> keep(const base::Command& command, const std::string& what) override {
        log.push_back(what);
        base::Outcome outcome = processes_.run(command);
        return lost.contains(std::filesystem::path(command.argv.at(0)).filename()) ? std::nullopt
                                                                                   : std::optional(outcome);
    }
    std::optional<base::Outcome> left_behind(const std::string& order) override {
        const auto found = behind.find(order);
        return found == behind.end() ? std::nullopt : std::optional(found->second);
    }

private:
    fakes::Processes processes_;
};

} // namespace fakes
