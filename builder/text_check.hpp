// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/value.hpp"
#include "builder/recipe.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace builder {

/// Checks every template text in package.toml: services, health, drain, commands, `validate`. They must
/// parse, and use only the variables that will be there (docs/formats.md). @throws base::Error{Fault::Input}
/// with file and line.
void check_texts(const base::Value& recipe, const std::string& file);

/// Checks a template file the same way. A setting that this package does not declare may come from another
/// package of the component, so it is a note, not an error: `haproxy.cfg:7: 'settings.prot' is no setting of
/// package 'shop-web'; did you mean 'settings.port'?`.
/// @throws base::Error{Fault::Input} `name:line:column: …`
void check_template(std::string_view text, const std::string& name, const Recipe& recipe,
                    std::vector<std::string>& notes);

} // namespace builder
