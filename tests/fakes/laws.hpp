// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tests/fakes/fleet.hpp"
#include "workflows/simulator/laws.hpp"

#include <map>
#include <string>
#include <vector>

namespace tests {

/// The simulator's laws over a fleet's run, and bounds that the test knows without asking anybody.
class Laws {
public:
    /// `limits`: how many of a component may be out of service at once.
    Laws(Fleet& fleet, std::map<base::ComponentName, std::size_t> limits);
    /// To be called after the run: what holds at the end only.
    void at_end();

    std::vector<std::string> broken;

private:
    workflows::simulator::Laws laws_;
    std::map<base::ComponentName, std::size_t> limits_;
};

} // namespace tests
