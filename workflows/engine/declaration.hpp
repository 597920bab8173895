// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "workflows/engine/literals.hpp"
#include "workflows/engine/script_check.hpp"

#include <map>
#include <string>
#include <vector>

namespace workflows::engine {

/// What the text of a workflow declares with `workflow { … }`, as far as it is written out.
struct Declaration {
    const syntax::Expression* run = nullptr;       ///< the function; null when it cannot be seen
    std::map<std::string, std::string> parameters; ///< name → type; the type is empty when it cannot be seen
    bool complete = true;                          ///< there are no parameters but these
};

/// Adds what is wrong with it to `findings`. What it gives points into the chunk.
Declaration read_declaration(const syntax::Chunk& chunk, Literals& literals, std::vector<Finding>& findings);

} // namespace workflows::engine
