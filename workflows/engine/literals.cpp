// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "workflows/engine/literals.hpp"

namespace workflows::engine {

using syntax::Expression;
using syntax::TableField;
using Kind = Expression::Kind;

const std::string* constant_key(const TableField& field) noexcept {
    return field.key && field.key->kind == Kind::String ? &field.key->text : nullptr;
}

int Literals::mark(syntax::Place place) {
    places_.push_back(place);
    return static_cast<int>(places_.size() - 1);
}

base::Value Literals::read(const Expression& expression) {
    base::Value value;
    switch (expression.kind) {
    case Kind::Flag:
        value = expression.whole == 1;
        break;
    case Kind::Integer:
        value = expression.whole;
        break;
    case Kind::Float:
        value = expression.number;
        break;
    case Kind::String:
        value = expression.text;
        break;
    case Kind::Operation:
        if (expression.text == "()" || expression.text == "-") {
            value = expression.parts.size() == 1 ? read(*expression.parts[0]) : base::Value();
        }
        if (expression.text == "-") {
            value =
                value.whole() != nullptr
                    ? base::Value(static_cast<std::int64_t>(0 - static_cast<std::uint64_t>(*value.whole())))
                : value.number() != nullptr ? base::Value(-*value.number())
                                            : base::Value();
        }
        break;
    case Kind::Table:
        value = read_table(expression);
        break;
    default:
        break;
    }
    value.line = mark(expression.place);
    return value;
}

base::Value Literals::read_table(const Expression& table) {
    base::Object record;
    base::Array list;
    for (const TableField& field : table.fields) {
        base::Value value = read(*field.value);
        if (!field.key) {
            if (value.is_null()) {
                return nullptr;
            }
            list.push_back(std::move(value));
        } else if (const std::string* key = constant_key(field)) {
            record.set(*key, std::move(value));
            record.members.back().line = mark(field.key->place);
        } else {
            return nullptr;
        }
    }
    if (list.empty()) {
        return record;
    }
    return record.empty() ? base::Value(std::move(list)) : base::Value();
}

} // namespace workflows::engine
