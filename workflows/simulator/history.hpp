// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "workflows/engine/run.hpp"
#include "workflows/simulator/simulation.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace workflows::simulator {

/// An instant of a run: which event, and how long after the start it was.
struct Instant {
    std::int64_t event = 0;
    base::Duration at{};
    friend bool operator<(const Instant& left, const Instant& right) noexcept {
        return left.event < right.event;
    }
};

/// Something that a node was told to do.
struct Step {
    std::size_t target = 0; ///< its place in RunInput::targets
    engine::OrderKind kind = engine::OrderKind::Prepare;
    std::string command; ///< name of a packaged one
    Instant began;
    std::optional<Instant>
        over; ///< its node has answered, or the run has given it up; absent: the run ended first

    /// False for what only asks: to prepare, to probe, to measure, to settle, to cancel another step.
    bool changes_something() const noexcept;
};

/// What the nodes of a run were told, in the order in which they were. What is sent again because a
/// dispatcher died is one step.
class History {
public:
    /// It must outlive this.
    explicit History(const Simulation& simulation);
    /// To be called after each event.
    void see(const engine::Event& event, const std::vector<engine::Effect>& effects);

    /// All of them; none is left here.
    std::vector<Step> take() noexcept { return std::move(steps_); }

private:
    void end(std::size_t step, Instant now);

    const Simulation& simulation_;
    std::vector<Step> steps_;
    std::unordered_map<std::int64_t, std::size_t> open_; ///< order → its step
    std::vector<std::optional<std::size_t>> last_;       ///< of each target: its last step
    std::int64_t events_ = 0;
};

} // namespace workflows::simulator
