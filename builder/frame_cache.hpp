// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// On disk: `DIRECTORY/ab/abcd…` named by the key's hex digits; 32 bytes SHA-256 of the rest, then one zstd
// frame. A file that does not fit its own digest is as good as absent. Several builds may share a directory.
#pragma once

#include "base/digest.hpp"

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace builder {

/// Compressed frames by the content that they were made of. Losing it costs time only, so nothing here fails
/// a build. Thread: any.
class FrameCache {
public:
    /// An empty directory's name: no cache.
    explicit FrameCache(std::filesystem::path directory, std::uint64_t limit_bytes = std::uint64_t{4} << 30);
    std::optional<std::string> find(const base::Digest& key);
    void keep(const base::Digest& key, std::string_view frame);
    /// Removes the frames that were not used for longest, until the rest is within the limit. Cheap when
    /// nothing was kept.
    void prune();
    std::uint64_t hits() const noexcept { return hits_; }

private:
    std::filesystem::path place_of(const base::Digest& key) const;

    std::filesystem::path directory_;
    std::uint64_t limit_bytes_;
    std::atomic<std::uint64_t> hits_ = 0;
    std::atomic<std::uint64_t> kept_ = 0;
};

} // namespace builder
