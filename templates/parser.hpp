// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "templates/syntax.hpp"

#include <string_view>

namespace templates {

/// The statements of a template. @throws base::Error{Fault::Input} `name:line:column: what`.
Block parse(std::string_view text, std::string_view name);

} // namespace templates
