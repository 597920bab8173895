// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/fields.hpp"
#include "workflows/engine/script.hpp"

#include <string>
#include <vector>

namespace workflows::engine {

/// `params = { soak = duration "30s" }` of a workflow: each is a record {type, default, line} made by a word
/// of its type.
/// @throws base::Error{Input} at the line of the word.
std::vector<Script::Parameter> read_parameters(const base::Fields& workflow);

/// The value of each parameter: what was given (as its type, or as the text of a command line), else the
/// default.
/// @throws base::Error{Input} `workflow 'rolling': unknown parameter 'soke'; did you mean 'soak'?` and the
/// like.
base::Value apply_parameters(const std::vector<Script::Parameter>& parameters, const base::Object& given,
                             const std::string& workflow);

} // namespace workflows::engine
