// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// The tests of `value is …`.
#include "templates/filters.hpp"
#include "templates/operations.hpp"

#include "base/fields.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace templates {
namespace {

bool is_remainder(Work& work, const Datum& value, const Datum& divisor, std::int64_t rest) {
    return equal(work, calculate(work, "%", value, divisor), Datum(rest));
}

/// Whether `value` is the one True, False or None; for other values Python compares addresses.
bool is_same(Work& work, const Datum& value, const Datum* other) {
    require_defined(work, *other);
    if (other->is_none())
        return value.is_none();
    const bool* wanted = other->flag();
    if (wanted == nullptr)
        work.fail("'sameas' compares with true, false and none only; use '=='");
    return value.flag() != nullptr && *value.flag() == *wanted;
}

bool is_iterable(Work& work, const Datum& value) {
    if (value.is_empty_undefined())
        return true;
    require_defined(work, value);
    return value.text() != nullptr || value.record() != nullptr || value.sequence() != nullptr ||
           value.loop() != nullptr;
}

bool is_sequence(const Datum& value) noexcept {
    const Sequence* sequence = value.sequence();
    if (sequence != nullptr)
        return sequence->form != Sequence::Form::View && sequence->form != Sequence::Form::Stream;
    return value.text() != nullptr || value.record() != nullptr || value.is_empty_undefined();
}

bool is_number(const Datum& value) noexcept {
    return value.flag() != nullptr || value.whole() != nullptr || value.fraction() != nullptr;
}

template <char first, char second = '\0'> bool compared(Work& work, const Datum& value, const Datum* other) {
    constexpr char op[] = {first, second, '\0'};
    return holds(work, op, value, *other);
}

// clang-format off
const Test tests[] = {
    {"defined", false, [](Work&, const Datum& value, const Datum*) { return value.undefined() == nullptr; }},
    {"undefined", false, [](Work&, const Datum& value, const Datum*) { return value.undefined() != nullptr; }},
    {"none", false, [](Work&, const Datum& value, const Datum*) { return value.is_none(); }},
    {"boolean", false, [](Work&, const Datum& value, const Datum*) { return value.flag() != nullptr; }},
    {"true", false, [](Work&, const Datum& value, const Datum*) { return value.flag() != nullptr && *value.flag(); }},
    {"false", false, [](Work&, const Datum& value, const Datum*) { return value.flag() != nullptr && !*value.flag(); }},
    {"integer", false, [](Work&, const Datum& value, const Datum*) { return value.whole() != nullptr; }},
    {"float", false, [](Work&, const Datum& value, const Datum*) { return value.fraction() != nullptr; }},
    {"number", false, [](Work&, const Datum& value, const Datum*) { return is_number(value); }},
    {"string", false, [](Work&, const Datum& value, const Datum*) { return value.text() != nullptr; }},
    {"mapping", false, [](Work&, const Datum& value, const Datum*) { return value.record() != nullptr; }},
    {"sequence", false, [](Work&, const Datum& value, const Datum*) { return is_sequence(value); }},
    {"iterable", false, [](Work& work, const Datum& value, const Datum*) { return is_iterable(work, value); }},
    {"odd", false, [](Work& work, const Datum& value, const Datum*) { return is_remainder(work, value, Datum(std::int64_t{2}), 1); }},
    {"even", false, [](Work& work, const Datum& value, const Datum*) { return is_remainder(work, value, Datum(std::int64_t{2}), 0); }},
    {"divisibleby", true, [](Work& work, const Datum& value, const Datum* by) { return is_remainder(work, value, *by, 0); }},
    {"sameas", true, is_same},
    {"in", true, [](Work& work, const Datum& value, const Datum* container) { return contains(work, *container, value); }},
    {"==", true, compared<'=', '='>}, {"eq", true, compared<'=', '='>}, {"equalto", true, compared<'=', '='>},
    {"!=", true, compared<'!', '='>}, {"ne", true, compared<'!', '='>},
    {"<", true, compared<'<'>}, {"lt", true, compared<'<'>}, {"lessthan", true, compared<'<'>},
    {"<=", true, compared<'<', '='>}, {"le", true, compared<'<', '='>},
    {">", true, compared<'>'>}, {"gt", true, compared<'>'>}, {"greaterthan", true, compared<'>'>},
    {">=", true, compared<'>', '='>}, {"ge", true, compared<'>', '='>},
};
// clang-format on

} // namespace

const Test* find_test(std::string_view name) noexcept {
    const auto* found = std::find_if(std::begin(tests), std::end(tests),
                                     [name](const Test& test) { return test.name == name; });
    return found == std::end(tests) ? nullptr : found;
}

std::vector<std::string_view> test_names() {
    std::vector<std::string_view> names;
    for (const Test& test : tests)
        names.push_back(test.name);
    return names;
}

std::string unknown_test(std::string_view name) {
    std::vector<std::string> known;
    for (const std::string_view test : test_names())
        if (test[0] >= 'a')
            known.emplace_back(test);
    std::sort(known.begin(), known.end());
    constexpr std::string_view foreign = " callable escaped filter lower test upper ";
    if (foreign.find(fmt::format(" {} ", name)) != std::string_view::npos)
        return fmt::format("'{}' is a test of Jinja2 that is not in this subset; known are: {}", name,
                           fmt::join(known, ", "));
    if (const auto near = base::nearest(name, known))
        return fmt::format("unknown test '{}'; did you mean '{}'?", name, *near);
    return fmt::format("unknown test '{}'; known are: {}", name, fmt::join(known, ", "));
}

} // namespace templates
