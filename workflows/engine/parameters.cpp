// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "workflows/engine/parameters.hpp"

#include "base/error.hpp"
#include "base/fields.hpp"

#include <fmt/format.h>

#include <optional>

namespace workflows::engine {

namespace {

/// "20%" as 0.2, or nothing.
bool is_share(const std::string& text) {
    if (text.size() < 2 || text.back() != '%') {
        return false;
    }
    double percent = 0;
    for (const char c : text.substr(0, text.size() - 1)) {
        if (c < '0' || c > '9') {
            return false;
        }
        percent = percent * 10 + (c - '0');
    }
    return percent >= 1 && percent <= 100;
}

bool is_ramp(const base::Value& value) {
    const base::Array* entries = value.array();
    if (entries == nullptr || entries->empty()) {
        return false;
    }
    for (const base::Value& entry : *entries) {
        const bool number = entry.whole() != nullptr && *entry.whole() >= 1;
        if (!number && (entry.text() == nullptr || !is_share(*entry.text()))) {
            return false;
        }
    }
    return true;
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

/// What is wanted when `value` is not right for a parameter of this type, or nothing.
std::optional<std::string> wanted(const std::string& type, const base::Value& value) {
    if (type == "ramp") {
        return is_ramp(value) ? std::nullopt
                              : std::optional<std::string>(
                                    "a list of numbers and shares such as [1, \"20%\", \"100%\"]");
    }
    if (type == "duration") {
        return is_duration(value) ? std::nullopt : std::optional<std::string>("a duration such as '30s'");
    }
    if (type == "count") {
        const bool right = value.whole() != nullptr && *value.whole() >= 0;
        return right ? std::nullopt : std::optional<std::string>("a whole number from 0");
    }
    if (type == "flag") {
        return value.flag() != nullptr ? std::nullopt : std::optional<std::string>("true or false");
    }
    return value.text() != nullptr ? std::nullopt : std::optional<std::string>("a text");
}

} // namespace

std::vector<Script::Parameter> declared_parameters(const base::Value& params, const std::string& name) {
    std::vector<Script::Parameter> declared;
    if (params.is_null()) {
        return declared;
    }
    if (params.object() == nullptr) {
        throw base::Error(base::Fault::Input,
                          "{}: 'params' is {}, but must be a record such as {{ soak = duration \"30s\" }}",
                          name, params.kind());
    }
    for (const base::Member& member : params.object()->members) {
        const base::Object* record = member.value.object();
        const base::Value* word = record != nullptr ? record->find("@") : nullptr;
        const base::Value* absent = record != nullptr ? record->find("value") : nullptr;
        if (word == nullptr || absent == nullptr || word->text() == nullptr) {
            throw base::Error(base::Fault::Input,
                              "{}: parameter '{}' has no type; write ramp {{…}}, duration \"…\", count(…), "
                              "text \"…\" or flag(…)",
                              name, member.name);
        }
        if (const auto want = wanted(*word->text(), *absent)) {
            throw base::Error(base::Fault::Input, "{}: the default of parameter '{}' is not {}", name,
                              member.name, *want);
        }
        declared.push_back({member.name, *word->text(), *absent});
    }
    return declared;
}

base::Object resolve_parameters(const std::vector<Script::Parameter>& declared, const base::Object& given,
                                const std::string& name) {
    base::Object resolved;
    std::vector<std::string> names;
    for (const Script::Parameter& parameter : declared) {
        names.push_back(parameter.name);
        const base::Value* value = given.find(parameter.name);
        if (value == nullptr) {
            resolved.set(parameter.name, parameter.absent);
            continue;
        }
        if (const auto want = wanted(parameter.type, *value)) {
            throw base::Error(base::Fault::Input, "parameter '{}' of workflow '{}' must be {}",
                              parameter.name, name, *want);
        }
        resolved.set(parameter.name, *value);
    }
    for (const base::Member& member : given.members) {
        if (resolved.find(member.name) == nullptr) {
            const auto near = base::nearest(member.name, names);
            throw base::Error(base::Fault::Input, "workflow '{}' has no parameter '{}'{}", name, member.name,
                              near ? "; did you mean '" + *near + "'?"
                                   : fmt::format("; it has: {}", fmt::join(names, ", ")));
        }
    }
    return resolved;
}

} // namespace workflows::engine
