// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/value.hpp"

#include <string>
#include <string_view>

namespace cli {

// Reading the dispatcher's answers for people: what is missing reads as empty, since additions and omissions
// are allowed there.

/// The text of a member; a number or flag as text; "" when absent or null.
std::string text_of(const base::Value& record, std::string_view member);
/// The list of a member; empty when absent.
const base::Array& list_of(const base::Value& record, std::string_view member);
/// The record or other value of a member; null when absent.
const base::Value& member_of(const base::Value& record, std::string_view member);
/// `path` for use in a URL: all but letters, digits, '-', '.', '_' percent-encoded.
std::string url_part(std::string_view text);

} // namespace cli
