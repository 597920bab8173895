// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>

namespace workflows::engine {

/// What one Lua state may use.
struct Limits {
    std::size_t memory_bytes = 64u << 20;
    std::size_t source_bytes = 1u << 20;
    std::size_t string_bytes = 1u << 20; ///< of one string
    std::int64_t steps = 10'000'000;     ///< between two commands; about 0.1 s
    /// Processor time in whole seconds that this process has used, for what one step does to much data;
    /// absent: nobody counts it. Where it decides, two runs of a script may end at different places: both
    /// with an error.
    std::int64_t (*processor_seconds)() = nullptr;
    std::int64_t seconds = 3;             ///< between two commands
    std::int64_t commands = 100'000;      ///< in all: they are all kept in the run's journal
    std::size_t command_bytes = 8u << 20; ///< of all their arguments, as JSON
    /// The allocations from this one on fail, so many of them: a machine without memory. For tests.
    std::int64_t failing_from = std::numeric_limits<std::int64_t>::max();
    std::int64_t failing = std::numeric_limits<std::int64_t>::max();
};

} // namespace workflows::engine
