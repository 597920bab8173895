// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/value.hpp"
#include "workflows/engine/lua_syntax.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace workflows::engine {

/// Something that is wrong with a workflow, where, and what to write instead.
struct Finding {
    syntax::Place place;
    std::string message;

    /// `rolling.lua:12:9: ctx has no 'updat'; did you mean 'update'?`
    std::string str(std::string_view file) const;
    /// {file, line, column, message}
    base::Value to_value(std::string_view file) const;
};

/// All that is wrong with the text of a workflow, in its order, without running it: syntax, names that do not
/// exist, what `workflow` is given, unknown methods of ctx and parameters, arguments and options that are
/// unknown, missing or of the wrong type as far as they are written out. `ctx` and `params` are known as the
/// parameters of `run`, and in the functions inside it. When nothing is, Lua evaluates the file (in a
/// sandbox, without calling `run`) and has the last word.
std::vector<Finding> check_script(std::string_view source);

} // namespace workflows::engine
