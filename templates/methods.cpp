// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// The methods that a template may call: those of Python's dict and str that config files use, and loop.cycle.
#include "templates/operations.hpp"
#include "templates/text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

namespace templates {
namespace {

constexpr std::size_t any_number = std::numeric_limits<std::size_t>::max();

constexpr Method methods[] = {
    {"items", 0, 0},      {"keys", 0, 0},     {"values", 0, 0},  {"get", 1, 2},    {"upper", 0, 0},
    {"lower", 0, 0},      {"strip", 0, 1},    {"lstrip", 0, 1},  {"rstrip", 0, 1}, {"split", 0, 2},
    {"startswith", 1, 1}, {"endswith", 1, 1}, {"replace", 2, 3}, {"join", 1, 1},   {"cycle", 1, any_number},
};

Datum record_method(Work& work, const Record& record, std::string_view name,
                    const std::vector<Datum>& arguments) {
    if (name == "get") {
        require_hashable(work, arguments[0]);
        if (const Datum* member = find_member(work, record, arguments[0]))
            return *member;
        return arguments.size() > 1 ? arguments[1] : Datum();
    }
    std::vector<Datum> items;
    for (const auto& [key, value] : record.members) {
        if (name == "keys")
            items.push_back(key);
        else if (name == "values")
            items.push_back(value);
        else
            items.push_back(work.sequence(Sequence::Form::Tuple, {key, value}));
    }
    return work.sequence(Sequence::Form::View, std::move(items));
}

Datum split(Work& work, const std::string& text, const std::vector<Datum>& arguments) {
    const std::int64_t most =
        arguments.size() > 1 ? whole_of(work, arguments[1], "the count of 'split'") : -1;
    std::vector<Datum> parts;
    const auto may_split = [&] {
        return most < 0 || static_cast<std::int64_t>(parts.size()) < most;
    };
    if (arguments.empty() || arguments[0].is_none()) {
        std::string_view rest = without_leading_blanks(text);
        while (!rest.empty() && may_split()) {
            std::size_t end = 0;
            while (end < rest.size() && blanks_at(rest, end) == 0)
                end += character_bytes(rest, end);
            parts.emplace_back(rest.substr(0, end));
            rest = without_leading_blanks(rest.substr(end));
        }
        if (!rest.empty())
            parts.emplace_back(rest);
        return work.sequence(Sequence::Form::List, std::move(parts));
    }
    const std::string& mark = plain_text_of(work, arguments[0], "the separator of 'split'");
    if (mark.empty())
        work.fail("the separator of 'split' is empty; name one, or none for blanks");
    std::size_t start = 0;
    for (std::size_t at = 0; may_split() && (at = text.find(mark, start)) != std::string::npos;) {
        parts.emplace_back(text.substr(start, at - start));
        start = at + mark.size();
    }
    parts.emplace_back(text.substr(start));
    return work.sequence(Sequence::Form::List, std::move(parts));
}

Datum text_method(Work& work, const std::string& text, std::string_view name,
                  const std::vector<Datum>& arguments) {
    const auto argument = [&](std::size_t at) -> const std::string& {
        return plain_text_of(work, arguments[at], fmt::format("an argument of '{}'", name));
    };
    work.charge(text.size() / 64);
    if (name == "upper")
        return work.text(upper(text));
    if (name == "lower")
        return work.text(lower(text));
    if (name == "split")
        return split(work, text, arguments);
    if (name == "startswith")
        return text.compare(0, argument(0).size(), argument(0)) == 0;
    if (name == "endswith") {
        const std::string& end = argument(0);
        return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
    }
    if (name == "replace") {
        const std::int64_t count =
            arguments.size() > 2 ? whole_of(work, arguments[2], "the count of 'replace'") : -1;
        return replaced(work, text, argument(0), argument(1), count);
    }
    if (name == "join") {
        const std::vector<Datum> items = items_of(work, arguments[0]);
        for (const Datum& item : items)
            plain_text_of(work, item, "an item of 'join'");
        return joined(work, text, items);
    }
    const bool blanks = arguments.empty() || arguments[0].is_none();
    return work.text(stripped(text, blanks ? nullptr : &argument(0), name != "rstrip", name != "lstrip"));
}

} // namespace

const Method* find_method(std::string_view name) noexcept {
    const auto* found = std::find_if(std::begin(methods), std::end(methods),
                                     [name](const Method& method) { return method.name == name; });
    return found == std::end(methods) ? nullptr : found;
}

std::vector<std::string> method_names() {
    std::vector<std::string> names;
    for (const Method& method : methods)
        names.emplace_back(method.name);
    return names;
}

Datum call_method(Work& work, const Datum& of, std::string_view name, const std::vector<Datum>& arguments) {
    require_defined(work, of);
    const bool for_records = name == "items" || name == "keys" || name == "values" || name == "get";
    if (const Loop* loop = of.loop(); loop != nullptr && name == "cycle")
        return arguments[static_cast<std::size_t>(loop->index0) % arguments.size()];
    if (const Record* record = of.record(); record != nullptr && for_records)
        return record_method(work, *record, name, arguments);
    if (const std::string* text = of.text(); text != nullptr && !for_records && name != "cycle")
        return text_method(work, *text, name, arguments);
    work.fail(fmt::format("'{}()' is a method of {}, but this is {}", name,
                          for_records       ? "records"
                          : name == "cycle" ? "the loop"
                                            : "strings",
                          kind_of(of)));
}

Datum range_of(Work& work, const std::vector<Datum>& arguments) {
    std::vector<std::int64_t> bounds;
    for (const Datum& argument : arguments)
        bounds.push_back(whole_of(work, argument, "a bound of 'range'"));
    const std::int64_t start = bounds.size() > 1 ? bounds[0] : 0;
    const std::int64_t end = bounds.size() > 1 ? bounds[1] : bounds[0];
    const std::int64_t step = bounds.size() > 2 ? bounds[2] : 1;
    if (step == 0)
        work.fail("the step of 'range' is 0; write 1 or leave it out");
    std::vector<Datum> items;
    for (std::int64_t at = start; step > 0 ? at < end : at > end;) {
        work.charge(1);
        items.emplace_back(at);
        if (__builtin_add_overflow(at, step, &at))
            break;
    }
    return work.sequence(Sequence::Form::Range, std::move(items));
}

std::string stripped(std::string_view text, const std::string* kept_out, bool left, bool right) {
    if (kept_out == nullptr) {
        if (left)
            text = without_leading_blanks(text);
        if (right)
            text = without_trailing_blanks(text);
        return std::string(text);
    }
    const std::vector<std::string_view> out = characters(*kept_out);
    const auto is_out = [&out](std::string_view character) {
        return std::find(out.begin(), out.end(), character) != out.end();
    };
    const std::vector<std::string_view> all = characters(text);
    auto first = all.begin();
    auto last = all.end();
    if (left)
        first = std::find_if_not(first, last, is_out);
    while (right && last != first && is_out(*(last - 1)))
        --last;
    if (first == last)
        return {};
    const auto start = static_cast<std::size_t>(first->data() - text.data());
    const auto end = static_cast<std::size_t>((last - 1)->data() + (last - 1)->size() - text.data());
    return std::string(text.substr(start, end - start));
}

Datum replaced(Work& work, const std::string& text, const std::string& old, const std::string& now,
               std::int64_t count) {
    std::string result;
    const auto may_replace = [&] {
        if (count == 0)
            return false;
        if (count > 0)
            --count;
        return true;
    };
    work.charge(text.size() / 64 * (old.size() / 64 + 1));
    if (old.empty()) {
        // Python puts the new text before each character and behind the last one.
        const std::vector<std::string_view> all = characters(text);
        for (const std::string_view character : all) {
            if (may_replace())
                result += now;
            result += character;
            work.check_size(result.size());
        }
        if (may_replace())
            result += now;
        return work.text(std::move(result));
    }
    std::size_t start = 0;
    for (std::size_t at = text.find(old); at != std::string::npos && may_replace();
         at = text.find(old, start)) {
        result.append(text, start, at - start);
        result += now;
        work.check_size(result.size());
        start = at + old.size();
    }
    result.append(text, start);
    return work.text(std::move(result));
}

Datum joined(Work& work, const std::string& between, const std::vector<Datum>& items) {
    std::string result;
    bool first = true;
    for (const Datum& item : items) {
        if (!first)
            result += between;
        first = false;
        result += text_of(work, item);
        work.check_size(result.size());
        work.charge(1);
    }
    return work.text(std::move(result));
}

} // namespace templates
