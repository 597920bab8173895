// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.hpp"
#include "base/process.hpp"

#include <deque>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace fakes {

/// A program that ended by itself.
inline base::Outcome ended(int exit_code, std::string output = {}, std::string errors = {}) {
    base::Outcome outcome;
    outcome.exit_code = exit_code;
    outcome.output = std::move(output);
    outcome.errors = std::move(errors);
    return outcome;
}

/// A program that did not end in time and had to be ended.
inline base::Outcome timed_out() {
    base::Outcome outcome = ended(128 + 15);
    outcome.signal = 15;
    outcome.timed_out = true;
    return outcome;
}

/// Runs nothing: gives the outcomes that were laid down and keeps the commands. A program without an outcome
/// is not installed. Thread: one.
class Processes final : public base::Processes {
public:
    using Act = std::function<base::Outcome(const base::Command&)>;

    /// What a run of `program` (the file name of argv[0]) comes to. Several are taken in turn; the last one
    /// stays.
    void answer(const std::string& program, Act act) { script_[program].push_back(std::move(act)); }
    void answer(const std::string& program, base::Outcome outcome) {
        answer(program, [outcome](const base::Command&) { return outcome; });
    }
    /// From now on it is not there.
    void uninstall(const std::string& program) { script_.erase(program); }

    base::Outcome run(const base::Command& command) override {
        commands_.push_back(command);
        const auto found = script_.find(std::filesystem::path(command.argv.at(0)).filename());
        if (found == script_.end()) {
            throw base::Error(base::Fault::NotFound, "program '{}' is not installed", command.argv.at(0));
        }
        const Act act = found->second.front();
        if (found->second.size() > 1) {
            found->second.pop_front();
        }
        return act(command);
    }

    /// All that were asked for, in order, also those that failed.
    const std::vector<base::Command>& commands() const noexcept { return commands_; }

private:
    std::map<std::string, std::deque<Act>> script_;
    std::vector<base::Command> commands_;
};

} // namespace fakes
