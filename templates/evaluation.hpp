// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "templates/syntax.hpp"
#include "templates/work.hpp"

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace templates {

/// The names that stand while a template is rendered: what loops and `set` bound, innermost last, and behind
/// them the caller's variables, which are taken over when they are first read.
class Names {
public:
    Names(Work& work, const base::Object& variables) : work_(work), variables_(variables) {}

    /// While it lives, names are bound in a scope of their own; an `if` has none, as in Jinja2.
    class Scope {
    public:
        explicit Scope(Names& names) : names_(names), outer_(names.start_) {
            names_.start_ = names_.bound_.size();
        }
        ~Scope() {
            names_.bound_.resize(names_.start_);
            names_.start_ = outer_;
        }
        Scope(const Scope&) = delete;
        Scope& operator=(const Scope&) = delete;

    private:
        Names& names_;
        std::size_t outer_;
    };

    /// `name` must outlive this: it is the syntax tree's.
    void bind(std::string_view name, Datum value);
    /// Undefined if there is no such name.
    Datum find(std::string_view name);

private:
    Work& work_;
    const base::Object& variables_;
    std::map<std::string_view, Datum> taken_;
    std::vector<std::pair<std::string_view, Datum>> bound_;
    std::size_t start_ = 0;
};

/// Evaluates expressions: one pass over the syntax tree, operands from left to right.
class Evaluation {
public:
    Evaluation(Work& work, Names& names) : work_(work), names_(names) {}

    Datum evaluate(const Expression& expression);

private:
    Datum value_of(const Literal& form, const Expression& whole);
    Datum value_of(const NameRead& form, const Expression& whole);
    Datum value_of(const SequenceOf& form, const Expression& whole);
    Datum value_of(const RecordOf& form, const Expression& whole);
    Datum value_of(const MemberRead& form, const Expression& whole);
    Datum value_of(const ElementRead& form, const Expression& whole);
    Datum value_of(const SliceRead& form, const Expression& whole);
    Datum value_of(const MethodCall& form, const Expression& whole);
    Datum value_of(const RangeCall& form, const Expression& whole);
    Datum value_of(const Not& form, const Expression& whole);
    Datum value_of(const Sign& form, const Expression& whole);
    Datum value_of(const Arithmetic& form, const Expression& whole);
    Datum value_of(const Logic& form, const Expression& whole);
    Datum value_of(const Comparison& form, const Expression& whole);
    Datum value_of(const Concatenation& form, const Expression& whole);
    Datum value_of(const Choice& form, const Expression& whole);
    Datum value_of(const FilterCall& form, const Expression& whole);
    Datum value_of(const TestCall& form, const Expression& whole);

    std::vector<Datum> evaluate_all(const std::vector<ExpressionPtr>& expressions);
    /// Behind the operands, errors are this expression's own again.
    void stand_at(const Expression& expression) { work_.line = expression.place.line; }

    Work& work_;
    Names& names_;
};

} // namespace templates
