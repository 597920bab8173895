// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace builder {

/// Why a package may not bring this path ("is not absolute", "has '..' in it" …), or nothing. A final '/' is
/// allowed.
std::optional<std::string> packaged_path_objection(std::string_view path);

/// True for the directories that every host has and that belong to none of our packages: /etc, /usr/bin,
/// /var/lib … A tree that is packaged into one of them does not own it.
bool is_host_directory(std::string_view path);

} // namespace builder
