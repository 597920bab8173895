// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "cli/document.hpp"

#include "base/json.hpp"

#include <fmt/format.h>

#include <cctype>

namespace cli {

const base::Value& member_of(const base::Value& record, std::string_view member) {
    static const base::Value nothing;
    const base::Object* object = record.object();
    const base::Value* found = object != nullptr ? object->find(member) : nullptr;
    return found != nullptr ? *found : nothing;
}

std::string text_of(const base::Value& record, std::string_view member) {
    const base::Value& value = member_of(record, member);
    if (const std::string* text = value.text()) {
        return *text;
    }
    return value.is_null() ? std::string{} : base::to_json(value);
}

const base::Array& list_of(const base::Value& record, std::string_view member) {
    static const base::Array none;
    const base::Array* list = member_of(record, member).array();
    return list != nullptr ? *list : none;
}

std::string url_part(std::string_view text) {
    std::string out;
    for (const char c : text) {
        if (std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '.' || c == '_') {
            out += c;
        } else {
            out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
        }
    }
    return out;
}

} // namespace cli
