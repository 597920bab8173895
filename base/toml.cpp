// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "base/toml.hpp"

#include "base/error.hpp"

#include <toml++/toml.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <sstream>
#include <string>
#include <vector>

namespace base {

namespace {

class Converter {
public:
    explicit Converter(std::string_view name) : name_(name) {}

    Value convert(const toml::node& node) const {
        const int line = static_cast<int>(node.source().begin.line);
        Value value = without_line(node, line);
        value.line = line;
        return value;
    }

private:
    Value without_line(const toml::node& node, int line) const {
        switch (node.type()) {
        case toml::node_type::table:
            return convert_table(*node.as_table());
        case toml::node_type::array:
            return convert_array(*node.as_array());
        case toml::node_type::string:
            return node.as_string()->get();
        case toml::node_type::integer:
            return Value(std::int64_t{node.as_integer()->get()});
        case toml::node_type::floating_point:
            return convert_number(node.as_floating_point()->get(), line);
        case toml::node_type::boolean:
            return node.as_boolean()->get();
        case toml::node_type::date:
            return as_text(node.as_date()->get());
        case toml::node_type::time:
            return as_text(node.as_time()->get());
        case toml::node_type::date_time:
            return as_text(node.as_date_time()->get());
        case toml::node_type::none:
            break;
        }
        throw Error(Fault::Internal, "{}:{}: a TOML value of no kind", name_, line);
    }

    // JSON has no such number, and no setting means one.
    Value convert_number(double number, int line) const {
        if (!std::isfinite(number)) {
            throw Error(Fault::Input, "{}:{}: a number must be finite", name_, line);
        }
        return number;
    }

    template <class Date> static Value as_text(const Date& date) {
        std::ostringstream text;
        text << date;
        return text.str();
    }

    Value convert_array(const toml::array& array) const {
        Array items;
        items.reserve(array.size());
        for (const toml::node& item : array) {
            items.push_back(convert(item));
        }
        return items;
    }

    // toml++ sorts the members of a table by name; where their keys stand tells the order in which they were
    // written.
    Value convert_table(const toml::table& table) const {
        struct Entry {
            const toml::key* key;
            const toml::node* node;
        };
        std::vector<Entry> entries;
        entries.reserve(table.size());
        for (const auto& [key, node] : table) {
            entries.push_back({&key, &node});
        }
        std::stable_sort(entries.begin(), entries.end(), [](const Entry& left, const Entry& right) {
            return left.key->source().begin < right.key->source().begin;
        });
        Object object;
        object.members.reserve(entries.size());
        for (const Entry& entry : entries) {
            const int line = static_cast<int>(entry.key->source().begin.line);
            Value value = convert(*entry.node);
            if (value.line == 0) {
                value.line = line;
            }
            object.members.push_back({std::string(entry.key->str()), std::move(value), line});
        }
        return object;
    }

    std::string_view name_;
};

/// toml++ begins with a capital: "Error while parsing …".
std::string in_our_manner(std::string_view description) {
    std::string text(description);
    if (!text.empty()) {
        text.front() = static_cast<char>(std::tolower(static_cast<unsigned char>(text.front())));
    }
    return text;
}

} // namespace

Value parse_toml(std::string_view text, std::string_view name) {
    try {
        return Converter(name).convert(toml::parse(text));
    } catch (const toml::parse_error& error) {
        throw Error(Fault::Input, "{}:{}: {}", name, error.source().begin.line,
                    in_our_manner(error.description()));
    }
}

} // namespace base
