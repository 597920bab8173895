// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "base/error.hpp"
#include "rpm/about.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

namespace rpm {
namespace {

struct TypeName {
    Setting::Type type;
    std::string_view name;
    std::string_view sort; ///< what a value of it is, for people
};

constexpr std::array type_names{
    TypeName{Setting::Type::String, "string", "a string"},
    TypeName{Setting::Type::Int, "int", "a whole number"},
    TypeName{Setting::Type::Number, "number", "a number"},
    TypeName{Setting::Type::Bool, "bool", "true or false"},
    TypeName{Setting::Type::Port, "port", "a port between 1 and 65535"},
    TypeName{Setting::Type::Duration, "duration", "a duration such as '30s'"},
    TypeName{Setting::Type::List, "list", "a list of strings"},
};

const TypeName& names_of(Setting::Type type) {
    return *std::find_if(type_names.begin(), type_names.end(),
                         [type](const TypeName& names) { return names.type == type; });
}

std::string shown(const base::Value& value) {
    if (const bool* flag = value.flag()) {
        return *flag ? "true" : "false";
    }
    if (const std::int64_t* whole = value.whole()) {
        return fmt::format("{}", *whole);
    }
    if (const double* number = value.number()) {
        return fmt::format("{}", *number);
    }
    if (const std::string* text = value.text()) {
        return fmt::format("'{}'", *text);
    }
    return std::string(value.kind());
}

std::optional<double> as_number(const base::Value& value) {
    if (const std::int64_t* whole = value.whole()) {
        return static_cast<double>(*whole);
    }
    if (const double* number = value.number(); number != nullptr && std::isfinite(*number)) {
        return *number;
    }
    return std::nullopt;
}

bool is_duration(const base::Value& value) {
    if (value.text() == nullptr) {
        return false;
    }
    try {
        base::parse_duration(*value.text());
        return true;
    } catch (const base::Error&) {
        return false;
    }
}

bool is_list_of_strings(const base::Value& value) {
    const base::Array* items = value.array();
    return items != nullptr && std::all_of(items->begin(), items->end(),
                                           [](const base::Value& item) { return item.text() != nullptr; });
}

bool has_type(const base::Value& value, Setting::Type type) {
    switch (type) {
    case Setting::Type::String:
        return value.text() != nullptr;
    case Setting::Type::Int:
        return value.whole() != nullptr;
    case Setting::Type::Number:
        return as_number(value).has_value();
    case Setting::Type::Bool:
        return value.flag() != nullptr;
    case Setting::Type::Port:
        return value.whole() != nullptr && *value.whole() >= 1 && *value.whole() <= 65535;
    case Setting::Type::Duration:
        return is_duration(value);
    case Setting::Type::List:
        return is_list_of_strings(value);
    }
    return false;
}

bool is_counted(Setting::Type type) {
    return type == Setting::Type::Int || type == Setting::Type::Number;
}

bool is_identifier(std::string_view name) {
    const auto starts = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
    };
    return !name.empty() && starts(name.front()) &&
           std::all_of(name.begin(), name.end(), [&](char c) { return starts(c) || (c >= '0' && c <= '9'); });
}

std::optional<double> read_bound(const base::Fields& fields, std::string_view key, Setting::Type type) {
    const base::Value* value = fields.any(key);
    if (value == nullptr) {
        return std::nullopt;
    }
    if (!is_counted(type)) {
        fields.fail(
            key, fmt::format("'{}' is for the types int and number, not for {}", key, names_of(type).name));
    }
    const auto bound = as_number(*value);
    if (!bound) {
        fields.fail(key, fmt::format("'{}' is {}, but must be a number", key, value->kind()));
    }
    return bound;
}

Setting::Type read_type(const base::Fields& fields) {
    const std::string name = fields.text("type");
    std::vector<std::string> known;
    for (const TypeName& names : type_names) {
        if (names.name == name) {
            return names.type;
        }
        known.emplace_back(names.name);
    }
    fields.fail("type",
                fmt::format("'{}' is no type of a setting; {}", name, base::hint_or_list(name, known)));
}

base::Value bound_value(double bound) {
    // Beyond 2^53 a double no longer tells whole numbers apart.
    if (std::trunc(bound) == bound && std::abs(bound) < 9007199254740992.0) {
        return static_cast<std::int64_t>(bound);
    }
    return bound;
}

} // namespace

std::string_view word(Setting::Type type) noexcept {
    return names_of(type).name;
}

std::optional<std::string> Setting::objection(const base::Value& value) const {
    if (!has_type(value, type)) {
        return fmt::format("is {}, but must be {}", shown(value), names_of(type).sort);
    }
    if (is_counted(type)) {
        const double number = *as_number(value);
        if (min && number < *min) {
            return fmt::format("is {}, but must be at least {}", shown(value), *min);
        }
        if (max && number > *max) {
            return fmt::format("is {}, but must be at most {}", shown(value), *max);
        }
    }
    if (!one_of.empty() && std::find(one_of.begin(), one_of.end(), *value.text()) == one_of.end()) {
        return fmt::format("is {}, but must be one of '{}'", shown(value), fmt::join(one_of, "', '"));
    }
    return std::nullopt;
}

Setting Setting::read(std::string name, const base::Fields& fields) {
    if (!is_identifier(name)) {
        fields.fail("", fmt::format("setting '{}' cannot be written in a template as settings.{}; use "
                                    "letters, digits and '_'",
                                    name, name));
    }
    Setting setting;
    setting.name = std::move(name);
    setting.type = read_type(fields);
    setting.min = read_bound(fields, "min", setting.type);
    setting.max = read_bound(fields, "max", setting.type);
    if (setting.min && setting.max && *setting.min > *setting.max) {
        fields.fail("min", fmt::format("'min' is {}, but 'max' is only {}", *setting.min, *setting.max));
    }
    setting.one_of = fields.texts("one_of");
    if (fields.has("one_of") && setting.type != Type::String) {
        fields.fail("one_of",
                    fmt::format("'one_of' is for the type string, not for {}", names_of(setting.type).name));
    }
    if (const base::Value* absent = fields.any("default"); absent != nullptr && !absent->is_null()) {
        if (const auto objection = setting.objection(*absent)) {
            fields.fail("default", fmt::format("the default of setting '{}' {}", setting.name, *objection));
        }
        setting.absent = *absent;
    }
    fields.finish();
    return setting;
}

base::Value Setting::to_value() const {
    base::Object record{{"type", names_of(type).name}};
    if (!absent.is_null()) {
        record.set("default", absent);
    }
    if (min) {
        record.set("min", bound_value(*min));
    }
    if (max) {
        record.set("max", bound_value(*max));
    }
    if (!one_of.empty()) {
        record.set("one_of", one_of);
    }
    return record;
}

} // namespace rpm
