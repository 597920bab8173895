// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/database.hpp"
#include "workflows/engine/run.hpp"

#include <string>
#include <vector>

namespace dispatcher::runs {

/// Table `once_commands`: which commands that are to run once have succeeded in a run, and where. Writes
/// belong into the caller's transaction.
class OnceCommands {
public:
    explicit OnceCommands(base::Database& database) : database_(database) {}

    void succeeded(const std::string& run, const workflows::engine::RanOnce& ran);
    /// In this run alone, in the order in which they did.
    std::vector<workflows::engine::DoneOnce> of(const std::string& run) const;

private:
    base::Database& database_;
};

} // namespace dispatcher::runs
