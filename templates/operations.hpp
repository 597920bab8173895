// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "templates/datum.hpp"
#include "templates/work.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// What Python does with values. Each of these pays into `work` and fails there: for an undefined operand
/// with what is undefined, for one that does not fit with what it is. Where Python's result would be a
/// surprise (the address of a generator, a method that was not called) it is refused, never imitated.
namespace templates {

/// Fails if the value is undefined.
void require_defined(const Work& work, const Datum& datum);

/// str(value) and repr(value).
std::string text_of(Work& work, const Datum& datum);
std::string shown(Work& work, const Datum& datum);
bool truth_of(Work& work, const Datum& datum);
/// What a for walks over: items, the characters of a text, the names of a record. Uses a stream up.
std::vector<Datum> items_of(Work& work, const Datum& datum);
/// len(value).
std::int64_t length_of(Work& work, const Datum& datum);
/// The whole number that `what` asks for. Fails for others.
std::int64_t whole_of(const Work& work, const Datum& datum, std::string_view what);
/// The text that `what` asks for. Fails for others.
const std::string& plain_text_of(const Work& work, const Datum& datum, std::string_view what);

bool equal(Work& work, const Datum& left, const Datum& right);
/// `op` is one of == != < <= > >= in, not in.
bool holds(Work& work, std::string_view op, const Datum& left, const Datum& right);
bool contains(Work& work, const Datum& container, const Datum& item);
/// The member of that name (any hashable value, as in Python) or nullptr.
const Datum* find_member(Work& work, const Record& record, const Datum& name);
/// Fails for what cannot be the name of a record's member or be made unique: lists and records.
void require_hashable(const Work& work, const Datum& datum);

/// `op` is one of + - * / // % **.
Datum calculate(Work& work, std::string_view op, const Datum& left, const Datum& right);
Datum with_sign(Work& work, bool minus, const Datum& datum);
/// The value as a float, if it is a number.
std::optional<double> as_fraction(const Datum& datum) noexcept;
Datum rounded(Work& work, const Datum& number, std::int64_t precision, std::string_view method);
/// "text" % values.
Datum formatted(Work& work, const std::string& pattern, const Datum& values);

/// of.name; nothing when there is no such member.
std::optional<Datum> member_of(Work& work, const Datum& of, std::string_view name);
/// of[key]; nothing when there is no such element.
std::optional<Datum> element_of(Work& work, const Datum& of, const Datum& key);
/// of[from:to:step]; none for what is missing.
Datum slice_of(Work& work, const Datum& of, const Datum& from, const Datum& to, const Datum& step);
/// Why `path` is undefined: `'x.y' is undefined; x has: a, b`. `parent` is the path of `of`, empty if it has
/// none.
Undefined missing(const Datum& of, std::string_view path, std::string_view parent, std::string_view name);
/// of.name(arguments); the parser has checked that the method is known and takes so many arguments.
Datum call_method(Work& work, const Datum& of, std::string_view name, const std::vector<Datum>& arguments);
/// range(arguments).
Datum range_of(Work& work, const std::vector<Datum>& arguments);

/// What the parser knows of a method.
struct Method {
    std::string_view name;
    std::size_t least;
    std::size_t most;
};
/// nullptr if no value has such a method here.
const Method* find_method(std::string_view name) noexcept;
std::vector<std::string> method_names();

/// Where str.strip() ends and begins: without `characters` (or blanks, if none) on the chosen sides.
std::string stripped(std::string_view text, const std::string* characters, bool left, bool right);
/// str.replace(); a negative count is all of them.
Datum replaced(Work& work, const std::string& text, const std::string& old, const std::string& now,
               std::int64_t count);
Datum joined(Work& work, const std::string& between, const std::vector<Datum>& items);
/// The value as json.dumps writes it for HTML, which is how Jinja2's tojson does it: sorted names, ASCII
/// only.
Datum as_json(Work& work, const Datum& datum, std::optional<std::int64_t> indent);

} // namespace templates
