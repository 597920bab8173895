// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "templates/syntax.hpp"

namespace templates {

/// Fills in Block::hidden of a template and of all blocks in it.
///
/// Jinja2 decides for a whole block at once what each of its names means. A name that the block sets before
/// it reads it, and that no block around it mentions, is the block's own from the start:
///
///     {% for i in list %}{{ port }}{% endfor %}{% set port = 80 %}
///
/// refuses `port` in the loop, even where the caller brings a variable of that name. Reads count in the order
/// of writing, those in inner loops and `set` blocks do not count, and what only a branch of an `if` sets is
/// not hidden.
void find_hidden(Block& root);

} // namespace templates
