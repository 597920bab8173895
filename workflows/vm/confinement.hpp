// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace workflows::vm {

/// Gives up what a script's process does not need: all descriptors but 0, 1, 2; new files, new processes, new
/// privileges, core dumps; processor time and memory beyond a bound. Irreversible. @throws
/// base::Error{Internal} if the kernel refuses one of them.
void confine();

} // namespace workflows::vm
