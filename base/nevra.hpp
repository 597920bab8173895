// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace base {

/// Epoch, version, release. Equality is by text; order is rpm's own and lives in rpm/version_order.hpp.
struct Evr {
    std::uint32_t epoch = 0;
    std::string version;
    std::string release;

    /// "[epoch:]version-release"; the epoch is written only when it is not 0.
    std::string str() const;
    bool operator==(const Evr&) const = default;
};

/// The full identity of one package build: name-[epoch:]version-release.arch
struct Nevra {
    std::string name;
    Evr evr;
    std::string arch;

    /// @throws Error{Fault::Input} naming the part that is missing.
    static Nevra parse(std::string_view text);
    /// `shop-app-1.0-1.noarch`; with an epoch `shop-app-2:1.0-1.noarch`.
    std::string str() const;
    /// `shop-app-1.0-1.noarch.rpm`, as rpm-md file names are: without the epoch.
    std::string file_name() const;
    bool operator==(const Nevra&) const = default;
};

} // namespace base
