// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// Adds packages to a repository: `repository_writer REPOSITORY CHANNEL RPM…`. To be killed by
// repository_kill_test.
#include "repo/repository.hpp"

#include <cstdio>
#include <exception>

int main(int count, char** words) {
    try {
        const std::vector<std::filesystem::path> packages(words + 3, words + count);
        repo::Repository::open(words[1]).add(packages, base::ChannelName(words[2]),
                                             base::SystemClock().now());
    } catch (const std::exception& error) {
        std::fprintf(stderr, "%s\n", error.what());
        return 1;
    }
    return 0;
}
