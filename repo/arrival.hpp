// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/files.hpp"
#include "repo/metadata.hpp"
#include "repo/pool.hpp"
#include "rpm/package.hpp"

#include <filesystem>
#include <vector>

namespace repo {

/// A package that was copied, checked, and waits beside the pool.
struct Arrival {
    PoolEntry entry;
    Texts elements;
    std::filesystem::path staged;
};

/// Copies package files to `pool/.new/` of the repository and checks the copies: what is checked is what is
/// kept, whatever happens to the caller's files meanwhile. Each content once. @throws what rpm::read_package
/// throws, base::Error{Input} for a source package.
std::vector<Arrival> stage(const std::filesystem::path& repository,
                           const std::vector<std::filesystem::path>& packages, const rpm::TrustedKeys& trust);
/// Moves arrivals to their places; all of it is on the disk when it returns. What is there already has the
/// same digest in its path.
void settle(const std::filesystem::path& repository, const std::vector<Arrival>& arrivals,
            base::Files& files);
/// Removes what `stage` left behind.
void clear_stage(const std::filesystem::path& repository);
/// The same at the end of scope, also when the packages were refused: a refusal
/// changes nothing. What cannot be removed now, the next writer removes.
class StageSweeper {
public:
    explicit StageSweeper(std::filesystem::path repository) : repository_(std::move(repository)) {}
    ~StageSweeper();
    StageSweeper(const StageSweeper&) = delete;
    StageSweeper& operator=(const StageSweeper&) = delete;

private:
    std::filesystem::path repository_;
};

} // namespace repo
