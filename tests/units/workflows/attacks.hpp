// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace tests {

/// What a hostile workflow may look like, and what is said of it.
struct Attack {
    std::string source;
    std::string said; ///< stands in the error; empty: it is harmless and comes to its end
    bool many_commands = false;
};

/// Each command of theirs is answered with nothing.
std::vector<Attack> attacks();

} // namespace tests
