// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "ctl-client/measurement.hpp"

#include "base/error.hpp"
#include "ctl-client/last_line.hpp"

#include <charconv>
#include <cmath>
#include <optional>

namespace ctl_client {
namespace {

std::optional<double> number_of(std::string_view text) {
    double number = 0;
    const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
    return problem == std::errc() && end == text.data() + text.size() && std::isfinite(number)
               ? std::optional(number)
               : std::nullopt;
}

[[noreturn]] void refuse_path(std::string_view path) {
    throw base::Error(base::Fault::Input,
                      "'{}' is no path; write names and places, such as 'data.result[0].value'", path);
}

/// One step of a path, and what is left of it.
const base::Value* step(const base::Value& from, std::string_view& left, std::string_view path, bool first) {
    if (left.front() == '[') {
        const std::size_t close = left.find(']');
        std::size_t place = 0;
        if (close == std::string_view::npos ||
            std::from_chars(left.data() + 1, left.data() + close, place).ptr != left.data() + close ||
            close == 1) {
            refuse_path(path);
        }
        left.remove_prefix(close + 1);
        return from.array() != nullptr && place < from.array()->size() ? &(*from.array())[place] : nullptr;
    }
    if (left.front() == '.') {
        left.remove_prefix(1);
    } else if (!first) {
        refuse_path(path);
    }
    const std::string_view name = left.substr(0, left.find_first_of(".["));
    if (name.empty()) {
        refuse_path(path);
    }
    left.remove_prefix(name.size());
    return from.object() != nullptr ? from.object()->find(name) : nullptr;
}

} // namespace

double number_in_last_line(std::string_view output) {
    const std::string_view line = last_line(output);
    if (const auto number = number_of(line)) {
        return *number;
    }
    constexpr std::size_t shown_bytes = 200;
    throw base::Error(base::Fault::Unavailable, "its last line is '{}', but must be a number",
                      line.substr(0, shown_bytes));
}

double number_at(const base::Value& document, std::string_view path) {
    const base::Value* at = &document;
    for (std::string_view left = path; !left.empty();) {
        at = step(*at, left, path, left.size() == path.size());
        if (at == nullptr) {
            throw base::Error(base::Fault::Unavailable, "there is nothing at '{}'",
                              path.substr(0, path.size() - left.size()));
        }
    }
    std::optional<double> number;
    if (const std::int64_t* whole = at->whole()) {
        number = static_cast<double>(*whole);
    } else if (const double* real = at->number()) {
        number = *real;
    } else if (const std::string* text = at->text()) {
        number = number_of(*text);
    }
    if (!number || !std::isfinite(*number)) {
        throw base::Error(base::Fault::Unavailable, "at '{}' is {}, but must be a number", path, at->kind());
    }
    return *number;
}

} // namespace ctl_client
