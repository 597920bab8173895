// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "workflows/simulator/simulation.hpp"

#include <string>
#include <vector>

namespace tests {

using workflows::engine::Event;
using workflows::engine::OrderKind;
using workflows::engine::Run;
using workflows::engine::RunInput;
using workflows::engine::SendOrder;
using workflows::engine::Target;
using workflows::engine::TargetState;
using workflows::simulator::Behaviour;

/// The simulator in the manner of a test: without latency and chance, with its whole story, and questions
/// that tests ask.
class Fleet : public workflows::simulator::Simulation {
public:
    /// `script`: Lua source, or empty for runs without one.
    Fleet(RunInput input, std::string script, Settings settings = {});

    /// The node cannot be reached from `from` until `until` (since the start of the run).
    void away(const std::string& node, base::Duration from,
              base::Duration until = std::chrono::hours(10'000)) {
        Simulation::away(node, from, until);
    }
    /// "somebody" says this.
    void signal(base::Duration after, const std::string& verb);
    /// What a person does, ten minutes after a run began to wait for one; by default nobody comes.
    void person(const std::string& verb);
    /// What nobody has come for: the first question that stayed open, and what the targets were meanwhile.
    std::vector<workflows::engine::Waiting> asked;
    std::string meanwhile; ///< as counts()

    TargetState state(const std::string& component, const std::string& node) const;
    std::string reason(const std::string& component, const std::string& node) const;
    /// "2 updated, 1 failed".
    std::string counts() const;
};

/// The input of a run over components "shop/a0", "shop/a1" … of the given numbers of nodes ("a0-1", "a0-2"
/// …), one level each.
RunInput fleet_input(const std::vector<int>& nodes,
                     workflows::engine::RunKind kind = workflows::engine::RunKind::Deploy);

/// A workflow that updates all levels with these options (Lua text inside braces).
std::string update_all(const std::string& options, const std::string& preflight = "");

} // namespace tests
