// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace workflows::vm {

/// Has the kernel tell this process of each second of processor time that it uses. To be called once, before
/// it gives up its system calls: reading the clock would be one. @throws base::Error{Internal}
void count_processor_time();

/// Whole seconds since then.
std::int64_t processor_seconds();

} // namespace workflows::vm
