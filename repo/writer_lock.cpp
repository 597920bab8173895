// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "repo/writer_lock.hpp"

#include "base/error.hpp"

#include <chrono>
#include <fstream>
#include <string>
#include <thread>
#include <unistd.h>

namespace repo {

namespace {

std::string holder(const std::filesystem::path& file) {
    std::ifstream in(file);
    std::string line;
    std::getline(in, line);
    return line.empty() ? "another process" : line;
}

std::string own_name() {
    std::ifstream in("/proc/self/comm");
    std::string name;
    std::getline(in, name);
    return name.empty() ? "unnamed" : name;
}

base::FileLock acquire(const std::filesystem::path& repository, base::Duration patience) {
    const std::filesystem::path file = repository / "lock";
    const auto deadline = std::chrono::steady_clock::now() + patience;
    while (true) {
        try {
            return base::FileLock(file);
        } catch (const base::Error& error) {
            if (error.fault() != base::Fault::Conflict) {
                throw;
            }
        }
        if (std::chrono::steady_clock::now() >= deadline) {
            throw base::Error(base::Fault::Conflict,
                              "repository '{}' is being changed by {}; try again when it is done",
                              repository.native(), holder(file));
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
}

} // namespace

WriterLock::WriterLock(const std::filesystem::path& repository, base::Duration patience)
    : lock_(acquire(repository, patience)) {
    // Words for people, so nothing depends on whether they could be written.
    std::ofstream(repository / "lock", std::ios::trunc)
        << "process " << ::getpid() << " (" << own_name() << ")\n";
}

} // namespace repo
