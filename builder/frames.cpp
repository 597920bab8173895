// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "builder/frames.hpp"

#include "builder/cpio.hpp"

#include <algorithm>
#include <string_view>

namespace builder {
namespace {

constexpr std::uint64_t least_bytes = 2u << 20;
constexpr std::uint64_t most_bytes = 16u << 20;
constexpr std::uint64_t piece_bytes = 8u << 20; ///< of a file that is larger than a frame may be
// One path in sixteen may end a frame.
constexpr std::uint64_t cut_mask = 15;

/// FNV-1a; only its stability matters.
std::uint64_t hash_of(std::string_view path) {
    std::uint64_t hash = 14695981039346656037u;
    for (const char letter : path) {
        hash = (hash ^ static_cast<unsigned char>(letter)) * 1099511628211u;
    }
    return hash ^ hash >> 32;
}

} // namespace

std::vector<Frame> cut_into_frames(const std::vector<Entry>& entries) {
    std::vector<Frame> frames;
    Frame open;
    std::uint64_t open_bytes = 0;
    const auto close = [&] {
        if (!open.empty()) {
            frames.push_back(std::move(open));
        }
        open.clear();
        open_bytes = 0;
    };
    for (std::size_t at = 0; at < entries.size(); ++at) {
        if (!is_archived(entries[at])) {
            continue;
        }
        const std::uint64_t bytes = archived_bytes(entries[at]);
        if (bytes > most_bytes) {
            close();
            for (std::uint64_t from = 0; from < bytes; from += piece_bytes) {
                frames.push_back({{at, from, std::min(from + piece_bytes, bytes)}});
            }
            continue;
        }
        if (open_bytes + bytes > most_bytes) {
            close();
        }
        open.push_back({at, 0, bytes});
        open_bytes += bytes + 110 + entries[at].file.path.size();
        if (open_bytes >= least_bytes && (hash_of(entries[at].file.path) & cut_mask) == 0) {
            close();
        }
    }
    close();
    return frames;
}

} // namespace builder
