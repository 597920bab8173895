// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/value.hpp"

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace templates {

struct Limits {
    std::size_t output_bytes = 8u << 20; ///< of the result, and of each text made on the way
    std::size_t steps = 1'000'000;       ///< evaluated nodes; a loop bomb ends here
};

/// A parsed template in the strict subset of Jinja2 that docs/templates.md describes: `{{ expression }}`, `{%
/// if/elif/else %}`,
/// `{% for x in list %}` with `loop.*` and `else`, `{% set %}`, comments, `{% raw %}`, whitespace control
/// ('-'), filters and tests. An undefined name is an error, never an empty text. What is accepted means what
/// it means in Jinja2 with StrictUndefined, trim_blocks, lstrip_blocks and keep_trailing_newline. Immutable;
/// cheap to copy; thread: any.
class Template {
public:
    /// @throws base::Error{Fault::Input} `name:line:column: what`.
    static Template parse(std::string_view text, std::string name);

    /// The names of the outermost variables that the template uses, sorted: for checking against what will be
    /// there. Those with a default are among them.
    const std::vector<std::string>& names() const;
    /// A dotted path that is read without a default or a test whether it is defined: "settings.port",
    /// "consumes.backends". Names that `set` gives to such a path are resolved; loop variables are left out.
    struct Use {
        std::string path;
        int line = 0;        ///< where it is read first
        bool always = false; ///< whether each rendering reads it; false in a branch or in the body of a loop
    };
    /// Each path once, in order of appearance.
    const std::vector<Use>& uses() const;

    /// @throws base::Error{Fault::Input} `name:line: 'x.y' is undefined; x has: a, b` and the like.
    std::string render(const base::Object& variables, Limits limits = {}) const;

    struct State;

private:
    explicit Template(std::shared_ptr<const State> state);
    std::shared_ptr<const State> state_;
};

/// Parse and render in one go, for short texts such as commands and URLs.
std::string render(std::string_view text, const base::Object& variables, std::string name);

} // namespace templates
