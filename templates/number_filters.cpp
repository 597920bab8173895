// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// Filters that make numbers.
#include "templates/filters.hpp"
#include "templates/literal.hpp"
#include "templates/operations.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace templates {
namespace {

/// Python reads digits of every script as numbers; we do not, and say so instead of giving another result.
void require_ascii(const Work& work, const std::string& text, std::string_view filter) {
    const bool ascii = std::all_of(text.begin(), text.end(),
                                   [](char byte) { return static_cast<unsigned char>(byte) < 0x80; });
    if (!ascii)
        work.fail(fmt::format("'{}' does not take a text with characters outside of ASCII", filter));
}

/// int(number) for a fraction; nothing when it is not a number.
std::optional<Datum> truncated(const Work& work, double fraction) {
    if (std::isnan(fraction))
        return std::nullopt;
    if (!(std::abs(fraction) < 9223372036854775808.0))
        work.fail("the number is too big for 'int'; whole numbers end at 9223372036854775807");
    return Datum(static_cast<std::int64_t>(fraction));
}

Datum int_filter(Work& work, const Datum& input, const Given& given) {
    require_defined(work, input);
    const Datum absent = given.at(0) == nullptr ? Datum(std::int64_t{0}) : *given.at(0);
    std::int64_t number = 0;
    if (input.as_whole(number) != nullptr)
        return number;
    if (const double* fraction = input.fraction())
        return truncated(work, *fraction).value_or(absent);
    const std::string* text = input.text();
    if (text == nullptr)
        return absent;
    require_ascii(work, *text, "int");
    const std::int64_t base = given.at(1) == nullptr ? 10 : whole_of(work, *given.at(1), "the base of 'int'");
    if (base != 0 && (base < 2 || base > 36))
        work.fail("the base of 'int' must be 2 to 36, or 0");
    switch (read_whole(*text, static_cast<int>(base), number)) {
    case Reading::Done:
        return number;
    case Reading::TooBig:
        work.fail("the number is too big for 'int'; whole numbers end at 9223372036854775807");
    case Reading::NotANumber:
        break;
    }
    const auto fraction = read_fraction(*text);
    return fraction ? truncated(work, *fraction).value_or(absent) : absent;
}

Datum float_filter(Work& work, const Datum& input, const Given& given) {
    require_defined(work, input);
    const Datum absent = given.at(0) == nullptr ? Datum(0.0) : *given.at(0);
    if (const auto number = as_fraction(input))
        return *number;
    const std::string* text = input.text();
    if (text == nullptr)
        return absent;
    require_ascii(work, *text, "float");
    const auto fraction = read_fraction(*text);
    return fraction ? Datum(*fraction) : absent;
}

Datum round_filter(Work& work, const Datum& input, const Given& given) {
    const std::int64_t precision =
        given.at(0) == nullptr ? 0 : whole_of(work, *given.at(0), "the precision of 'round'");
    return rounded(work, input, precision,
                   given.at(1) == nullptr ? "common"
                                          : plain_text_of(work, *given.at(1), "the method of 'round'"));
}

Datum abs_filter(Work& work, const Datum& input, const Given&) {
    require_defined(work, input);
    const auto number = as_fraction(input);
    if (!number)
        work.fail(fmt::format("'abs' does not take {}; add '| int' before it", kind_of(input)));
    return with_sign(work, std::signbit(*number), input);
}

Datum length_filter(Work& work, const Datum& input, const Given&) {
    return length_of(work, input);
}

} // namespace

const std::vector<Filter>& number_filters() {
    static const std::vector<Filter> filters = {
        {"int", {"default", "base"}, 0, int_filter},
        {"float", {"default"}, 0, float_filter},
        {"round", {"precision", "method"}, 0, round_filter},
        {"abs", {}, 0, abs_filter},
        {"length", {}, 0, length_filter},
        {"count", {}, 0, length_filter},
    };
    return filters;
}

} // namespace templates
