// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace ctl_client {

/// The difference of two texts as `diff -u` writes it, three lines of context, headed by `--- path` and `+++
/// path`; empty when they are equal. An absent side is an empty text. Texts with very many changes are summed
/// up in one line.
std::string unified_diff(std::string_view before, std::string_view after, std::string_view path);

} // namespace ctl_client
