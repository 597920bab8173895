// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "repo/arrival.hpp"

#include "base/descriptor.hpp"
#include "base/error.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <fcntl.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>

namespace repo {

namespace {

namespace fs = std::filesystem;

/// Up to so many packages are synced one by one. More are synced with their whole file system, once: to add a
/// thousand small packages took 25 s the one way, 6 s the other, 2 s of both for their signatures. For one
/// package that would be to wait for whatever else the machine writes.
constexpr std::size_t few = 8;

fs::path stage_directory(const fs::path& repository) {
    return repository / "pool" / ".new";
}

[[noreturn]] void cannot_read(const fs::path& file, int error_number) {
    const base::Fault fault = error_number == ENOENT || error_number == ENOTDIR ? base::Fault::NotFound
                              : error_number == EACCES                          ? base::Fault::Denied
                                                                                : base::Fault::Unavailable;
    throw base::Error(fault, "package file '{}' cannot be read: {}", file.native(),
                      base::system_reason(error_number));
}

[[noreturn]] void cannot_write(const fs::path& file) {
    throw base::Error(base::Fault::Unavailable, "'{}' cannot be written: {}", file.native(),
                      base::system_reason(errno));
}

/// Without syncing: of the stage nothing has to survive, and the pool is synced as a whole.
void make_plainly(const fs::path& directory) {
    std::error_code problem;
    if (fs::create_directories(directory, problem); problem) {
        throw base::Error(base::Fault::Unavailable, "'{}' cannot be created: {}", directory.native(),
                          problem.message());
    }
}

struct Copied {
    base::Digest digest;
    std::uint64_t bytes = 0;
};

/// Hashes while it copies.
Copied copy_package(const fs::path& from, const fs::path& to) {
    const base::Descriptor source(::open(from.c_str(), O_RDONLY | O_CLOEXEC));
    if (!source) {
        cannot_read(from, errno);
    }
    const base::Descriptor target(::open(to.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
    if (!target) {
        cannot_write(to);
    }
    Copied copied;
    base::Sha256 hash;
    std::array<char, std::size_t{1} << 17u> buffer{};
    while (true) {
        const ssize_t got = ::read(source.get(), buffer.data(), buffer.size());
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            cannot_read(from, errno);
        }
        if (got == 0) {
            break;
        }
        std::string_view bytes(buffer.data(), static_cast<std::size_t>(got));
        hash.update(bytes);
        copied.bytes += bytes.size();
        while (!bytes.empty()) {
            const ssize_t written = ::write(target.get(), bytes.data(), bytes.size());
            if (written < 0 && errno != EINTR) {
                cannot_write(to);
            }
            bytes.remove_prefix(written < 0 ? 0 : static_cast<std::size_t>(written));
        }
    }
    // Whatever the umask says: package managers read it through a web server.
    if (::fchmod(target.get(), 0644) != 0) {
        cannot_write(to);
    }
    copied.digest = hash.finish();
    return copied;
}

Arrival arrival_of(const fs::path& staged, const Copied& copied, const rpm::TrustedKeys& trust) {
    const rpm::PackageFacts facts = rpm::read_package(staged, trust);
    if (facts.nevra.arch == "src") {
        throw base::Error(
            base::Fault::Input,
            "package '{}' is a source package, and a channel holds none; add the packages built from it",
            staged.filename().native());
    }
    Arrival arrival;
    arrival.entry = {facts.nevra, copied.digest, copied.bytes, pool_path(copied.digest, facts.nevra),
                     rpm::read_about(staged, facts)};
    arrival.elements = package_elements(facts, copied.digest, copied.bytes);
    arrival.staged = staged;
    return arrival;
}

} // namespace

std::vector<Arrival> stage(const fs::path& repository, const std::vector<fs::path>& packages,
                           const rpm::TrustedKeys& trust) {
    std::vector<Arrival> arrivals;
    for (std::size_t at = 0; at < packages.size(); ++at) {
        const fs::path directory = stage_directory(repository) / std::to_string(at);
        make_plainly(directory);
        const fs::path staged = directory / packages[at].filename();
        const Copied copied = copy_package(packages[at], staged);
        const bool again = std::any_of(arrivals.begin(), arrivals.end(), [&](const Arrival& other) {
            return other.entry.digest == copied.digest;
        });
        if (!again) {
            arrivals.push_back(arrival_of(staged, copied, trust));
        }
    }
    return arrivals;
}

void settle(const fs::path& repository, const std::vector<Arrival>& arrivals, base::Files& files) {
    if (arrivals.size() > few) {
        for (const Arrival& arrival : arrivals) {
            const fs::path place = repository / arrival.entry.path;
            make_plainly(place.parent_path());
            if (::rename(arrival.staged.c_str(), place.c_str()) != 0) {
                cannot_write(place);
            }
        }
        const base::Descriptor pool(
            ::open((repository / "pool").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
        if (!pool || ::syncfs(pool.get()) != 0) {
            cannot_write(repository / "pool");
        }
        return;
    }
    for (const Arrival& arrival : arrivals) {
        const base::Descriptor file(::open(arrival.staged.c_str(), O_RDONLY | O_CLOEXEC));
        if (!file || ::fsync(file.get()) != 0) {
            cannot_write(arrival.staged);
        }
        const fs::path place = repository / arrival.entry.path;
        files.make_directories(place.parent_path());
        files.rename(arrival.staged, place);
    }
}

void clear_stage(const fs::path& repository) {
    std::error_code problem;
    if (fs::remove_all(stage_directory(repository), problem); problem) {
        throw base::Error(base::Fault::Unavailable, "'{}' cannot be removed: {}",
                          stage_directory(repository).native(), problem.message());
    }
}

StageSweeper::~StageSweeper() {
    std::error_code ignored;
    fs::remove_all(stage_directory(repository_), ignored);
}

} // namespace repo
