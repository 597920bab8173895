// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/digest.hpp"
#include "base/nevra.hpp"
#include "rpm/about.hpp"

#include <compare>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace rpm {

struct Dependency {
    std::string name;
    std::string comparison;         ///< "", "=", "<", "<=", ">", ">="
    std::string evr;                ///< "" without comparison
    bool before_scriptlets = false; ///< rpm-md `pre="1"`

    /// "redis", "redis >= 7", "(a or b)" as people write them.
    /// @throws base::Error{Input} without a place: `'redis > = 7' is no dependency; …`
    static Dependency parse(std::string_view text);
    auto operator<=>(const Dependency&) const = default;
};

/// What rpm is told about a file (RPMFILE_*); combined bit by bit.
enum FileFlag : std::uint32_t {
    Config = 1u << 0,
    Doc = 1u << 1,
    MissingOk = 1u << 3,
    NoReplace = 1u << 4,
    Ghost = 1u << 6,
    License = 1u << 7,
    Readme = 1u << 8,
};

struct PackagedFile {
    std::string path;
    char type = 'f';        ///< 'f', 'd' directory, 'l' link, 'g' ghost
    std::uint32_t mode = 0; ///< with the file type, as st_mode
    std::uint64_t bytes = 0;
    std::string digest; ///< lower-case hex SHA-256; empty unless a plain file
    std::string link_target;
    std::string owner;
    std::string group;
    std::uint32_t flags = 0; ///< of FileFlag, and what else rpm knows
    std::uint32_t modified_unix_seconds = 0;
};

struct ChangelogEntry {
    std::string author;
    std::int64_t at_unix_seconds;
    std::string text;
};

/// The header of a package file, as rpm-md metadata, releases and preflight need it.
struct PackageFacts {
    base::Nevra nevra;
    std::string summary, description, license, vendor, group, url, packager, build_host, source_rpm;
    std::int64_t build_time = 0; ///< unix seconds
    std::uint64_t installed_bytes = 0;
    std::uint64_t archive_bytes = 0; ///< payload uncompressed
    std::uint64_t header_start = 0;  ///< byte range of the main header in the file, for rpm-md
    std::uint64_t header_end = 0;
    std::vector<Dependency> requires_, provides, conflicts, obsoletes, recommends, suggests, supplements,
        enhances;
    std::vector<PackagedFile> files;
    std::vector<ChangelogEntry> changelog;
    std::vector<std::string> scriptlet_interpreters; ///< "/bin/sh", "<lua>" …; empty without scriptlets
};

/// The certificates whose signatures count. Made from ASCII-armoured OpenPGP certificates.
struct TrustedKeys {
    std::vector<std::string> armored;
};

/// Reads a package file's header after checking digests and signature with librpm at level "all".
/// @throws base::Error{Denied} `package 'x.rpm' is not signed` / `is signed by a key that is not trusted`,
/// Error{Corrupt} when digests or signature are wrong, Error{Input} when it is no package, Error{NotFound |
/// Unavailable} when it cannot be read. Neither rpm's database nor any configuration of rpm on this host is
/// looked at. Thread: any.
PackageFacts read_package(const std::filesystem::path& file, const TrustedKeys& trust);

/// One file's content out of the payload, checked against its digest; nothing when the package has no such
/// file. The package's own signature is not looked at: read_package does that. @throws base::Error{Input} for
/// a file of more than `limit_bytes`, Error{Corrupt}.
std::optional<std::string> read_packaged_file(const std::filesystem::path& file, const std::string& path,
                                              std::size_t limit_bytes = 4u << 20);

/// The About document out of a package's payload; nothing for packages that Tiercel did not build. Its
/// content must be the one whose digest is in `facts`, which read_package has verified.
std::optional<About> read_about(const std::filesystem::path& file, const PackageFacts& facts);

} // namespace rpm
