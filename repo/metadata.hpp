// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/clock.hpp"
#include "base/digest.hpp"
#include "rpm/package.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace repo {

/// The three documents of rpm-md: what a package manager resolves with, all paths, and the changelogs.
inline constexpr std::size_t kinds = 3;
inline constexpr std::array<std::string_view, kinds> kind_names{"primary", "filelists", "other"};
/// One text for each kind, in the order of `kind_names`.
using Texts = std::array<std::string, kinds>;

/// What one package contributes to each document: a `<package>` element and a line feed. Depends on nothing
/// but the package, so it is made once. As createrepo_c makes it, but for the file's time (the build time:
/// the same package gives the same text everywhere) and the place.
Texts package_elements(const rpm::PackageFacts& facts, const base::Digest& digest, std::uint64_t bytes);

/// What stands before and after all packages of a document.
std::string document_start(std::size_t kind, std::uint64_t packages);
std::string document_end(std::size_t kind);

/// One compressed document, as repomd.xml describes it.
struct Document {
    std::string gzip;
    base::Digest digest;      ///< of the compressed bytes
    base::Digest open_digest; ///< of the text
    std::uint64_t open_bytes = 0;

    /// `<sha256>-primary.xml.gz`: by content, so that a cache never mixes two publications.
    std::string file_name(std::size_t kind) const;
};

std::string repomd_xml(const std::array<Document, kinds>& documents, base::Time now);

} // namespace repo
