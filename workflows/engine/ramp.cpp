// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "workflows/engine/ramp.hpp"

#include "base/error.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

namespace workflows::engine {
namespace {

constexpr std::int64_t whole_share = 100'000;

// "20" and "0.5" in thousandths; nothing for anything else, and for more than three decimals.
std::optional<std::int64_t> thousandths(std::string_view text) {
    const std::size_t point = text.find('.');
    const std::string_view whole = text.substr(0, point);
    const std::string_view decimals = point == std::string_view::npos ? "" : text.substr(point + 1);
    const auto digits = [](std::string_view part) {
        return !part.empty() && part.size() <= 9 &&
               part.find_first_not_of("0123456789") == std::string_view::npos;
    };
    if (!digits(whole) || (point != std::string_view::npos && (!digits(decimals) || decimals.size() > 3))) {
        return std::nullopt;
    }
    std::int64_t number = 0;
    const std::string padded =
        std::string(whole) + std::string(decimals) + std::string(3 - decimals.size(), '0');
    std::from_chars(padded.data(), padded.data() + padded.size(), number);
    return number;
}

// `number` of `unit`ths as people write it: 600 of 1000 is "0.6".
std::string decimal(std::int64_t number, std::int64_t unit) {
    std::string text = fmt::format("{}", number / unit);
    std::string rest = fmt::format("{:0{}}", number % unit, fmt::formatted_size("{}", unit) - 1);
    rest.erase(rest.find_last_not_of('0') + 1);
    return rest.empty() ? text : text + "." + rest;
}

std::string shown(const base::Value& value) {
    if (const std::string* text = value.text()) {
        return *text;
    }
    if (const std::int64_t* whole = value.whole()) {
        return fmt::format("{}", *whole);
    }
    if (const double* number = value.number()) {
        return fmt::format("{}", *number);
    }
    return std::string(value.kind());
}

} // namespace

Portion Portion::read(const base::Value& value) {
    if (const std::int64_t* count = value.whole(); count != nullptr && *count >= 1) {
        return {false, *count};
    }
    if (const std::string* text = value.text()) {
        const bool share = text->ends_with('%');
        const std::optional<std::int64_t> number = thousandths(
            share ? std::string_view(*text).substr(0, text->size() - 1) : std::string_view(*text));
        if (share && number && *number >= 1 && *number <= whole_share) {
            return {true, *number};
        }
        if (!share && number && *number >= 1000 && *number % 1000 == 0) {
            return {false, *number / 1000};
        }
    }
    throw base::Error(base::Fault::Input,
                      "'{}' is not a portion; write a count such as 2, or a share such as \"20%\"",
                      shown(value));
}

std::string Portion::str() const {
    return is_share ? decimal(amount, 1000) + "%" : fmt::format("{}", amount);
}

base::Value Portion::to_value() const {
    return is_share ? base::Value(str()) : base::Value(amount);
}

std::size_t Portion::rounded_up(std::size_t total) const noexcept {
    const auto all = static_cast<std::int64_t>(total);
    const std::int64_t wanted = is_share ? (all * amount + whole_share - 1) / whole_share : amount;
    return static_cast<std::size_t>(std::min(wanted, all));
}

std::size_t Portion::rounded_down(std::size_t total) const noexcept {
    const auto all = static_cast<std::int64_t>(total);
    return static_cast<std::size_t>(std::min(is_share ? all * amount / whole_share : amount, all));
}

std::size_t Portion::limit(std::size_t total) const noexcept {
    return std::max<std::size_t>(1, rounded_down(total));
}

std::string Portion::explain_up(std::size_t total) const {
    if (!is_share) {
        return static_cast<std::size_t>(amount) > total
                   ? fmt::format("{}, but there are only {}", amount, total)
                   : fmt::format("{} of {}", amount, total);
    }
    const std::int64_t exact = static_cast<std::int64_t>(total) * amount;
    std::string text = fmt::format("{} of {} is {}", str(), total, decimal(exact, whole_share));
    return exact % whole_share == 0 ? text : text + fmt::format(", rounded up to {}", rounded_up(total));
}

std::string Portion::explain_limit(std::size_t total) const {
    if (!is_share) {
        return explain_up(total);
    }
    const std::int64_t exact = static_cast<std::int64_t>(total) * amount;
    std::string text = fmt::format("{} of {} is {}", str(), total, decimal(exact, whole_share));
    if (exact % whole_share != 0) {
        text += fmt::format(", rounded down to {}", rounded_down(total));
    }
    return rounded_down(total) == 0 ? text + ", but at least 1" : text;
}

std::vector<Portion> read_ramp(const base::Value& value) {
    std::vector<Portion> ramp;
    if (const base::Array* list = value.array()) {
        for (const base::Value& entry : *list) {
            ramp.push_back(Portion::read(entry));
        }
    } else if (const std::string* text = value.text()) {
        for (std::size_t begin = 0; begin <= text->size();) {
            const std::size_t comma = std::min(text->find(',', begin), text->size());
            std::string entry = text->substr(begin, comma - begin);
            entry.erase(0, entry.find_first_not_of(' '));
            entry.erase(entry.find_last_not_of(' ') + 1);
            ramp.push_back(Portion::read(entry));
            begin = comma + 1;
        }
    } else if (!value.is_null() && value.object() == nullptr) {
        ramp.push_back(Portion::read(value));
    }
    if (ramp.empty()) {
        throw base::Error(base::Fault::Input, "a ramp is empty; write for example { 1, \"20%\", \"100%\" }");
    }
    for (std::size_t i = 1; i < ramp.size(); ++i) {
        // Counts and shares can be compared only when the number of targets is known: what does not grow then
        // is left out.
        if (ramp[i].is_share == ramp[i - 1].is_share && ramp[i].amount <= ramp[i - 1].amount) {
            throw base::Error(
                base::Fault::Input,
                "a ramp goes from {} to {}, but each entry counts from the beginning and must grow",
                ramp[i - 1].str(), ramp[i].str());
        }
    }
    return ramp;
}

base::Value to_value(const std::vector<Portion>& ramp) {
    base::Array list;
    for (const Portion& entry : ramp) {
        list.push_back(entry.to_value());
    }
    return list;
}

} // namespace workflows::engine
