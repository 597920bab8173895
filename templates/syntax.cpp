// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "templates/syntax.hpp"

#include "templates/text.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace templates {
namespace {

using Visit = std::function<void(const Expression&)>;

/// Calls `visit` for each direct part of one form.
struct Parts {
    const Visit& visit;

    void part(const ExpressionPtr& expression) const {
        if (expression != nullptr)
            visit(*expression);
    }
    void parts(const std::vector<ExpressionPtr>& expressions) const {
        for (const ExpressionPtr& expression : expressions)
            part(expression);
    }

    void operator()(const Literal&) const {}
    void operator()(const NameRead&) const {}
    void operator()(const SequenceOf& form) const { parts(form.items); }
    void operator()(const RecordOf& form) const {
        for (const auto& [name, value] : form.members) {
            part(name);
            part(value);
        }
    }
    void operator()(const MemberRead& form) const { part(form.of); }
    void operator()(const ElementRead& form) const {
        part(form.of);
        part(form.key);
    }
    void operator()(const SliceRead& form) const {
        part(form.of);
        part(form.from);
        part(form.to);
        part(form.step);
    }
    void operator()(const MethodCall& form) const {
        part(form.of);
        parts(form.arguments);
    }
    void operator()(const RangeCall& form) const { parts(form.arguments); }
    void operator()(const Not& form) const { part(form.of); }
    void operator()(const Sign& form) const { part(form.of); }
    void operator()(const Arithmetic& form) const {
        part(form.left);
        part(form.right);
    }
    void operator()(const Logic& form) const {
        part(form.left);
        part(form.right);
    }
    void operator()(const Comparison& form) const {
        part(form.first);
        for (const auto& link : form.rest)
            part(link.second);
    }
    void operator()(const Concatenation& form) const { parts(form.parts); }
    void operator()(const Choice& form) const {
        part(form.then);
        part(form.condition);
        part(form.otherwise);
    }
    void operator()(const FilterCall& form) const {
        part(form.input);
        parts(form.arguments.slots);
        parts(form.arguments.more);
    }
    void operator()(const TestCall& form) const {
        part(form.input);
        part(form.argument);
    }
};

bool is_plain_name(const std::string& text) {
    const auto letter = [](char character) {
        return (character >= 'a' && character <= 'z') || (character >= 'A' && character <= 'Z') ||
               character == '_';
    };
    return !text.empty() && letter(text[0]) && std::all_of(text.begin(), text.end(), [&](char character) {
        return letter(character) || (character >= '0' && character <= '9');
    });
}

} // namespace

void each_part(const Expression& expression, const std::function<void(const Expression&)>& visit) {
    std::visit(Parts{visit}, expression.form);
}

std::string path_of(const Expression& expression) {
    if (const NameRead* name = std::get_if<NameRead>(&expression.form))
        return name->name;
    if (const MemberRead* member = std::get_if<MemberRead>(&expression.form)) {
        const std::string of = path_of(*member->of);
        return of.empty() ? std::string() : of + '.' + member->name;
    }
    const ElementRead* element = std::get_if<ElementRead>(&expression.form);
    if (element == nullptr)
        return {};
    const std::string of = path_of(*element->of);
    const Literal* key = std::get_if<Literal>(&element->key->form);
    if (of.empty() || key == nullptr)
        return {};
    if (const std::int64_t* index = key->value.whole())
        return fmt::format("{}[{}]", of, *index);
    const std::string* name = key->value.text();
    if (name == nullptr)
        return {};
    return is_plain_name(*name) ? of + '.' + *name : fmt::format("{}[{}]", of, in_quotes(*name));
}

} // namespace templates
