// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/digest.hpp"
#include "base/nevra.hpp"
#include "builder/recipe.hpp"
#include "rpm/signing_key.hpp"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace builder {

struct BuildOptions {
    std::optional<std::string> version;   ///< as people write it; absent: from git
    int level = 3;                        ///< of zstd, 1 to 22
    unsigned threads = 0;                 ///< 0: one for each core
    std::filesystem::path out = ".";      ///< directory of the package; made when missing
    std::filesystem::path cache;          ///< directory of the frame cache; empty: none
    const rpm::SigningKey* key = nullptr; ///< null: the package stays unsigned
    std::optional<std::int64_t>
        source_date_epoch; ///< absent: when the commit was made, or the newest of the sources outside of git
};

struct BuiltPackage {
    std::filesystem::path path;
    base::Nevra nevra;
    base::Digest digest; ///< SHA-256 of the file
    std::uint64_t bytes = 0;
    std::uint64_t frames_reused = 0;
    std::vector<std::string> notes; ///< what may be meant otherwise, with its place; the build is good
};

/// Builds and signs one package. The same recipe, sources, version, key and source date give the same bytes
/// on any machine with the same libzstd, with any number of threads. Every time in the package is the source
/// date; the build host is a constant. The file appears under its name only when it is complete and synced.
/// @throws base::Error{Input} with file and line, Error{Conflict} when a source changes meanwhile,
/// Error{Unavailable | Denied}.
BuiltPackage build(const Recipe& recipe, const BuildOptions& options);

} // namespace builder
