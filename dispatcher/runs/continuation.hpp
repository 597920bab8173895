// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "dispatcher/runs/rollouts.hpp"

#include <cstdint>
#include <string>

namespace dispatcher::runs {

/// Whether a run can go on with another text of its workflow: nothing is wrong with the text, and replayed on
/// what the run has done it gives the same commands. Runs the script in the calling thread, as PatientScript.
/// Returns how many commands were the same.
/// @throws base::Error{Input} with what is wrong or different, and the line where.
std::int64_t check_continuation(const std::string& run, const Rollouts::Course& course,
                                const workflows::engine::Continued& text);

} // namespace dispatcher::runs
