// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "workflows/engine/run.hpp"

#include <string>
#include <vector>

namespace workflows::engine {

/// A target that waits to be cut into a batch, or (`taken`) was in one of an earlier update of the same
/// level.
struct Candidate {
    std::size_t place; ///< in the run's targets
    bool taken = false;
    bool ill = false; ///< out of service already: to begin with it makes nothing worse
};

/// How a level is cut.
struct Cut {
    std::vector<Portion> ramp = {Portion::all()}; ///< cumulative, of each component's candidates, rounded up
    std::string spread;                           ///< label: a batch takes from its values by turns
    std::string
        zone; ///< label: one value after the other, the one with the fewest targets first; the ramp in each
    bool sliding = false; ///< all that wait in one batch, that a window goes over
};

struct CutBatch {
    std::vector<std::size_t> members; ///< places, in the order in which they go
    std::string arithmetic;           ///< "20% of 3 is 0.6, rounded up to 1"
    std::string zone;
    std::size_t entry = 0; ///< of the ramp
    bool last_of_zone = false;
};

/// Batches in the order in which they go; empty ones are left out. No batch mixes zones.
std::vector<CutBatch> cut(const std::vector<Desired>& targets, const std::vector<Candidate>& candidates,
                          const Cut& how);

/// A sliding window over the targets of one component: as many at once as the ramp's first entry, the next
/// entry's once that many have passed, and so on; the last entry's until all are through. "a window of 1,
/// then 2 of 8".
std::size_t window_width(const std::vector<Portion>& ramp, std::size_t total, std::size_t passed);

} // namespace workflows::engine
