// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "templates/evaluation.hpp"

#include "base/fields.hpp"
#include "templates/filters.hpp"
#include "templates/operations.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace templates {
namespace {

/// A number as it is written, with or without a sign.
bool is_written(const Expression& expression) noexcept {
    const Sign* sign = std::get_if<Sign>(&expression.form);
    return std::holds_alternative<Literal>(sign == nullptr ? expression.form : sign->of->form);
}

/// Jinja2 calculates a constant base while it compiles and hands it to Python without brackets, where the
/// sign of -2 ** n comes after the power. When the exponent is a constant, too, it calculates the whole.
void require_plain_power(const Work& work, const Arithmetic& form, const Datum& base) {
    const auto number = as_fraction(base);
    if (form.op == "**" && number && std::signbit(*number) && !form.left->reads_names &&
        !is_written(*form.right))
        work.fail("'**' of a negative constant has another sign in Jinja2; give the constant a name with "
                  "'set' before");
}

} // namespace

void Names::bind(std::string_view name, Datum value) {
    for (std::size_t at = start_; at < bound_.size(); ++at) {
        if (bound_[at].first != name)
            continue;
        bound_[at].second = std::move(value);
        return;
    }
    bound_.emplace_back(name, std::move(value));
}

Datum Names::find(std::string_view name) {
    const auto bound =
        std::find_if(bound_.rbegin(), bound_.rend(), [name](const auto& each) { return each.first == name; });
    if (bound != bound_.rend())
        return bound->second;
    const auto taken = taken_.find(name);
    if (taken != taken_.end())
        return taken->second;
    if (const base::Value* value = variables_.find(name)) {
        Datum datum = work_.value(*value);
        taken_.emplace(name, datum);
        return datum;
    }
    std::vector<std::string> known;
    for (const base::Member& member : variables_.members)
        known.push_back(member.name);
    for (const auto& each : bound_)
        known.emplace_back(each.first);
    std::sort(known.begin(), known.end());
    known.erase(std::unique(known.begin(), known.end()), known.end());
    const auto near = base::nearest(name, known);
    std::string why =
        fmt::format("'{}' is undefined; {}", name, known.empty() ? "nothing is known here" : "known are: ");
    why += fmt::format("{}", fmt::join(known, ", "));
    if (near)
        why += fmt::format("; did you mean '{}'?", *near);
    return Undefined{std::make_shared<const std::string>(std::move(why))};
}

Datum Evaluation::evaluate(const Expression& expression) {
    work_.charge(1);
    stand_at(expression);
    return std::visit([&](const auto& form) { return value_of(form, expression); }, expression.form);
}

std::vector<Datum> Evaluation::evaluate_all(const std::vector<ExpressionPtr>& expressions) {
    std::vector<Datum> values;
    values.reserve(expressions.size());
    for (const ExpressionPtr& expression : expressions)
        values.push_back(evaluate(*expression));
    return values;
}

Datum Evaluation::value_of(const Literal& form, const Expression&) {
    return form.value;
}

Datum Evaluation::value_of(const NameRead& form, const Expression&) {
    return names_.find(form.name);
}

Datum Evaluation::value_of(const SequenceOf& form, const Expression& whole) {
    std::vector<Datum> items = evaluate_all(form.items);
    stand_at(whole);
    return work_.sequence(form.form, std::move(items));
}

Datum Evaluation::value_of(const RecordOf& form, const Expression& whole) {
    std::vector<std::pair<Datum, Datum>> members;
    for (const auto& [name_form, value_form] : form.members) {
        Datum name = evaluate(*name_form);
        Datum value = evaluate(*value_form);
        stand_at(whole);
        require_hashable(work_, name);
        const auto same = std::find_if(members.begin(), members.end(),
                                       [&](const auto& member) { return equal(work_, member.first, name); });
        if (same != members.end())
            same->second = std::move(value);
        else
            members.emplace_back(std::move(name), std::move(value));
    }
    return work_.record(std::move(members));
}

Datum Evaluation::value_of(const MemberRead& form, const Expression& whole) {
    const Datum of = evaluate(*form.of);
    stand_at(whole);
    if (auto member = member_of(work_, of, form.name))
        return *member;
    return missing(of, path_of(whole), path_of(*form.of), form.name);
}

