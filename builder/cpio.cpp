// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "builder/cpio.hpp"

#include <fmt/format.h>

#include <iterator>

namespace builder {
namespace {

void append_header(std::string& out, std::string_view name, std::uint32_t mode, std::uint32_t mtime,
                   std::uint64_t bytes) {
    // magic, inode, mode, uid, gid, links, mtime, size, device (2), special device (2), length of name,
    // checksum
    fmt::format_to(std::back_inserter(out),
                   "070701{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}", 0,
                   mode, 0, 0, 1, mtime, bytes, 0, 0, 0, 0, name.size() + 1, 0);
    out.append(name);
    out.append(1 + archive_padding(110 + name.size() + 1), '\0');
}

} // namespace

void append_archive_header(std::string& out, const Entry& entry) {
    append_header(out, "." + entry.file.path, entry.file.mode, entry.file.modified_unix_seconds,
                  archived_bytes(entry));
}

void append_archive_end(std::string& out) {
    append_header(out, "TRAILER!!!", 0, 0, 0);
}

std::uint64_t archived_bytes(const Entry& entry) {
    return entry.is_plain() || entry.file.type == 'l' ? entry.file.bytes : 0;
}

} // namespace builder
