// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/database.hpp"
#include "repo/metadata.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace repo {

/// The packages of a snapshot in runs of about a hundred, each compressed by itself. A document of rpm-md is
/// the concatenation of its buckets' gzip members, so a publication compresses the buckets that it touches
/// and copies the others.
///
/// Buckets are immutable and shared: snapshots that have a run in common have the bucket in common, whatever
/// channel they are of. The key is the lowest place (catalog.hpp) that belongs to the bucket, the first one's
/// is empty; a place belongs to the last key not above it.
using Layout = std::map<std::string, std::int64_t>;

/// A bucket is cut when it holds more than this: fewer packages compress worse, more cost more at each
/// publication.
inline constexpr std::size_t bucket_limit = 128;

Layout layout_of(base::Database& database, const std::string& snapshot);
/// `layout` with these packages (ids of the catalog, none of them in it) added. Within the caller's
/// transaction.
Layout with_packages(base::Database& database, Layout layout, const std::vector<std::int64_t>& packages);
Document assemble(base::Database& database, const Layout& layout, std::size_t kind, std::uint64_t packages);

} // namespace repo
