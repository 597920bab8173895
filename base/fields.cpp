// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "base/fields.hpp"

#include "base/error.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstddef>
#include <utility>

namespace base {

namespace {

struct Unit {
    std::string_view word;
    std::int64_t milliseconds;
};

constexpr std::array<Unit, 5> units{{
    {"d", 86'400'000},
    {"h", 3'600'000},
    {"m", 60'000},
    {"s", 1000},
    {"ms", 1},
}};

// A hundred years: nothing that waits longer is meant, and sums of a few of them stay far from overflow.
constexpr std::int64_t longest_days = 36'500;

bool is_digit(char c) noexcept {
    return c >= '0' && c <= '9';
}

} // namespace

Duration parse_duration(std::string_view text) {
    const std::string_view shown = text.substr(0, 64);
    if (!text.empty() && std::all_of(text.begin(), text.end(), is_digit)) {
        throw Error(Fault::Input, "'{0}' is not a duration; write '{0}s'", shown);
    }
    const auto refuse = [&]() -> Error {
        return {Fault::Input, "'{}' is not a duration; write for example '90s' or '1h30m'", shown};
    };
    std::int64_t total = 0;
    std::string_view rest = text;
    auto unit = units.begin();
    do {
        const auto digits =
            static_cast<std::size_t>(std::find_if_not(rest.begin(), rest.end(), is_digit) - rest.begin());
        if (digits == 0 || digits > 15) {
            throw refuse();
        }
        std::int64_t count = 0;
        for (const char c : rest.substr(0, digits)) {
            count = count * 10 + (c - '0');
        }
        rest.remove_prefix(digits);
        const std::string_view word = rest.substr(
            0, static_cast<std::size_t>(std::find_if(rest.begin(), rest.end(), is_digit) - rest.begin()));
        rest.remove_prefix(word.size());
        // From the largest unit to the smallest, each at most once.
        unit = std::find_if(unit, units.end(), [&](const Unit& candidate) { return candidate.word == word; });
        if (unit == units.end()) {
            throw refuse();
        }
        constexpr std::int64_t longest = longest_days * units.front().milliseconds;
        if (count > (longest - total) / unit->milliseconds) {
            throw Error(Fault::Input, "duration '{}' is longer than {} days", shown, longest_days);
        }
        total += count * unit->milliseconds;
        ++unit;
    } while (!rest.empty());
    return Duration(total);
}

std::string to_text(Duration duration) {
    if (duration == Duration::zero()) {
        return "0s";
    }
    std::string text = duration < Duration::zero() ? "-" : "";
    std::int64_t rest = duration < Duration::zero() ? -duration.count() : duration.count();
    for (const Unit& unit : units) {
        if (const std::int64_t count = rest / unit.milliseconds; count > 0) {
            text += fmt::format("{}{}", count, unit.word);
            rest %= unit.milliseconds;
        }
    }
    return text;
}

namespace {

/// "'mode' is a number, but must be a string"
std::string wrong_kind(std::string_view name, const Value& value, std::string_view wanted) {
    return fmt::format("'{}' is {}, but must be {}", name, value.kind(), wanted);
}

} // namespace

Fields::Fields(const Value& record, std::string file, std::string inside)
    : value_(&record), file_(std::move(file)), inside_(std::move(inside)) {
    if (record.object() == nullptr) {
        fail({}, inside_.empty() ? fmt::format("this is {}, but must be a record", record.kind())
                                 : wrong_kind(inside_, record, "a record"));
    }
}

bool Fields::has(std::string_view key) const {
    const Value* value = any(key);
    return value != nullptr && !value->is_null();
}

const Value* Fields::any(std::string_view key) const {
    know(key);
    return value_->object()->find(key);
}

std::string Fields::path(std::string_view key) const {
    return inside_.empty() ? std::string(key) : fmt::format("{}.{}", inside_, key);
}

const Value& Fields::needed(std::string_view key) const {
    if (const Value* value = any(key)) {
        return *value;
    }
    // Written wrong rather than not at all?
    for (const Member& member : value_->object()->members) {
        const bool read = std::find(known_.begin(), known_.end(), member.name) != known_.end();
        if (!read && nearest(member.name, {std::string(key)})) {
            fail(member.name, fmt::format("unknown key '{}'; did you mean '{}'?", path(member.name), key));
        }
    }
    fail({}, fmt::format("'{}' is missing", path(key)));
}

std::string Fields::text(std::string_view key) const {
    const Value& value = needed(key);
    if (const std::string* text = value.text()) {
        return *text;
    }
    fail(key, wrong_kind(path(key), value, "a string"));
}

std::string Fields::text(std::string_view key, std::string absent) const {
    return has(key) ? text(key) : std::move(absent);
}

std::optional<std::string> Fields::maybe_text(std::string_view key) const {
    return has(key) ? std::optional(text(key)) : std::nullopt;
}

std::int64_t Fields::whole(std::string_view key, std::int64_t low, std::int64_t high) const {
    const Value& value = needed(key);
    const std::int64_t* number = value.whole();
    if (number == nullptr) {
        fail(key, value.number() != nullptr
                      ? fmt::format("'{}' is {}, but must be a whole number", path(key), *value.number())
                      : wrong_kind(path(key), value, "a whole number"));
    }
    if (*number < low || *number > high) {
        constexpr std::int64_t unbounded = std::numeric_limits<std::int64_t>::max();
        fail(key, high == unbounded
                      ? fmt::format("'{}' is {}, but must be at least {}", path(key), *number, low)
                      : fmt::format("'{}' is {}, but must be from {} to {}", path(key), *number, low, high));
    }
    return *number;
}

std::int64_t Fields::whole(std::string_view key, std::int64_t low, std::int64_t high,
                           std::int64_t absent) const {
    return has(key) ? whole(key, low, high) : absent;
}

bool Fields::flag(std::string_view key, bool absent) const {
    if (!has(key)) {
        return absent;
    }
    const Value& value = *any(key);
    if (const bool* flag = value.flag()) {
        return *flag;
    }
    fail(key, wrong_kind(path(key), value, "true or false"));
}

Duration Fields::duration(std::string_view key, Duration absent) const {
    if (!has(key)) {
        return absent;
    }
    const Value& value = *any(key);
    if (value.text() == nullptr) {
        fail(key, wrong_kind(path(key), value, "a duration such as '30s'"));
    }
    try {
        return parse_duration(*value.text());
    } catch (const Error& error) {
        fail(key, fmt::format("'{}': {}", path(key), error.message()));
    }
}

std::vector<std::string> Fields::texts(std::string_view key) const {
    std::vector<std::string> result;
    if (!has(key)) {
        return result;
    }
    const Value& value = *any(key);
    const Array* items = value.array();
    if (items == nullptr) {
        fail(key, wrong_kind(path(key), value, "a list of strings"));
    }
    result.reserve(items->size());
    for (const Value& item : *items) {
        if (item.text() == nullptr) {
            fail_at(item.line, wrong_kind(fmt::format("{}[{}]", path(key), result.size()), item, "a string"));
        }
        result.push_back(*item.text());
    }
    return result;
}

std::optional<Fields> Fields::record(std::string_view key) const {
    if (!has(key)) {
        return std::nullopt;
    }
    return Fields(*any(key), file_, path(key));
}

std::vector<Fields> Fields::records(std::string_view key) const {
    std::vector<Fields> result;
    if (!has(key)) {
        return result;
    }
    const Value& value = *any(key);
    const Array* items = value.array();
    if (items == nullptr) {
        fail(key, wrong_kind(path(key), value, "a list of records"));
    }
    result.reserve(items->size());
    for (const Value& item : *items) {
        result.emplace_back(item, file_, fmt::format("{}[{}]", path(key), result.size()));
    }
    return result;
}

const std::vector<Member>& Fields::members() const {
    for (const Member& member : value_->object()->members) {
        know(member.name);
    }
    return value_->object()->members;
}

void Fields::know(std::string_view key) const {
    if (std::find(known_.begin(), known_.end(), key) == known_.end()) {
        known_.emplace_back(key);
    }
}

void Fields::finish() const {
    for (const Member& member : value_->object()->members) {
        if (std::find(known_.begin(), known_.end(), member.name) != known_.end()) {
            continue;
        }
        std::string message = fmt::format("unknown key '{}'", path(member.name));
        if (const auto meant = nearest(member.name, known_)) {
            message += fmt::format("; did you mean '{}'?", *meant);
        } else if (!known_.empty()) {
            message += fmt::format("; known are '{}'", fmt::join(known_, "', '"));
        }
        fail(member.name, message);
    }
}

void Fields::fail(std::string_view key, std::string_view message) const {
    const bool at_key = !key.empty() && value_->object() != nullptr && value_->object()->find(key) != nullptr;
    // That something is missing from a whole document stands on no line of it.
    const bool whole_document = !at_key && inside_.empty();
    fail_at(at_key ? line_of(key) : whole_document ? 0 : line(), message);
}

void Fields::fail_at(int line, std::string_view message) const {
    if (line == 0) {
        throw Error(Fault::Input, "{}: {}", file_, message);
    }
    throw Error(Fault::Input, "{}:{}: {}", file_, line, message);
}

int Fields::line() const noexcept {
    return value_->line;
}

int Fields::line_of(std::string_view key) const noexcept {
    for (const Member& member : value_->object()->members) {
        if (member.name == key) {
            return member.line != 0 ? member.line : member.value.line;
        }
    }
    return line();
}

namespace {

/// Edit distance in which swapping two neighbours counts one (optimal string alignment).
std::size_t distance(std::string_view left, std::string_view right) {
    std::vector<std::size_t> before;
    std::vector<std::size_t> last(right.size() + 1);
    std::vector<std::size_t> row(right.size() + 1);
    for (std::size_t at = 0; at <= right.size(); ++at) {
        last[at] = at;
    }
    for (std::size_t i = 1; i <= left.size(); ++i) {
        row[0] = i;
        for (std::size_t j = 1; j <= right.size(); ++j) {
            const std::size_t change = left[i - 1] == right[j - 1] ? 0 : 1;
            row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + change});
            if (i > 1 && j > 1 && left[i - 1] == right[j - 2] && left[i - 2] == right[j - 1]) {
                row[j] = std::min(row[j], before[j - 2] + 1);
            }
        }
        before = std::exchange(last, row);
    }
    return last.back();
}

std::string in_lower_case(std::string_view text) {
    std::string result(text);
    std::transform(result.begin(), result.end(), result.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return result;
}

} // namespace

std::optional<std::string> nearest(std::string_view word, const std::vector<std::string>& known) {
    // One slip for each three letters: more, and the suggestion is another word.
    const std::size_t near_enough = std::max<std::size_t>(1, std::min<std::size_t>(3, word.size() / 3));
    std::optional<std::string> best;
    std::size_t least = near_enough + 1;
    for (const std::string& candidate : known) {
        if (candidate.size() > word.size() + near_enough || word.size() > candidate.size() + near_enough) {
            continue;
        }
        const std::size_t away = distance(in_lower_case(word), in_lower_case(candidate));
        if (away < least && away < std::max(word.size(), candidate.size())) {
            least = away;
            best = candidate;
        }
    }
    return best;
}

std::string hint(std::string_view word, const std::vector<std::string>& known) {
    const std::optional<std::string> near = nearest(word, known);
    return near ? "; did you mean '" + *near + "'?" : std::string();
}

std::string hint_or_list(std::string_view word, const std::vector<std::string>& known) {
    const std::optional<std::string> near = nearest(word, known);
    return near ? fmt::format("did you mean '{}'?", *near)
                : fmt::format("there are {}", fmt::join(known, ", "));
}

std::string one_of(const Fields& fields, std::string_view key, std::string text,
                   const std::vector<std::string>& known, std::string_view what) {
    if (std::find(known.begin(), known.end(), text) == known.end()) {
        fields.fail(key, fmt::format("'{}' is no {}; {}", text, what, hint_or_list(text, known)));
    }
    return text;
}

} // namespace base
