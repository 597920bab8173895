// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace workflows::vm {

/// Gives up what a script's process does not need: all descriptors but 0, 1, 2; every system call but read,
/// write and exit (any other one kills the process; asking for more memory than malloc was given before
/// fails); new privileges, core dumps; processor time and memory beyond a bound. Irreversible.
/// @throws base::Error{Internal} if the kernel refuses one of them.
void confine();

} // namespace workflows::vm