Datum Evaluation::value_of(const ElementRead& form, const Expression& whole) {
    const Datum of = evaluate(*form.of);
    const Datum key = evaluate(*form.key);
    stand_at(whole);
    if (auto element = element_of(work_, of, key))
        return *element;
    // What a key is worth may be a secret: errors name what is written in the template.
    const bool written = std::holds_alternative<Literal>(form.key->form);
    const std::string parent = path_of(*form.of);
    std::string path = path_of(whole);
    if (path.empty() && !parent.empty()) {
        const std::string key_path = path_of(*form.key);
        path = fmt::format("{}[{}]", parent, key_path.empty() ? "…" : key_path);
    }
    return missing(of, path, parent, written ? text_of(work_, key) : std::string());
}

Datum Evaluation::value_of(const SliceRead& form, const Expression& whole) {
    const auto bound = [this](const ExpressionPtr& expression) {
        return expression == nullptr ? Datum() : evaluate(*expression);
    };
    const Datum of = evaluate(*form.of);
    const Datum from = bound(form.from);
    const Datum to = bound(form.to);
    const Datum step = bound(form.step);
    stand_at(whole);
    return slice_of(work_, of, from, to, step);
}

Datum Evaluation::value_of(const MethodCall& form, const Expression& whole) {
    const Datum of = evaluate(*form.of);
    const std::vector<Datum> arguments = evaluate_all(form.arguments);
    stand_at(whole);
    return call_method(work_, of, form.name, arguments);
}

Datum Evaluation::value_of(const RangeCall& form, const Expression& whole) {
    const std::vector<Datum> arguments = evaluate_all(form.arguments);
    stand_at(whole);
    return range_of(work_, arguments);
}

Datum Evaluation::value_of(const Not& form, const Expression& whole) {
    const Datum value = evaluate(*form.of);
    stand_at(whole);
    return !truth_of(work_, value);
}

Datum Evaluation::value_of(const Sign& form, const Expression& whole) {
    const Datum value = evaluate(*form.of);
    stand_at(whole);
    return with_sign(work_, form.minus, value);
}

Datum Evaluation::value_of(const Arithmetic& form, const Expression& whole) {
    const Datum left = evaluate(*form.left);
    const Datum right = evaluate(*form.right);
    stand_at(whole);
    require_plain_power(work_, form, left);
    return calculate(work_, form.op, left, right);
}

Datum Evaluation::value_of(const Logic& form, const Expression& whole) {
    Datum left = evaluate(*form.left);
    stand_at(whole);
    if (truth_of(work_, left) != form.is_and)
        return left;
    return evaluate(*form.right);
}

Datum Evaluation::value_of(const Comparison& form, const Expression& whole) {
    Datum left = evaluate(*form.first);
    for (const auto& [op, operand] : form.rest) {
        Datum right = evaluate(*operand);
        stand_at(whole);
        if (!holds(work_, op, left, right))
            return false;
        left = std::move(right);
    }
    return true;
}

Datum Evaluation::value_of(const Concatenation& form, const Expression& whole) {
    const std::vector<Datum> parts = evaluate_all(form.parts);
    stand_at(whole);
    return joined(work_, "", parts);
}

Datum Evaluation::value_of(const Choice& form, const Expression& whole) {
    const Datum condition = evaluate(*form.condition);
    stand_at(whole);
    if (truth_of(work_, condition))
        return evaluate(*form.then);
    if (form.otherwise != nullptr)
        return evaluate(*form.otherwise);
    return Undefined{
        std::make_shared<const std::string>("an 'if' without 'else' gives nothing here; add an 'else'"),
        true};
}

Datum Evaluation::value_of(const FilterCall& form, const Expression& whole) {
    const Datum input = evaluate(*form.input);
    Given given;
    given.slots.resize(form.arguments.slots.size());
    for (std::size_t slot = 0; slot < given.slots.size(); ++slot)
        if (form.arguments.slots[slot] != nullptr)
            given.slots[slot] = evaluate(*form.arguments.slots[slot]);
    given.more = evaluate_all(form.arguments.more);
    stand_at(whole);
    return form.filter->apply(work_, input, given);
}

Datum Evaluation::value_of(const TestCall& form, const Expression& whole) {
    const Datum value = evaluate(*form.input);
    std::optional<Datum> argument;
    if (form.argument != nullptr)
        argument = evaluate(*form.argument);
    stand_at(whole);
    return form.test->apply(work_, value, argument ? &*argument : nullptr);
}

} // namespace templates
