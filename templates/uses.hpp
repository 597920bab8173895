// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "templates/syntax.hpp"
#include "templates/template.hpp"

#include <string>
#include <vector>

namespace templates {

struct Uses {
    std::vector<std::string> names; ///< sorted
    std::vector<Template::Use> paths;
};

/// What a template reads of the caller's variables; see Template::uses().
Uses uses_of(const Block& block);

} // namespace templates
