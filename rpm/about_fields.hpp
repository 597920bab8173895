// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// Only for the .cpp files of this room: how members are read that several parts of a package's About have.
#pragma once

#include "rpm/about.hpp"

#include <string>
#include <string_view>

namespace rpm {

/// A program and its arguments. @throws base::Error{Fault::Input} when it is empty.
Argv read_argv(const base::Fields& fields, std::string_view key);
/// @throws base::Error{Fault::Input} for a duration that is not longer than nothing.
base::Duration read_positive(const base::Fields& fields, std::string_view key, base::Duration absent);
/// @throws base::Error{Fault::Input} for an empty text.
std::string read_filled(const base::Fields& fields, std::string_view key);

} // namespace rpm
