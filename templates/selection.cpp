// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// Filters that apply a filter, a test or an attribute to each item.
#include "templates/selection.hpp"

#include "templates/filters.hpp"
#include "templates/operations.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace templates {
namespace {

bool all_digits(std::string_view text) noexcept {
    return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

Datum step_into(Work& work, const Datum& item, const Datum& part, std::string_view shown_part,
                const Datum* absent) {
    if (auto found = element_of(work, item, part); found && found->undefined() == nullptr)
        return *found;
    if (absent != nullptr)
        return *absent;
    return missing(item, {}, {}, shown_part);
}

/// `more` as the arguments of one filter that map was told to apply.
Given bound(const Work& work, const Filter& filter, const std::vector<Datum>& more) {
    Given given;
    given.slots.resize(filter.parameters.size());
    const std::vector<Datum> arguments(more.begin() + 1, more.end());
    if (filter.any_number) {
        given.more = arguments;
        return given;
    }
    if (arguments.size() > filter.parameters.size() || arguments.size() < filter.required)
        work.fail(fmt::format("filter '{}' takes {} to {} arguments, but 'map' passes {}", filter.name,
                              filter.required, filter.parameters.size(), arguments.size()));
    for (std::size_t at = 0; at < arguments.size(); ++at)
        given.slots[at] = arguments[at];
    return given;
}

Datum map_filter(Work& work, const Datum& input, const Given& given) {
    std::vector<Datum> results;
    if (!truth_of(work, input))
        return work.sequence(Sequence::Form::Stream, {});
    if (given.more.empty()) {
        const Datum* attribute = given.at(0);
        if (attribute == nullptr)
            work.fail("'map' needs the name of a filter, or attribute='name'");
        const Datum* absent = given.some(1);
        for (const Datum& item : items_of(work, input))
            results.push_back(attribute_of(work, item, *attribute, absent));
    } else {
        const std::string& name = plain_text_of(work, given.more[0], "what 'map' applies");
        const Filter* filter = find_filter(name);
        if (filter == nullptr)
            work.fail(unknown_filter(name));
        const Given arguments = bound(work, *filter, given.more);
        for (const Datum& item : items_of(work, input)) {
            work.charge(1);
            results.push_back(filter->apply(work, item, arguments));
        }
    }
    return work.sequence(Sequence::Form::Stream, std::move(results));
}

/// Keeps the items for which the test that begins at more[test_at] says `wanted`; without a test, their truth
/// counts.
Datum chosen(Work& work, const Datum& input, const Given& given, std::string_view filter, bool by_attribute,
             bool wanted) {
    const std::size_t test_at = by_attribute ? 1 : 0;
    if (!truth_of(work, input))
        return work.sequence(Sequence::Form::Stream, {});
    if (given.more.size() < test_at)
        work.fail(fmt::format("'{}' needs the name of an attribute", filter));
    const Test* test = nullptr;
    const Datum* argument = nullptr;
    if (given.more.size() > test_at) {
        const std::string& name =
            plain_text_of(work, given.more[test_at], fmt::format("the test of '{}'", filter));
        test = find_test(name);
        if (test == nullptr)
            work.fail(unknown_test(name));
        const std::size_t count = given.more.size() - test_at - 1;
        if (count != (test->takes_argument ? 1 : 0))
            work.fail(fmt::format("test '{}' takes {}, but '{}' passes {}", name,
                                  test->takes_argument ? "one argument" : "no argument", filter, count));
        if (count == 1)
            argument = &given.more[test_at + 1];
    }
    std::vector<Datum> results;
    for (const Datum& item : items_of(work, input)) {
        work.charge(1);
        const Datum value = by_attribute ? attribute_of(work, item, given.more[0]) : item;
        const bool result = test == nullptr ? truth_of(work, value) : test->apply(work, value, argument);
        if (result == wanted)
            results.push_back(item);
    }
    return work.sequence(Sequence::Form::Stream, std::move(results));
}

Datum select_filter(Work& work, const Datum& input, const Given& given) {
    return chosen(work, input, given, "select", false, true);
}

Datum reject_filter(Work& work, const Datum& input, const Given& given) {
    return chosen(work, input, given, "reject", false, false);
}

Datum selectattr_filter(Work& work, const Datum& input, const Given& given) {
    return chosen(work, input, given, "selectattr", true, true);
}

Datum rejectattr_filter(Work& work, const Datum& input, const Given& given) {
    return chosen(work, input, given, "rejectattr", true, false);
}

} // namespace

Datum attribute_of(Work& work, const Datum& item, const Datum& attribute, const Datum* absent) {
    work.charge(1);
    const std::string* path = attribute.text();
    if (path == nullptr) {
        std::int64_t number = 0;
        if (attribute.as_whole(number) == nullptr)
            work.fail(fmt::format("an attribute is {}, but must be a name or a number", kind_of(attribute)));
        return step_into(work, item, attribute, std::to_string(number), absent);
    }
    Datum current = item;
    for (std::size_t start = 0; start <= path->size();) {
        const std::size_t dot = std::min(path->find('.', start), path->size());
        const std::string part = path->substr(start, dot - start);
        const bool number = all_digits(part) && part.size() < 10;
        current = step_into(work, current, number ? Datum(std::int64_t{std::stoi(part)}) : Datum(part), part,
                            absent);
        start = dot + 1;
    }
    return current;
}

const std::vector<Filter>& selection_filters() {
    static const std::vector<Filter> filters = {
        {"map", {"attribute", "default"}, 0, map_filter, true, 0, std::nullopt},
        {"select", {}, 0, select_filter, true, std::nullopt, 0},
        {"reject", {}, 0, reject_filter, true, std::nullopt, 0},
        {"selectattr", {}, 0, selectattr_filter, true, std::nullopt, 1},
        {"rejectattr", {}, 0, rejectattr_filter, true, std::nullopt, 1},
    };
    return filters;
}

} // namespace templates
