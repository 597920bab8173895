// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "workflows/engine/run.hpp"

#include <cstddef>
#include <map>
#include <string>
#include <vector>

namespace workflows::simulator {

/// What a person wants to read of a run: what the run as a whole said, and between two such lines how many
/// targets came to which state. With `full`, each event and each of its effects.
class Timeline {
public:
    struct Line {
        base::Duration at; ///< since the run began
        std::string what;
        std::string detail;
    };

    explicit Timeline(bool full) : full_(full) {}

    void see(const engine::Event& event, const std::vector<engine::Effect>& effects,
             base::Duration since_start);
    const std::vector<Line>& lines() const noexcept { return lines_; }

private:
    void see(const engine::Effect& effect);
    /// One line for what has happened to targets since the last line.
    void sum_up();
    void say(std::string what, std::string detail);

    bool full_;
    base::Duration at_{};
    std::map<engine::TargetState, std::size_t> changed_;
    std::vector<std::string> failed_; ///< the first ones since the last line
    std::vector<Line> lines_;
};

/// "1:02:03".
std::string clock_text(base::Duration since_start);

} // namespace workflows::simulator
