// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/value.hpp"
#include "workflows/engine/lua_syntax.hpp"

#include <vector>

namespace workflows::engine {

/// Values that are written out in a text, as the data that Lua would make of them.
class Literals {
public:
    /// Null where the value is not written out (a name, a call); a list with such a part is not known at
    /// all. The lines of values and members are marks, for place().
    base::Value read(const syntax::Expression& expression);
    syntax::Place place(int mark) const { return places_[static_cast<std::size_t>(mark)]; }

private:
    int mark(syntax::Place place);
    base::Value read_table(const syntax::Expression& table);

    std::vector<syntax::Place> places_ = std::vector<syntax::Place>(1);
};

/// The key of a table's field when it is written out as text.
const std::string* constant_key(const syntax::TableField& field) noexcept;

} // namespace workflows::engine
