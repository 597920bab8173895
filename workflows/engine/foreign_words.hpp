// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace workflows::engine {

/// What to write instead of a name that does not exist, as the end of a sentence: the nearest of `known`,
/// what people mean who know it from elsewhere (`; write nil`), or that text stands in quotes.
std::string instead_of_name(std::string_view name, const std::vector<std::string>& known);

/// The same for a member that does not exist, of a library when one is named: the nearest of `known`, or all
/// of them.
std::string instead_of_member(std::string_view name, const std::vector<std::string>& known,
                              std::string_view library = {});

/// The same for a symbol or a word that stands where Lua has none: `; write ~=`. Nothing when it is no other
/// language's.
std::string_view instead_of_symbol(std::string_view symbol) noexcept;

} // namespace workflows::engine
