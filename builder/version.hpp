// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/process.hpp"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace builder {

/// The version as rpm writes it, from what people write: a leading 'v' before a digit goes, '-rc1' becomes
/// '~rc1' (older than the release), any further '-' a '.'. @throws base::Error{Fault::Input} `'1.0 beta' is
/// no version; …`
std::string version_from(std::string_view text);

/// The version that `git describe` gives for the checkout around `directory`: `1.2.0` on the tag `v1.2.0` (or
/// `NAME-1.2.0`, for `name`), `1.2.0^5.g0123456789ab` five commits later (newer than 1.2.0, older
/// than 1.2.1), with `.dirty` when files are changed, `0^17.g…` without any tag.
/// @throws base::Error{Fault::Input} when git gives none, with git's reason, saying to pass --version.
std::string version_from_git(base::Processes& processes, const std::filesystem::path& directory,
                             const std::string& name);

/// When the checked out commit was made.
struct CommitTime {
    std::optional<std::int64_t> unix_seconds; ///< nothing outside of a checkout, or when git refuses
    std::string refusal; ///< git's reason, when there is a checkout that git does not look at
};
CommitTime commit_time(base::Processes& processes, const std::filesystem::path& directory);

} // namespace builder
