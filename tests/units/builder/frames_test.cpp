// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "builder/frames.hpp"

#include "builder/cpio.hpp"
#include "tests/catch.hpp"

#include <fmt/format.h>

#include <set>

namespace {

builder::Entry file(const std::string& path, std::uint64_t bytes) {
    builder::Entry entry;
    entry.file.path = path;
    entry.file.mode = 0100644;
    entry.file.bytes = bytes;
    return entry;
}

std::vector<builder::Entry> many(std::size_t count, std::uint64_t bytes) {
    std::vector<builder::Entry> entries;
    for (std::size_t i = 0; i < count; ++i) {
        entries.push_back(file(fmt::format("/opt/app/lib/{:05}", i), bytes));
    }
    return entries;
}

/// The paths of each frame.
std::set<std::vector<std::string>> frames_by_path(const std::vector<builder::Entry>& entries) {
    std::set<std::vector<std::string>> result;
    for (const builder::Frame& frame : builder::cut_into_frames(entries)) {
        std::vector<std::string> paths;
        for (const builder::Piece& piece : frame) {
            paths.push_back(entries[piece.entry].file.path);
        }
        result.insert(paths);
    }
    return result;
}

} // namespace

TEST_CASE("every byte of every entry is in exactly one frame, in order") {
    auto entries = many(2000, 50'000);
    entries.push_back(file("/opt/huge", 40'000'000));
    entries.push_back(file("/opt/none", 0));
    entries.push_back(file("/var/ghost", 0));
    entries.back().file.type = 'g';
    std::size_t entry = 0;
    std::uint64_t at = 0;
    for (const builder::Frame& frame : builder::cut_into_frames(entries)) {
        std::uint64_t bytes = 0;
        REQUIRE_FALSE(frame.empty());
        for (const builder::Piece& piece : frame) {
            REQUIRE(piece.entry == entry);
            REQUIRE(piece.from == at);
            at = piece.to;
            bytes += piece.to - piece.from;
            if (at == entries[entry].file.bytes) {
                ++entry;
                at = 0;
            }
        }
        CHECK(bytes <= 16u << 20);
    }
    CHECK(entry == 2002);
    CHECK(builder::cut_into_frames({}).empty());
}

TEST_CASE("a file that comes or grows changes the frames around it only") {
    const auto before = many(2000, 50'000);
    auto after = before;
    after.insert(after.begin() + 700, file("/opt/app/lib/00699b", 123'456));
    after[1200].file.bytes = 80'000;
    const auto old_frames = frames_by_path(before);
    std::size_t changed = 0;
    for (const auto& frame : frames_by_path(after)) {
        changed += old_frames.contains(frame) ? 0 : 1;
    }
    CHECK(old_frames.size() > 20);
    CHECK(changed >= 1);
    CHECK(changed <= 4);
}
