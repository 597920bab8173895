// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// The conversions of "%05.1f" % value.
#include "templates/literal.hpp"
#include "templates/operations.hpp"
#include "templates/text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <iterator>

namespace templates {
namespace {

constexpr std::size_t widest = 1000;
constexpr std::size_t most_precise = 100;

/// One conversion such as %-05.1f.
struct Conversion {
    bool left = false;
    bool zeros = false;
    char plus = '\0'; ///< '+' or ' ' before numbers that are not negative
    std::size_t width = 0;
    std::optional<std::size_t> precision;
    char kind = '\0';
};

class Formatter {
public:
    Formatter(Work& work, const std::string& pattern, const Datum& values) : work_(work), pattern_(pattern) {
        const Sequence* sequence = values.sequence();
        if (sequence != nullptr && sequence->form == Sequence::Form::Tuple)
            values_ = sequence->items;
        else
            values_ = {values};
    }

    std::string run() {
        while (at_ < pattern_.size()) {
            if (pattern_[at_] != '%') {
                result_ += pattern_[at_++];
                continue;
            }
            ++at_;
            const Conversion conversion = read();
            if (conversion.kind == '%')
                result_ += '%';
            else
                add(conversion);
            work_.check_size(result_.size());
        }
        if (used_ < values_.size())
            work_.fail(fmt::format("the format takes {} values, but {} are given", used_, values_.size()));
        return std::move(result_);
    }

private:
    std::size_t read_count(std::size_t most, std::string_view what) {
        std::size_t count = 0;
        while (at_ < pattern_.size() && pattern_[at_] >= '0' && pattern_[at_] <= '9') {
            count = count * 10 + static_cast<std::size_t>(pattern_[at_++] - '0');
            if (count > most)
                work_.fail(fmt::format("the {} of a format is more than {}", what, most));
        }
        return count;
    }

    Conversion read() {
        Conversion conversion;
        for (; at_ < pattern_.size(); ++at_) {
            const char flag = pattern_[at_];
            if (flag == '-')
                conversion.left = true;
            else if (flag == '0')
                conversion.zeros = true;
            else if (flag == '+' || (flag == ' ' && conversion.plus == '\0'))
                conversion.plus = flag;
            else if (flag != ' ')
                break;
        }
        conversion.width = read_count(widest, "width");
        if (at_ < pattern_.size() && pattern_[at_] == '.') {
            ++at_;
            conversion.precision = read_count(most_precise, "precision");
        }
        if (at_ >= pattern_.size())
            work_.fail("the format ends in a '%'; write '%%' for a percent sign");
        conversion.kind = pattern_[at_++];
        constexpr std::string_view known = "sdiuxXofFeEgGr%";
        if (known.find(conversion.kind) == std::string_view::npos)
            work_.fail(fmt::format("the format has '%{}'; known are %s %r %d %x %X %o %f %e %g and %%",
                                   conversion.kind));
        return conversion;
    }

    const Datum& next_value() {
        if (used_ >= values_.size())
            work_.fail(
                fmt::format("the format takes more values than the {} that are given", values_.size()));
        return values_[used_++];
    }

    void add(const Conversion& conversion) {
        const Datum& value = next_value();
        require_defined(work_, value);
        std::string body;
        switch (conversion.kind) {
        case 's':
        case 'r': {
            body = conversion.kind == 's' ? text_of(work_, value) : shown(work_, value);
            if (conversion.precision) {
                const auto all = characters(body);
                std::string cut;
                for (std::size_t at = 0; at < std::min(all.size(), *conversion.precision); ++at)
                    cut += all[at];
                body = cut;
            }
            pad(conversion, {}, body, false);
            return;
        }
        case 'f':
        case 'F':
        case 'e':
        case 'E':
        case 'g':
        case 'G':
            body = fraction(conversion, value);
            break;
        default:
            body = whole(conversion, value);
            break;
        }
        std::string sign;
        if (body[0] == '-') {
            sign = "-";
            body.erase(0, 1);
        } else if (conversion.plus != '\0') {
            sign = std::string(1, conversion.plus);
        }
        pad(conversion, sign, body, conversion.zeros);
    }

    std::string fraction(const Conversion& conversion, const Datum& value) {
        const auto number = as_fraction(value);
        if (!number)
            work_.fail(fmt::format("'%{}' does not take {}", conversion.kind, kind_of(value)));
        std::array<char, 500> digits;
        const char kind = static_cast<char>(conversion.kind | 0x20);
        const auto form = kind == 'f'   ? std::chars_format::fixed
                          : kind == 'e' ? std::chars_format::scientific
                                        : std::chars_format::general;
        const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), *number, form,
                                       static_cast<int>(conversion.precision.value_or(6)));
        const std::string text(digits.data(), end.ptr);
        return conversion.kind == kind ? text : upper(text);
    }

    std::string whole(const Conversion& conversion, const Datum& value) {
        std::int64_t number = 0;
        const bool decimal = conversion.kind == 'd' || conversion.kind == 'i' || conversion.kind == 'u';
        if (const double* fraction = value.fraction(); fraction != nullptr && decimal) {
            if (!(std::abs(*fraction) < 9e18))
                work_.fail("the number is too big for '%d'");
            number = static_cast<std::int64_t>(*fraction);
        } else if (value.as_whole(number) == nullptr) {
            work_.fail(fmt::format("'%{}' does not take {}", conversion.kind,
                                   value.fraction() != nullptr ? "a fraction" : kind_of(value)));
        }
        const auto size =
            number < 0 ? 0 - static_cast<std::uint64_t>(number) : static_cast<std::uint64_t>(number);
        std::string digits = conversion.kind == 'x'   ? fmt::format("{:x}", size)
                             : conversion.kind == 'X' ? fmt::format("{:X}", size)
                             : conversion.kind == 'o' ? fmt::format("{:o}", size)
                                                      : fmt::format("{}", size);
        const std::size_t least = conversion.precision.value_or(0);
        if (digits.size() < least)
            digits.insert(0, least - digits.size(), '0');
        return number < 0 ? '-' + digits : digits;
    }

    void pad(const Conversion& conversion, const std::string& sign, const std::string& body, bool zeros) {
        const std::size_t taken = sign.size() + character_count(body);
        const std::size_t blanks = conversion.width > taken ? conversion.width - taken : 0;
        if (conversion.left)
            result_ += sign + body + std::string(blanks, ' ');
        else if (zeros)
            result_ += sign + std::string(blanks, '0') + body;
        else
            result_ += std::string(blanks, ' ') + sign + body;
    }

    Work& work_;
    const std::string& pattern_;
    std::vector<Datum> values_;
    std::size_t used_ = 0;
    std::size_t at_ = 0;
    std::string result_;
};

} // namespace

Datum formatted(Work& work, const std::string& pattern, const Datum& values) {
    return work.text(Formatter(work, pattern, values).run());
}

} // namespace templates
