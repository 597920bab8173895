// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>

namespace cli {

/// tiercel.toml (docs/formats.md): where a project keeps its keys and its repository. Paths are absolute once
/// read.
struct Project {
    std::filesystem::path directory;
    std::string name;
    std::filesystem::path package_key;
    std::filesystem::path release_key;
    std::filesystem::path repository;

    /// The project in `directory`, or, when that is empty, in the current directory or the nearest one above
    /// it.
    /// @throws base::Error{NotFound} `no tiercel.toml here or above; make a project with 'tiercel init DIR'`,
    /// Error{Input}.
    static Project find(const std::filesystem::path& directory);
};

} // namespace cli
