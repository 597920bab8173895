// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/fields.hpp"
#include "workflows/engine/application.hpp"

#include <map>
#include <string>
#include <string_view>

namespace workflows::engine {

/// Which component produces each service.
/// @throws base::Error{Input} when two do, somebody consumes what nobody produces, or there is a cycle.
/// `lines`: component → line.
void check_services(const Application& application, const std::string& file,
                    const std::map<std::string, int>& lines);

/// The component that produces a service, or nullptr.
const Component* producer_of(const Application& application, std::string_view service) noexcept;

/// Component → its depth: 0 for one that consumes nothing of this application. The graph has no cycle.
std::map<std::string, int> depths_of(const Application& application);

/// Names that templates write after a dot: letters, digits and '_', not beginning with a digit.
/// @throws base::Error{Input} at `key` of `fields`.
void check_template_name(const base::Fields& fields, const std::string& key, std::string_view what);

} // namespace workflows::engine
