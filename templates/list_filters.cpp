// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// Filters that put lists in order or make one value of them.
#include "templates/filters.hpp"
#include "templates/operations.hpp"
#include "templates/selection.hpp"
#include "templates/text.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace templates {
namespace {

Datum default_filter(Work& work, const Datum& input, const Given& given) {
    const Datum absent = given.at(0) == nullptr ? Datum("") : *given.at(0);
    if (input.undefined() != nullptr)
        return absent;
    return given.flag(work, 1) && !truth_of(work, input) ? absent : input;
}

Datum join_filter(Work& work, const Datum& input, const Given& given) {
    std::vector<Datum> items = items_of(work, input);
    if (const Datum* attribute = given.some(1))
        for (Datum& item : items)
            item = attribute_of(work, item, *attribute);
    return joined(work, given.at(0) == nullptr ? "" : text_of(work, *given.at(0)), items);
}

Datum nothing_there(std::string_view filter) {
    return Undefined{std::make_shared<const std::string>(fmt::format(
        "'{}' of an empty list is undefined; add '| default(…)' or test the list before", filter))};
}

Datum first_filter(Work& work, const Datum& input, const Given&) {
    const std::vector<Datum> items = items_of(work, input);
    return items.empty() ? nothing_there("first") : items.front();
}

Datum last_filter(Work& work, const Datum& input, const Given&) {
    const Sequence* sequence = input.sequence();
    if (sequence != nullptr && sequence->form == Sequence::Form::Stream)
        work.fail("a stream has no last item; add '| list' before 'last'");
    const std::vector<Datum> items = items_of(work, input);
    return items.empty() ? nothing_there("last") : items.back();
}

/// What items are ordered and compared by: one key for each attribute named, or the item itself.
struct Keyed {
    std::vector<Datum> keys;
    Datum item;
};

Datum folded(Work& work, const Datum& key, bool case_sensitive) {
    const std::string* text = key.text();
    return text == nullptr || case_sensitive ? key : work.text(lower(*text));
}

/// `attributes` may name several, with commas between them.
std::vector<Keyed> keyed(Work& work, const std::vector<Datum>& items, const Datum* attributes,
                         bool case_sensitive) {
    std::vector<Datum> paths;
    const std::string* text = attributes == nullptr ? nullptr : attributes->text();
    if (text != nullptr) {
        for (std::size_t start = 0; start <= text->size();) {
            const std::size_t comma = std::min(text->find(',', start), text->size());
            paths.emplace_back(text->substr(start, comma - start));
            start = comma + 1;
        }
    } else if (attributes != nullptr) {
        paths.push_back(*attributes);
    }
    std::vector<Keyed> all;
    for (const Datum& item : items) {
        Keyed entry{{}, item};
        for (const Datum& path : paths)
            entry.keys.push_back(folded(work, attribute_of(work, item, path), case_sensitive));
        if (paths.empty())
            entry.keys.push_back(folded(work, item, case_sensitive));
        all.push_back(std::move(entry));
    }
    return all;
}

bool before(Work& work, const Keyed& left, const Keyed& right) {
    for (std::size_t at = 0; at < left.keys.size(); ++at)
        if (!equal(work, left.keys[at], right.keys[at]))
            return holds(work, "<", left.keys[at], right.keys[at]);
    return false;
}

std::vector<Datum> in_order(Work& work, std::vector<Keyed> all, bool reverse) {
    // Items that are equal keep their order in both directions, as in Python.
    std::stable_sort(all.begin(), all.end(), [&](const Keyed& left, const Keyed& right) {
        return reverse ? before(work, right, left) : before(work, left, right);
    });
    std::vector<Datum> items;
    for (Keyed& entry : all)
        items.push_back(std::move(entry.item));
    return items;
}

Datum sort_filter(Work& work, const Datum& input, const Given& given) {
    const bool reverse = given.flag(work, 0);
    std::vector<Keyed> all = keyed(work, items_of(work, input), given.some(2), given.flag(work, 1));
    return work.sequence(Sequence::Form::List, in_order(work, std::move(all), reverse));
}

Datum dictsort_filter(Work& work, const Datum& input, const Given& given) {
    require_defined(work, input);
    const Record* record = input.record();
    if (record == nullptr)
        work.fail(fmt::format("'dictsort' does not take {}; it sorts records", kind_of(input)));
    const bool case_sensitive = given.flag(work, 0);
    const std::string by =
        given.at(1) == nullptr ? "key" : plain_text_of(work, *given.at(1), "'by' of 'dictsort'");
    if (by != "key" && by != "value")
        work.fail("'by' of 'dictsort' must be 'key' or 'value'");
    std::vector<Keyed> all;
    for (const auto& [name, value] : record->members)
        all.push_back({{folded(work, by == "key" ? name : value, case_sensitive)},
                       work.sequence(Sequence::Form::Tuple, {name, value})});
    return work.sequence(Sequence::Form::List, in_order(work, std::move(all), given.flag(work, 2)));
}

Datum unique_filter(Work& work, const Datum& input, const Given& given) {
    const bool case_sensitive = given.flag(work, 0);
    const Datum* attribute = given.some(1);
    std::vector<Datum> seen;
    std::vector<Datum> items;
    for (const Datum& item : items_of(work, input)) {
        const Datum key =
            folded(work, attribute == nullptr ? item : attribute_of(work, item, *attribute), case_sensitive);
        require_hashable(work, key);
        const bool known = std::any_of(seen.begin(), seen.end(),
                                       [&](const Datum& other) { return equal(work, key, other); });
        if (known)
            continue;
        seen.push_back(key);
        items.push_back(item);
    }
    return work.sequence(Sequence::Form::Stream, std::move(items));
}

Datum extreme(Work& work, const Datum& input, const Given& given, std::string_view op) {
    const Datum* attribute = given.some(1);
    const bool case_sensitive = given.flag(work, 0);
    std::optional<Keyed> best;
    for (const Datum& item : items_of(work, input)) {
        const Datum key =
            folded(work, attribute == nullptr ? item : attribute_of(work, item, *attribute), case_sensitive);
        if (!best || holds(work, op, key, best->keys[0]))
            best = Keyed{{key}, item};
    }
    return best ? best->item : nothing_there(op == "<" ? "min" : "max");
}

Datum min_filter(Work& work, const Datum& input, const Given& given) {
    return extreme(work, input, given, "<");
}

Datum max_filter(Work& work, const Datum& input, const Given& given) {
    return extreme(work, input, given, ">");
}

Datum sum_filter(Work& work, const Datum& input, const Given& given) {
    Datum total = given.at(1) == nullptr ? Datum(std::int64_t{0}) : *given.at(1);
    if (total.text() != nullptr)
        work.fail("'sum' does not take texts; use '| join'");
    const Datum* attribute = given.some(0);
    for (const Datum& item : items_of(work, input))
        total =
            calculate(work, "+", total, attribute == nullptr ? item : attribute_of(work, item, *attribute));
    return total;
}

Datum list_filter(Work& work, const Datum& input, const Given&) {
    return work.sequence(Sequence::Form::List, items_of(work, input));
}

Datum reverse_filter(Work& work, const Datum& input, const Given&) {
    std::vector<Datum> items = items_of(work, input);
    std::reverse(items.begin(), items.end());
    if (input.text() != nullptr)
        return joined(work, "", items);
    // Python reverses a generator into a list, and gives an iterator for all else.
    const bool stream = input.sequence() != nullptr && input.sequence()->form == Sequence::Form::Stream;
    return work.sequence(stream ? Sequence::Form::List : Sequence::Form::Stream, std::move(items));
}

Datum items_filter(Work& work, const Datum& input, const Given&) {
    std::vector<Datum> items;
    if (input.undefined() != nullptr)
        return work.sequence(Sequence::Form::Stream, std::move(items));
    const Record* record = input.record();
    if (record == nullptr)
        work.fail(fmt::format("'items' does not take {}; only records have items", kind_of(input)));
    for (const auto& [name, value] : record->members)
        items.push_back(work.sequence(Sequence::Form::Tuple, {name, value}));
    return work.sequence(Sequence::Form::Stream, std::move(items));
}

} // namespace

const std::vector<Filter>& list_filters() {
    static const std::vector<Filter> filters = {
        {"default", {"default_value", "boolean"}, 0, default_filter},
        {"d", {"default_value", "boolean"}, 0, default_filter},
        {"join", {"d", "attribute"}, 0, join_filter},
        {"first", {}, 0, first_filter},
        {"last", {}, 0, last_filter},
        {"sort", {"reverse", "case_sensitive", "attribute"}, 0, sort_filter},
        {"dictsort", {"case_sensitive", "by", "reverse"}, 0, dictsort_filter},
        {"unique", {"case_sensitive", "attribute"}, 0, unique_filter},
        {"min", {"case_sensitive", "attribute"}, 0, min_filter},
        {"max", {"case_sensitive", "attribute"}, 0, max_filter},
        {"sum", {"attribute", "start"}, 0, sum_filter},
        {"list", {}, 0, list_filter},
        {"reverse", {}, 0, reverse_filter},
        {"items", {}, 0, items_filter},
    };
    return filters;
}

} // namespace templates
