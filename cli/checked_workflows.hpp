// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>

namespace cli {

/// @throws base::Error{Input} with all that is wrong with the workflows that a package brings (name → text),
/// one finding a line.
void check_workflows(const std::string& package, const std::map<std::string, std::string>& workflows);

} // namespace cli
