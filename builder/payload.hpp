// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "builder/frame_cache.hpp"
#include "builder/tree.hpp"
#include "rpm/package_writer.hpp"

#include <cstdint>
#include <vector>

namespace builder {

struct PayloadOptions {
    int level = 3;        ///< of zstd, 1 to 22
    unsigned threads = 0; ///< 0: one for each core
};

/// Writes the archive of `entries` as independent zstd frames into `file` from byte `offset` on, compressed
/// on all threads, and fills in the digests of the plain files. The bytes do not depend on the number of
/// threads or on what is in the cache. Memory: 3 frames (at most 16 MiB each, plus what a frame compresses
/// to) for each thread.
/// @throws base::Error{Conflict} when a file changes while it is read, Error{Unavailable} when reading or
/// writing fails.
rpm::PayloadFacts write_payload(std::vector<Entry>& entries, int file, std::uint64_t offset,
                                const PayloadOptions& options, FrameCache& cache);

} // namespace builder
