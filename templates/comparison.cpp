// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "templates/operations.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <compare>

namespace templates {
namespace {

bool is_number(const Datum& datum) noexcept {
    return datum.flag() != nullptr || datum.whole() != nullptr || datum.fraction() != nullptr;
}

/// Exact, as in Python: a double never swallows the last digits of a whole number.
std::partial_ordering order(std::int64_t whole, double fraction) noexcept {
    if (std::isnan(fraction))
        return std::partial_ordering::unordered;
    constexpr double bound = 9223372036854775808.0;
    if (fraction >= bound)
        return std::partial_ordering::less;
    if (fraction < -bound)
        return std::partial_ordering::greater;
    const double floor = std::floor(fraction);
    const auto below = static_cast<std::int64_t>(floor);
    if (whole != below)
        return whole <=> below;
    return fraction > floor ? std::partial_ordering::less : std::partial_ordering::equivalent;
}

std::partial_ordering order_numbers(const Datum& left, const Datum& right) noexcept {
    std::int64_t left_room = 0;
    std::int64_t right_room = 0;
    const std::int64_t* left_whole = left.as_whole(left_room);
    const std::int64_t* right_whole = right.as_whole(right_room);
    if (left_whole != nullptr && right_whole != nullptr)
        return *left_whole <=> *right_whole;
    if (left_whole != nullptr)
        return order(*left_whole, *right.fraction());
    if (right_whole != nullptr)
        return 0 <=> order(*right_whole, *left.fraction());
    return *left.fraction() <=> *right.fraction();
}

bool fits(std::string_view op, std::partial_ordering order) noexcept {
    if (op == "<")
        return order < 0;
    if (op == "<=")
        return order <= 0;
    if (op == ">")
        return order > 0;
    return order >= 0;
}

/// Comparing what Python makes lazily compares addresses.
void require_comparable(const Work& work, const Datum& datum) {
    require_defined(work, datum);
    const Sequence* sequence = datum.sequence();
    const bool lazy = sequence != nullptr &&
                      (sequence->form == Sequence::Form::Stream || sequence->form == Sequence::Form::View);
    if (lazy || datum.loop() != nullptr)
        work.fail(fmt::format("{} cannot be compared{}", kind_of(datum), lazy ? "; add '| list'" : ""));
}

bool equal_records(Work& work, const Record& left, const Record& right) {
    if (left.members.size() != right.members.size())
        return false;
    return std::all_of(left.members.begin(), left.members.end(), [&](const auto& member) {
        const Datum* other = find_member(work, right, member.first);
        return other != nullptr && equal(work, member.second, *other);
    });
}

bool equal_items(Work& work, const Sequence& left, const Sequence& right) {
    if (left.form != right.form || left.items.size() != right.items.size())
        return false;
    for (std::size_t at = 0; at < left.items.size(); ++at)
        if (!equal(work, left.items[at], right.items[at]))
            return false;
    return true;
}

bool ordered_items(Work& work, std::string_view op, const Sequence& left, const Sequence& right) {
    const std::size_t shared = std::min(left.items.size(), right.items.size());
    for (std::size_t at = 0; at < shared; ++at)
        if (!equal(work, left.items[at], right.items[at]))
            return holds(work, op, left.items[at], right.items[at]);
    return fits(op, left.items.size() <=> right.items.size());
}

} // namespace

bool equal(Work& work, const Datum& left, const Datum& right) {
    work.charge(1);
    if (left.is_empty_undefined() && right.is_empty_undefined())
        return true;
    if (!left.is_empty_undefined())
        require_comparable(work, left);
    if (!right.is_empty_undefined())
        require_comparable(work, right);
    if (is_number(left) && is_number(right))
        return order_numbers(left, right) == 0;
    if (left.is_none() || right.is_none())
        return left.is_none() && right.is_none();
    if (left.text() != nullptr && right.text() != nullptr) {
        work.charge(left.text()->size() / 64);
        return *left.text() == *right.text();
    }
    if (left.sequence() != nullptr && right.sequence() != nullptr)
        return equal_items(work, *left.sequence(), *right.sequence());
    if (left.record() != nullptr && right.record() != nullptr)
        return equal_records(work, *left.record(), *right.record());
    return false;
}

bool holds(Work& work, std::string_view op, const Datum& left, const Datum& right) {
    if (op == "==")
        return equal(work, left, right);
    if (op == "!=")
        return !equal(work, left, right);
    if (op == "in")
        return contains(work, right, left);
    if (op == "not in")
        return !contains(work, right, left);
    work.charge(1);
    require_comparable(work, left);
    require_comparable(work, right);
    if (is_number(left) && is_number(right))
        return fits(op, order_numbers(left, right));
    if (left.text() != nullptr && right.text() != nullptr) {
        work.charge(left.text()->size() / 64);
        // The bytes of UTF-8 stand in the order of the code points.
        return fits(op, left.text()->compare(*right.text()) <=> 0);
    }
    const Sequence* left_items = left.sequence();
    const Sequence* right_items = right.sequence();
    if (left_items != nullptr && right_items != nullptr && left_items->form == right_items->form &&
        left_items->form != Sequence::Form::Range)
        return ordered_items(work, op, *left_items, *right_items);
    work.fail(fmt::format("{} and {} have no order, so '{}' cannot compare them", kind_of(left),
                          kind_of(right), op));
}

bool contains(Work& work, const Datum& container, const Datum& item) {
    if (container.is_empty_undefined())
        return false;
    require_defined(work, container);
    if (const std::string* text = container.text()) {
        const std::string& sought = plain_text_of(work, item, "what 'in' looks for in a string");
        work.charge(text->size() / 64 * (sought.size() / 64 + 1));
        return text->find(sought) != std::string::npos;
    }
    if (const Record* record = container.record()) {
        require_hashable(work, item);
        return find_member(work, *record, item) != nullptr;
    }
    if (container.sequence() == nullptr)
        work.fail(fmt::format("{} holds nothing, so 'in' cannot look into it", kind_of(container)));
    for (const Datum& candidate : items_of(work, container))
        if (equal(work, candidate, item))
            return true;
    return false;
}

const Datum* find_member(Work& work, const Record& record, const Datum& name) {
    work.charge(record.members.size() / 16);
    if (const std::string* text = name.text()) {
        for (const auto& member : record.members) {
            const std::string* other = member.first.text();
            if (other != nullptr && *other == *text)
                return &member.second;
        }
        return nullptr;
    }
    for (const auto& member : record.members)
        if (equal(work, member.first, name))
            return &member.second;
    return nullptr;
}

void require_hashable(const Work& work, const Datum& datum) {
    require_defined(work, datum);
    const Sequence* sequence = datum.sequence();
    if (datum.record() != nullptr || (sequence != nullptr && sequence->form != Sequence::Form::Tuple))
        work.fail(
            fmt::format("{} cannot be the name of a member or made unique; use a string", kind_of(datum)));
    if (sequence != nullptr)
        for (const Datum& item : sequence->items)
            require_hashable(work, item);
}

} // namespace templates
