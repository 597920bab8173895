// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "workflows/simulator/history.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace workflows::simulator {

/// Some of a run's targets, and perhaps one kind of step, as people name them in test files: first the step
/// (`apply`, `command NAME`), then words that narrow where: a component (`shop/web`), a node (`web-3`), a
/// label (`zone=a`). `apply`, `shop/web`, `drain shop/web zone=a`, `command shop-migrate shop/db`,
/// `undo shop/web on web-3`. Without a step it means every step that changes something.
class Selection {
public:
    /// The input must outlive it.
    /// @throws base::Error{Input} for a word that names nothing of this run, with the nearest that does.
    Selection(std::string_view words, const engine::RunInput& input);

    const std::string& str() const noexcept { return words_; }
    bool has_step() const noexcept { return kind_.has_value(); }
    bool has(std::size_t target) const noexcept { return targets_[target]; }
    bool has(const Step& step) const noexcept;
    std::size_t targets() const noexcept; ///< how many
    /// When the other one names a part of these targets: from here on only the rest is meant.
    void leave_out_narrower(const Selection& other);

private:
    std::size_t read_step(const std::vector<std::string>& words, const engine::RunInput& input);
    void narrow(const std::string& word, const engine::RunInput& input);
    void narrow_to_label(const std::string& word, const engine::RunInput& input);
    template <class Keep> bool keep(const engine::RunInput& input, Keep keep);

    std::string words_;
    std::optional<engine::OrderKind> kind_;
    std::string command_;
    std::vector<bool> targets_;
};

/// The step of this name. @throws base::Error{Input} with those there are.
engine::OrderKind step_named(std::string_view name);

} // namespace workflows::simulator
