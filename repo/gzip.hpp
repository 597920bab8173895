// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace repo {

/// One gzip member (RFC 1952) without name and time: the same bytes for the same text. Members that follow
/// each other are one file.
std::string gzipped(std::string_view text);
/// The text of all members. @throws base::Error{Corrupt} when they are damaged, cut off, or hold more than
/// `limit_bytes`.
std::string gunzipped(std::string_view members, std::size_t limit_bytes);

} // namespace repo
