// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/database.hpp"
#include "base/files.hpp"
#include "dispatcher/runs/schema.hpp"

#include <filesystem>

namespace tests {

/// The dispatcher's database in a directory of its own, in memory where the machine offers that: what a test
/// kills is the process, not the machine.
struct Store {
    base::TemporaryDirectory directory{
        std::filesystem::is_directory("/dev/shm") ? "/dev/shm" : std::filesystem::temp_directory_path()};
    base::Database database{directory.path() / "db", dispatcher::runs::schema()};
};

inline base::Time at(std::string_view time_of_day) {
    return base::from_rfc3339("2026-11-20T" + std::string(time_of_day) + "Z");
}

} // namespace tests
