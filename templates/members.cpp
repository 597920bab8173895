// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "base/fields.hpp"
#include "templates/operations.hpp"
#include "templates/text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace templates {
namespace {

// What `value.name` is in Python when it is not called: a method, or for numbers a part. Reading one is
// refused, so that a template means the same here and there. Blanks on both ends, so that a name can be
// searched with its blanks.
constexpr std::string_view of_records =
    " clear copy fromkeys get items keys pop popitem setdefault update values ";
constexpr std::string_view of_texts = " capitalize casefold center count encode endswith expandtabs find "
                                      "format format_map index isalnum isalpha isascii "
                                      "isdecimal isdigit isidentifier islower isnumeric isprintable isspace "
                                      "istitle isupper join ljust lower lstrip "
                                      "maketrans partition removeprefix removesuffix replace rfind rindex "
                                      "rjust rpartition rsplit rstrip split splitlines "
                                      "startswith strip swapcase title translate upper zfill ";
constexpr std::string_view of_numbers = " as_integer_ratio bit_count bit_length conjugate denominator "
                                        "from_bytes fromhex hex imag is_integer numerator real "
                                        "to_bytes ";
constexpr std::string_view of_sequences = " append clear copy count extend index insert isdisjoint mapping "
                                          "pop remove reverse sort start step stop ";

bool is_python_name(const Datum& of, std::string_view name) {
    if (name.compare(0, 2, "__") == 0)
        return true;
    const std::string_view names = of.record() != nullptr     ? of_records
                                   : of.text() != nullptr     ? of_texts
                                   : of.sequence() != nullptr ? of_sequences
                                   : of.is_none()             ? std::string_view()
                                                              : of_numbers;
    return names.find(fmt::format(" {} ", name)) != std::string_view::npos;
}

[[noreturn]] void refuse_python_name(const Work& work, const Datum& of, std::string_view name) {
    if (name.compare(0, 2, "__") == 0)
        work.fail(fmt::format("'{}' begins with '__', which templates do not read; rename it", name));
    const bool called = find_method(name) != nullptr;
    work.fail(fmt::format(
        "'{0}' of {1} is {2} in Python, not a member; {3}", name, kind_of(of),
        of.text() != nullptr || of.record() != nullptr || of.sequence() != nullptr ? "a method"
                                                                                   : "part of a number",
        of.record() != nullptr ? fmt::format("write ['{}'] to read the member{}", name,
                                             called ? fmt::format(", or {}() to call it", name) : "")
        : called               ? fmt::format("write {}() to call it", name)
                               : "use a filter"));
}

std::optional<Datum> loop_member(const Work& work, const Loop& loop, std::string_view name) {
    const auto length = static_cast<std::int64_t>(loop.items->size());
    const auto item = [&](std::int64_t index) {
        return (*loop.items)[static_cast<std::size_t>(index)];
    };
    const auto no_item = [](const char* why) {
        return Datum(Undefined{std::make_shared<const std::string>(why)});
    };
    if (name == "index")
        return loop.index0 + 1;
    if (name == "index0")
        return loop.index0;
    if (name == "revindex")
        return length - loop.index0;
    if (name == "revindex0")
        return length - loop.index0 - 1;
    if (name == "length")
        return length;
    if (name == "first")
        return loop.index0 == 0;
    if (name == "last")
        return loop.index0 + 1 == length;
    if (name == "depth")
        return std::int64_t{1};
    if (name == "depth0")
        return std::int64_t{0};
    if (name == "previtem")
        return loop.index0 == 0
                   ? no_item("loop.previtem is undefined in the first turn; test loop.first before")
                   : item(loop.index0 - 1);
    if (name == "nextitem")
        return loop.index0 + 1 == length
                   ? no_item("loop.nextitem is undefined in the last turn; test loop.last before")
                   : item(loop.index0 + 1);
    if (name == "cycle")
        work.fail("'cycle' of the loop is a method; write loop.cycle('a', 'b') to call it");
    if (name == "changed")
        work.fail("'loop.changed' is not in this subset of Jinja2; compare with loop.previtem");
    return std::nullopt;
}

/// An index into `length` items from Python's, which counts from the end when it is negative.
std::optional<std::size_t> place_in(std::size_t length, std::int64_t index) noexcept {
    if (index < 0)
        index += static_cast<std::int64_t>(length);
    if (index < 0 || index >= static_cast<std::int64_t>(length))
        return std::nullopt;
    return static_cast<std::size_t>(index);
}

/// Which items a slice takes, in which order.
std::vector<std::size_t> sliced(const Work& work, std::size_t count, const Datum& from, const Datum& to,
                                const Datum& step) {
    const auto number = [&](const Datum& datum, std::int64_t absent) {
        return datum.is_none() ? absent : whole_of(work, datum, "the bound of a slice");
    };
    const auto length = static_cast<std::int64_t>(count);
    const std::int64_t stride = number(step, 1);
    if (stride == 0)
        work.fail("the step of a slice is 0; write 1 or leave it out");
    const std::int64_t lowest = stride < 0 ? -1 : 0;
    const std::int64_t highest = stride < 0 ? length - 1 : length;
    const auto bound = [&](const Datum& datum, std::int64_t absent) {
        std::int64_t value = number(datum, absent);
        if (datum.is_none())
            return value;
        if (value < 0)
            value += length;
        return std::clamp(value, lowest, highest);
    };
    const std::int64_t start = bound(from, stride < 0 ? highest : lowest);
    const std::int64_t end = bound(to, stride < 0 ? lowest : highest);
    std::vector<std::size_t> places;
    for (std::int64_t at = start; stride < 0 ? at > end : at < end;) {
        places.push_back(static_cast<std::size_t>(at));
        if (__builtin_add_overflow(at, stride, &at))
            break;
    }
    return places;
}

std::string listed(const Record& record) {
    constexpr std::size_t most = 20;
    std::vector<std::string> names;
    for (const auto& member : record.members)
        if (const std::string* name = member.first.text())
            names.push_back(*name);
    if (names.empty())
        return "no members";
    std::sort(names.begin(), names.end());
    const std::size_t left_out = names.size() > most ? names.size() - most : 0;
    names.resize(names.size() - left_out);
    std::string text = fmt::format("{}", fmt::join(names, ", "));
    if (left_out > 0)
        text += fmt::format(" and {} more", left_out);
    return text;
}

} // namespace

