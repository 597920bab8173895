// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "workflows/engine/parameters.hpp"

#include "base/error.hpp"
#include "workflows/engine/foreign_words.hpp"
#include "workflows/engine/ramp.hpp"

#include <algorithm>
#include <charconv>

namespace workflows::engine {
namespace {

base::Value read_count(const base::Value& value) {
    std::int64_t count = -1;
    if (const std::int64_t* whole = value.whole()) {
        count = *whole;
    } else if (const std::string* text = value.text()) {
        const char* end = text->data() + text->size();
        if (const auto [last, error] = std::from_chars(text->data(), end, count);
            error != std::errc() || last != end) {
            count = -1;
        }
    }
    if (count < 0) {
        throw base::Error(base::Fault::Input, "{} is not a count; write a whole number such as 2",
                          value.text() != nullptr    ? fmt::format("'{}'", *value.text())
                          : value.whole() != nullptr ? std::to_string(*value.whole())
                                                     : std::string(value.kind()));
    }
    return count;
}

base::Value read_duration(const base::Value& value) {
    if (value.text() == nullptr) {
        throw base::Error(base::Fault::Input, "{} is not a duration; write for example \"30s\"",
                          value.kind());
    }
    return base::to_text(base::parse_duration(*value.text()));
}

base::Value read_text(const base::Value& value) {
    if (const std::int64_t* whole = value.whole()) { // `--param max_unavailable=2`
        return std::to_string(*whole);
    }
    if (value.text() == nullptr) {
        throw base::Error(base::Fault::Input, "{} is not a text", value.kind());
    }
    return *value.text();
}

base::Value read_flag(const base::Value& value) {
    const std::string* text = value.text();
    if (value.flag() == nullptr && (text == nullptr || (*text != "true" && *text != "false"))) {
        throw base::Error(base::Fault::Input, "{} is not true or false",
                          text == nullptr ? std::string(value.kind()) : fmt::format("'{}'", *text));
    }
    return value.flag() != nullptr ? *value.flag() : *text == "true";
}

} // namespace

bool is_parameter_type(std::string_view word) {
    return word != "workflow" && std::ranges::find(workflow_words(), word) != workflow_words().end();
}

std::string untyped_parameter(std::string_view name) {
    return fmt::format(
        "parameter '{}' has no type; write ramp {{ 1, \"100%\" }}, duration \"30s\", count(0), "
        "text \"x\" or flag(true)",
        name);
}

base::Value parameter_value(std::string_view type, const base::Value& value) {
    if (type == "ramp") {
        return to_value(read_ramp(value));
    }
    if (type == "duration") {
        return read_duration(value);
    }
    if (type == "flag") {
        return read_flag(value);
    }
    return type == "count" ? read_count(value) : read_text(value);
}

std::vector<Script::Parameter> read_parameters(const base::Fields& workflow) {
    std::vector<Script::Parameter> parameters;
    const std::optional<base::Fields> params = workflow.record("params");
    if (!params) {
        return parameters;
    }
    for (const base::Member& member : params->members()) {
        const base::Object* record = member.value.object();
        const base::Value* type = record == nullptr ? nullptr : record->find("type");
        const base::Value* absent = record == nullptr ? nullptr : record->find("default");
        const base::Value* line = record == nullptr ? nullptr : record->find("line");
        if (type == nullptr || type->text() == nullptr || !is_parameter_type(*type->text()) ||
            absent == nullptr || line == nullptr || line->whole() == nullptr) {
            params->fail(member.name, untyped_parameter(member.name));
        }
        try {
            parameters.push_back({member.name, *type->text(), parameter_value(*type->text(), *absent)});
        } catch (const base::Error& error) {
            throw base::Error(base::Fault::Input, "{}:{}: parameter '{}': {}", params->file(), *line->whole(),
                              member.name, error.message());
        }
    }
    return parameters;
}

base::Value apply_parameters(const std::vector<Script::Parameter>& parameters, const base::Object& given,
                             const std::string& workflow) {
    base::Object values;
    std::vector<std::string> names;
    for (const Script::Parameter& parameter : parameters) {
        names.push_back(parameter.name);
        const base::Value* value = given.find(parameter.name);
        try {
            values.set(parameter.name,
                       value == nullptr ? parameter.absent : parameter_value(parameter.type, *value));
        } catch (const base::Error& error) {
            throw base::Error(base::Fault::Input, "workflow '{}': parameter '{}': {}", workflow,
                              parameter.name, error.message());
        }
    }
    for (const base::Member& member : given.members) {
        if (std::find(names.begin(), names.end(), member.name) == names.end()) {
            throw base::Error(base::Fault::Input, "workflow '{}': unknown parameter '{}'{}", workflow,
                              member.name, instead_of_member(member.name, names));
        }
    }
    return values;
}

} // namespace workflows::engine
