// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

namespace dispatcher {

/// Open files that so many connections may need: a socket each, a file that is sent over it, and what the
/// house itself holds (database, repository, workflow processes).
constexpr std::size_t descriptors_for(std::size_t connections) noexcept {
    return 2 * connections + 256;
}

/// Lets this process have `wanted` open files, or as many as the hard limit allows; never fewer than before.
/// Returns how many it may have now.
std::size_t allow_descriptors(std::size_t wanted);

} // namespace dispatcher