std::optional<Datum> member_of(Work& work, const Datum& of, std::string_view name) {
    require_defined(work, of);
    if (const Loop* loop = of.loop())
        return loop_member(work, *loop, name);
    if (is_python_name(of, name))
        refuse_python_name(work, of, name);
    if (const Record* record = of.record())
        if (const Datum* member = find_member(work, *record, Datum(name)))
            return *member;
    return std::nullopt;
}

std::optional<Datum> element_of(Work& work, const Datum& of, const Datum& key) {
    require_defined(work, of);
    require_defined(work, key);
    if (const Record* record = of.record()) {
        if (key.record() != nullptr || key.sequence() != nullptr)
            require_hashable(work, key);
        if (const Datum* member = find_member(work, *record, key))
            return *member;
    }
    if (const std::string* name = key.text())
        return member_of(work, of, *name);
    std::int64_t room = 0;
    const std::int64_t* index = key.as_whole(room);
    if (index == nullptr)
        return std::nullopt;
    if (const std::string* text = of.text()) {
        work.charge(text->size() / 16);
        const std::vector<std::string_view> all = characters(*text);
        if (const auto place = place_in(all.size(), *index))
            return Datum(all[*place]);
    }
    if (const Sequence* sequence = of.sequence()) {
        if (sequence->form == Sequence::Form::View || sequence->form == Sequence::Form::Stream)
            work.fail(fmt::format("{} has no numbered items; add '| list' before", kind_of(of)));
        if (const auto place = place_in(sequence->items.size(), *index))
            return sequence->items[*place];
    }
    return std::nullopt;
}

Datum slice_of(Work& work, const Datum& of, const Datum& from, const Datum& to, const Datum& step) {
    require_defined(work, of);
    if (const std::string* text = of.text()) {
        work.charge(text->size() / 16);
        const std::vector<std::string_view> all = characters(*text);
        std::string result;
        for (const std::size_t place : sliced(work, all.size(), from, to, step))
            result += all[place];
        return work.text(std::move(result));
    }
    const Sequence* sequence = of.sequence();
    if (sequence == nullptr || sequence->form == Sequence::Form::View ||
        sequence->form == Sequence::Form::Stream)
        work.fail(fmt::format("{} cannot be sliced; only lists and strings can", kind_of(of)));
    std::vector<Datum> items;
    for (const std::size_t place : sliced(work, sequence->items.size(), from, to, step))
        items.push_back(sequence->items[place]);
    return work.sequence(sequence->form, std::move(items));
}

Undefined missing(const Datum& of, std::string_view path, std::string_view parent, std::string_view name) {
    const std::string subject = !path.empty()   ? fmt::format("'{}'", path)
                                : !name.empty() ? fmt::format("'{}'", name)
                                                : "the element";
    std::string holder = parent.empty() ? "the value" : std::string(parent);
    std::string why;
    if (const Record* record = of.record()) {
        if (parent.empty())
            holder = "the record";
        why = fmt::format("{} is undefined; {} has{} {}", subject, holder, record->members.empty() ? "" : ":",
                          listed(*record));
        std::vector<std::string> names;
        for (const auto& member : record->members)
            if (const std::string* known = member.first.text())
                names.push_back(*known);
        if (const auto near = base::nearest(name, names))
            why += fmt::format("; did you mean '{}'?", *near);
    } else if (of.loop() != nullptr) {
        why = fmt::format("{} is undefined; the loop has: first, index, index0, last, length, nextitem, "
                          "previtem, revindex, revindex0",
                          subject);
    } else if (const Sequence* sequence = of.sequence()) {
        why = fmt::format("{} is undefined; {} has {} items", subject, parent.empty() ? "the list" : holder,
                          sequence->items.size());
    } else {
        why = fmt::format("{} is undefined; {} is {}", subject, holder, kind_of(of));
    }
    return {std::make_shared<const std::string>(std::move(why))};
}

} // namespace templates
