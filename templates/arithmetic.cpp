// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "templates/operations.hpp"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cmath>
#include <limits>

namespace templates {
namespace {

constexpr std::int64_t exact_in_double = std::int64_t{1} << 53;

[[noreturn]] void too_big(const Work& work, std::string_view op) {
    work.fail(fmt::format("the result of '{}' is too big; whole numbers end at 9223372036854775807", op));
}

[[noreturn]] void by_zero(const Work& work, std::string_view op) {
    work.fail(fmt::format("'{}' divides by zero; test the divisor before", op));
}

std::int64_t power(const Work& work, std::int64_t base, std::int64_t exponent) {
    if (base == 0 || base == 1)
        return exponent == 0 ? 1 : base;
    if (base == -1)
        return exponent % 2 == 0 ? 1 : -1;
    std::int64_t result = 1;
    for (std::int64_t turn = 0; turn < exponent; ++turn)
        if (__builtin_mul_overflow(result, base, &result))
            too_big(work, "**");
    return result;
}

/// Floor and remainder as Python has them: the remainder has the sign of the divisor.
std::int64_t floor_divided(const Work& work, std::int64_t left, std::int64_t right) {
    if (right == 0)
        by_zero(work, "//");
    if (right == -1 && left == std::numeric_limits<std::int64_t>::min())
        too_big(work, "//");
    const std::int64_t quotient = left / right;
    return left % right != 0 && (left < 0) != (right < 0) ? quotient - 1 : quotient;
}

std::int64_t remainder(const Work& work, std::int64_t left, std::int64_t right) {
    if (right == 0)
        by_zero(work, "%");
    if (right == -1)
        return 0;
    const std::int64_t rest = left % right;
    return rest != 0 && (rest < 0) != (right < 0) ? rest + right : rest;
}

struct Division {
    double quotient;
    double rest;
};

Division divided(const Work& work, std::string_view op, double left, double right) {
    if (right == 0)
        by_zero(work, op);
    Division division{0, std::fmod(left, right)};
    double quotient = (left - division.rest) / right;
    if (division.rest != 0) {
        if ((right < 0) != (division.rest < 0)) {
            division.rest += right;
            quotient -= 1;
        }
    } else {
        division.rest = std::copysign(0.0, right);
    }
    if (quotient != 0) {
        division.quotient = std::floor(quotient);
        if (quotient - division.quotient > 0.5)
            division.quotient += 1;
    } else {
        division.quotient = std::copysign(0.0, left / right);
    }
    return division;
}

Datum calculate_whole(Work& work, std::string_view op, std::int64_t left, std::int64_t right) {
    std::int64_t result = 0;
    bool overflow = false;
    if (op == "+")
        overflow = __builtin_add_overflow(left, right, &result);
    else if (op == "-")
        overflow = __builtin_sub_overflow(left, right, &result);
    else if (op == "*")
        overflow = __builtin_mul_overflow(left, right, &result);
    else if (op == "//")
        result = floor_divided(work, left, right);
    else if (op == "%")
        result = remainder(work, left, right);
    else if (op == "/") {
        if (right == 0)
            by_zero(work, op);
        // Beyond this the quotient would be rounded twice, and differ from Python's.
        if (std::max(left, right) > exact_in_double || std::min(left, right) < -exact_in_double)
            work.fail("a number is too big for '/'; divide whole numbers with '//'");
        return static_cast<double>(left) / static_cast<double>(right);
    } else if (right < 0) {
        if (left == 0)
            by_zero(work, op);
        return std::pow(static_cast<double>(left), static_cast<double>(right));
    } else {
        result = power(work, left, right);
    }
    if (overflow)
        too_big(work, op);
    return result;
}

Datum calculate_fraction(Work& work, std::string_view op, double left, double right) {
    if (op == "+")
        return left + right;
    if (op == "-")
        return left - right;
    if (op == "*")
        return left * right;
    if (op == "/") {
        if (right == 0)
            by_zero(work, op);
        return left / right;
    }
    if (op == "//")
        return divided(work, op, left, right).quotient;
    if (op == "%")
        return divided(work, op, left, right).rest;
    if (left == 0 && right < 0)
        by_zero(work, op);
    const double result = std::pow(left, right);
    if (std::isfinite(left) && std::isfinite(right) && !std::isfinite(result))
        too_big(work, op);
    return result;
}

Datum repeated(Work& work, const Datum& what, std::int64_t times) {
    const auto count = static_cast<std::size_t>(std::max<std::int64_t>(times, 0));
    if (const std::string* text = what.text()) {
        if (!text->empty() && count > std::numeric_limits<std::size_t>::max() / text->size())
            too_big(work, "*");
        work.check_size(text->size() * count);
        std::string result;
        result.reserve(text->size() * count);
        for (std::size_t turn = 0; turn < count && !text->empty(); ++turn)
            result += *text;
        return work.text(std::move(result));
    }
    const Sequence& sequence = *what.sequence();
    std::vector<Datum> items;
    for (std::size_t turn = 0; turn < count && !sequence.items.empty(); ++turn) {
        work.charge(sequence.items.size());
        items.insert(items.end(), sequence.items.begin(), sequence.items.end());
    }
    return work.sequence(sequence.form, std::move(items));
}

/// What '+' appends and '*' repeats besides texts.
const Sequence* plain_sequence(const Datum& datum) noexcept {
    const Sequence* sequence = datum.sequence();
    if (sequence == nullptr)
        return nullptr;
    return sequence->form == Sequence::Form::List || sequence->form == Sequence::Form::Tuple ? sequence
                                                                                             : nullptr;
}

} // namespace

std::optional<double> as_fraction(const Datum& datum) noexcept {
    std::int64_t room = 0;
    if (const double* fraction = datum.fraction())
        return *fraction;
    if (datum.as_whole(room) != nullptr)
        return static_cast<double>(room);
    return std::nullopt;
}

Datum calculate(Work& work, std::string_view op, const Datum& left, const Datum& right) {
    require_defined(work, left);
    require_defined(work, right);
    std::int64_t left_room = 0;
    std::int64_t right_room = 0;
    const std::int64_t* left_whole = left.as_whole(left_room);
    const std::int64_t* right_whole = right.as_whole(right_room);
    if (left_whole != nullptr && right_whole != nullptr)
        return calculate_whole(work, op, *left_whole, *right_whole);
    const auto left_fraction = as_fraction(left);
    const auto right_fraction = as_fraction(right);
    if (left_fraction && right_fraction)
        return calculate_fraction(work, op, *left_fraction, *right_fraction);

    if (op == "%" && left.text() != nullptr)
        return formatted(work, *left.text(), right);
    if (op == "+" && left.text() != nullptr && right.text() != nullptr)
        return work.text(*left.text() + *right.text());
    const Sequence* left_items = plain_sequence(left);
    const Sequence* right_items = plain_sequence(right);
    if (op == "+" && left_items != nullptr && right_items != nullptr &&
        left_items->form == right_items->form) {
        std::vector<Datum> items = left_items->items;
        items.insert(items.end(), right_items->items.begin(), right_items->items.end());
        return work.sequence(left_items->form, std::move(items));
    }
    if (op == "*" && right_whole != nullptr && (left.text() != nullptr || left_items != nullptr))
        return repeated(work, left, *right_whole);
    if (op == "*" && left_whole != nullptr && (right.text() != nullptr || right_items != nullptr))
        return repeated(work, right, *left_whole);
    work.fail(fmt::format("'{}' does not take {} and {}{}", op, kind_of(left), kind_of(right),
                          op == "+" ? "; join texts with '~'" : ""));
}

Datum with_sign(Work& work, bool minus, const Datum& datum) {
    require_defined(work, datum);
    if (const double* fraction = datum.fraction())
        return minus ? -*fraction : *fraction;
    std::int64_t room = 0;
    const std::int64_t* whole = datum.as_whole(room);
    if (whole == nullptr)
        work.fail(fmt::format("{} has no sign; only numbers have one", kind_of(datum)));
    if (!minus)
        return *whole;
    return calculate_whole(work, "-", 0, *whole);
}

Datum rounded(Work& work, const Datum& number, std::int64_t precision, std::string_view method) {
    require_defined(work, number);
    if (method != "common" && method != "ceil" && method != "floor")
        work.fail("the method of 'round' must be 'common', 'ceil' or 'floor'");
    const auto fraction = as_fraction(number);
    if (!fraction)
        work.fail(fmt::format("'round' does not take {}; add '| float' before it", kind_of(number)));
    if (precision < 0 || precision > 22)
        work.fail("the precision of 'round' must be 0 to 22");
    std::int64_t room = 0;
    if (method == "common") {
        if (number.as_whole(room) != nullptr)
            return room;
        if (!std::isfinite(*fraction))
            return *fraction;
        std::array<char, 400> digits;
        const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), *fraction,
                                       std::chars_format::fixed, static_cast<int>(precision));
        double result = 0;
        std::from_chars(digits.data(), end.ptr, result);
        return result;
    }
    if (!std::isfinite(*fraction))
        work.fail("'round' cannot round what is not finite");
    if (number.as_whole(room) != nullptr)
        return static_cast<double>(room);
    const double scale = std::pow(10.0, static_cast<double>(precision));
    const double scaled = *fraction * scale;
    return (method == "ceil" ? std::ceil(scaled) : std::floor(scaled)) / scale;
}

} // namespace templates
