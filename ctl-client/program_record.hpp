// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/process.hpp"
#include "base/value.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <sys/types.h>

namespace ctl_client {

/// What stands in STATE/program (programs.hpp), as its client and its keeper write it, a line each. A line
/// that is not whole is not there.
struct ProgramRecord {
    static constexpr int descriptor = 3; ///< on which the keeper has it

    std::string order;
    std::string what;      ///< "command 'shop-migrate'"
    base::Command command; ///< `output_limit_bytes`: of both streams together
    std::optional<pid_t> keeper;
    std::optional<base::Value> end;

    static ProgramRecord read(int file);
    /// Instead of what stood there. Not synced: a machine that goes down takes the program along, and then
    /// what stands here is another order's, torn or not there, which all say that the end is not known.
    static void begin(int file, const std::string& order, const std::string& what,
                      const base::Command& command);
    static void add(int file, const base::Value& line);
};

} // namespace ctl_client
