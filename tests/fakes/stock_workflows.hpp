// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/files.hpp"
#include "workflows/engine/script_kind.hpp"
#include "workflows/simulator/sweep.hpp"

#include <filesystem>
#include <vector>

namespace tests {

/// Every NAME.lua of a directory, in order of their names.
inline std::vector<workflows::simulator::Workflow> workflows_of(const std::filesystem::path& directory) {
    std::vector<workflows::simulator::Workflow> found;
    const base::SystemFiles files;
    for (const std::string& file : files.list(directory)) {
        if (file.ends_with(".lua") && !file.ends_with("_test.lua")) {
            const std::string source = files.read(directory / file, 1u << 20);
            found.push_back(
                {file.substr(0, file.size() - 4), source, workflows::engine::kind_of_script(source)});
        }
    }
    return found;
}

} // namespace tests
