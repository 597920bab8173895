// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/digest.hpp"
#include "base/nevra.hpp"
#include "rpm/about.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace repo {

/// One package of the pool.
struct PoolEntry {
    base::Nevra nevra;
    base::Digest digest;
    std::uint64_t bytes = 0;
    std::string path; ///< `pool/ab/<sha256>/<file name>`
    std::optional<rpm::About> about;
};

/// Where a package lies below the repository: `pool/ab/<sha256 hex>/shop-app-1.0-1.noarch.rpm`. The digest
/// makes it unique, so a file of the pool never changes; the name at its end is for people and for package
/// managers.
std::string pool_path(const base::Digest& digest, const base::Nevra& nevra);
/// The same place as a snapshot's metadata has it, through the snapshot's link: `Packages/ab/<sha256 hex>/…`.
std::string pool_href(const base::Digest& digest, const base::Nevra& nevra);

} // namespace repo
