// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "repo/pool.hpp"

#include <fmt/format.h>

#include <string_view>

namespace repo {

namespace {

std::string below(std::string_view root, const base::Digest& digest, const base::Nevra& nevra) {
    const std::string hex = digest.hex();
    return fmt::format("{}/{}/{}/{}", root, std::string_view(hex).substr(0, 2), hex, nevra.file_name());
}

} // namespace

std::string pool_path(const base::Digest& digest, const base::Nevra& nevra) {
    return below("pool", digest, nevra);
}

std::string pool_href(const base::Digest& digest, const base::Nevra& nevra) {
    return below("Packages", digest, nevra);
}

} // namespace repo
