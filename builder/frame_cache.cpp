// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "builder/frame_cache.hpp"

#include "base/error.hpp"
#include "base/files.hpp"

#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <vector>

namespace builder {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t digest_bytes = 32;
constexpr std::size_t most_frame_bytes = 64u << 20;

std::string_view bytes_of(const base::Digest& digest) {
    return {reinterpret_cast<const char*>(digest.bytes.data()), digest.bytes.size()};
}

} // namespace

FrameCache::FrameCache(fs::path directory, std::uint64_t limit_bytes)
    : directory_(std::move(directory)), limit_bytes_(limit_bytes) {}

fs::path FrameCache::place_of(const base::Digest& key) const {
    const std::string name = key.hex();
    return directory_ / name.substr(0, 2) / name;
}

std::optional<std::string> FrameCache::find(const base::Digest& key) {
    if (directory_.empty()) {
        return std::nullopt;
    }
    const fs::path place = place_of(key);
    std::error_code problem;
    if (!fs::exists(place, problem)) {
        return std::nullopt;
    }
    std::string stored;
    try {
        stored = base::SystemFiles().read(place, most_frame_bytes);
    } catch (const base::Error&) {
        return std::nullopt;
    }
    if (stored.size() < digest_bytes ||
        bytes_of(base::sha256(std::string_view(stored).substr(digest_bytes))) !=
            std::string_view(stored).substr(0, digest_bytes)) {
        return std::nullopt;
    }
    // What is used stays: see prune().
    fs::last_write_time(place, fs::file_time_type::clock::now(), problem);
    ++hits_;
    return stored.substr(digest_bytes);
}

void FrameCache::keep(const base::Digest& key, std::string_view frame) {
    if (directory_.empty()) {
        return;
    }
    const fs::path place = place_of(key);
    std::error_code problem;
    fs::create_directories(place.parent_path(), problem);
    // Not synced: what a crash tears does not fit its digest. Another thread may make the same frame at this
    // moment (long zeros).
    static std::atomic<unsigned> number = 0;
    const fs::path half = fmt::format("{}.{}.{}", place.string(), ::getpid(), ++number);
    {
        std::ofstream out(half, std::ios::binary);
        const base::Digest digest = base::sha256(frame);
        out << bytes_of(digest) << frame;
        out.close();
        if (!out) {
            fs::remove(half, problem);
            return;
        }
    }
    fs::rename(half, place, problem);
    if (problem) {
        fs::remove(half, problem);
        return;
    }
    ++kept_;
}

void FrameCache::prune() {
    if (directory_.empty() || kept_ == 0) {
        return;
    }
    struct Stored {
        fs::file_time_type used;
        std::uint64_t bytes;
        fs::path place;
    };
    std::vector<Stored> all;
    std::uint64_t total = 0;
    std::error_code problem;
    for (auto at = fs::recursive_directory_iterator(directory_, problem); !problem && at != fs::end(at);
         at.increment(problem)) {
        std::error_code gone;
        const auto used = at->last_write_time(gone);
        const auto bytes = at->is_regular_file(gone) ? at->file_size(gone) : 0;
        if (!gone && bytes > 0) {
            all.push_back({used, bytes, at->path()});
            total += bytes;
        }
    }
    std::sort(all.begin(), all.end(),
              [](const Stored& left, const Stored& right) { return left.used < right.used; });
    for (const Stored& one : all) {
        if (total <= limit_bytes_) {
            break;
        }
        std::error_code gone;
        fs::remove(one.place, gone);
        total -= one.bytes;
    }
}

} // namespace builder
