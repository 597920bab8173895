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

/// "ramp", "duration", "count", "text", "flag".
bool is_parameter_type(std::string_view word);
/// What is wrong with a parameter that no word of a type was written for.
std::string untyped_parameter(std::string_view name);
/// The one form in which a script sees a value of a type. @throws base::Error{Input} without a place.
base::Value parameter_value(std::string_view type, const base::Value& value);

} // namespace workflows::engine
