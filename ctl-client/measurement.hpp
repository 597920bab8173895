// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/value.hpp"

#include <string>
#include <string_view>

namespace ctl_client {

/// The number that a program printed: its last line that is not blank.
/// @throws base::Error{Unavailable} when that is no finite number.
double number_in_last_line(std::string_view output);

/// The number at `path` in a JSON document: names after dots and places in lists, counted from 0, in
/// brackets: `data.result[0].value[1]`. A text that is a number as a whole counts as one, as Prometheus
/// writes them.
/// @throws base::Error{Input} for a malformed path, base::Error{Unavailable} when no finite number is there.
double number_at(const base::Value& document, std::string_view path);

} // namespace ctl_client
