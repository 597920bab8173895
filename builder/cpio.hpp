// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// The archive inside a payload, cpio "newc": for each path 110 bytes of ASCII ("070701" and thirteen numbers
// of eight hex digits), the name "./path" with a NUL, the content; header with name, and content, are each
// padded to 4. The end is an entry "TRAILER!!!". rpm takes only the name and the size from it, all else from
// the package's header; so numbers that would change with an entry's place (inodes) stay 0, and the same file
// is the same bytes in every version of a package.
#pragma once

#include "builder/tree.hpp"

#include <cstdint>
#include <string>

namespace builder {

/// Appends an entry's header; its content follows, padded with archive_padding() zeros.
void append_archive_header(std::string& out, const Entry& entry);
void append_archive_end(std::string& out);

/// How many bytes of content the archive has for an entry: of directories and ghosts none.
std::uint64_t archived_bytes(const Entry& entry);
constexpr std::uint64_t archive_padding(std::uint64_t bytes) {
    return (4 - bytes % 4) % 4;
}
/// Ghosts are in the package's header only.
inline bool is_archived(const Entry& entry) {
    return entry.file.type != 'g';
}

} // namespace builder
