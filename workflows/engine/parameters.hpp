// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/value.hpp"
#include "workflows/engine/script.hpp"

#include <string>
#include <vector>

namespace workflows::engine {

/// The words that declare a workflow's parameters: `ramp {…}`, `duration "30s"`, `count(0)`, `text "…"`,
/// `flag(true)`. Each makes a record
/// {"@" = word, value = default}. What they mean for a value is checked here, for defaults and given values
/// alike.
std::vector<Script::Parameter> declared_parameters(const base::Value& params, const std::string& name);

/// The value of every parameter: as given, else the default. @throws base::Error{Input} for an unknown
/// parameter (with the nearest) or a value that is not what the word says.
base::Object resolve_parameters(const std::vector<Script::Parameter>& declared, const base::Object& given,
                                const std::string& name);

} // namespace workflows::engine
