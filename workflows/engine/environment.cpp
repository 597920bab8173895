// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "workflows/engine/environment.hpp"

#include "base/error.hpp"
#include "base/fields.hpp"

#include <algorithm>
#include <set>

namespace workflows::engine {
namespace {

// A name checked by its type; what is wrong with it gets the place of `key`.
template <class Name> Name named(const base::Fields& fields, std::string_view key, const std::string& text) {
    try {
        return Name(text);
    } catch (const base::Error& error) {
        fields.fail(key, error.message());
    }
}

std::map<std::string, std::string> texts_by_name(const base::Fields& fields, std::string_view key) {
    std::map<std::string, std::string> texts;
    if (const std::optional<base::Fields> record = fields.record(key)) {
        for (const base::Member& member : record->members()) {
            std::string text = record->text(member.name);
            if (text.empty()) {
                record->fail(member.name, fmt::format("'{}.{}' is empty", key, member.name));
            }
            texts.emplace(member.name, std::move(text));
        }
    }
    return texts;
}

DeclaredNode node_of(const base::Fields& fields) {
    DeclaredNode node{named<base::NodeName>(fields, "name", fields.text("name")), {}, {}, {}};
    for (const std::string& component : fields.texts("components")) {
        node.components.push_back(named<base::ComponentName>(fields, "components", component));
        if (std::count(node.components.begin(), node.components.end(), node.components.back()) > 1) {
            fields.fail("components",
                        fmt::format("node '{}' names component '{}' twice", node.name, component));
        }
    }
    node.addresses = texts_by_name(fields, "addresses");
    node.labels = texts_by_name(fields, "labels");
    if (!node.addresses.contains("service")) {
        fields.fail("addresses",
                    fmt::format("node '{}' has no service address; write addresses = {{ service = "
                                "\"10.0.0.1\" }}",
                                node.name));
    }
    fields.finish();
    return node;
}

// settings.APPLICATION.COMPONENT.NAME: here only the shape.
void check_settings(const base::Fields& fields) {
    const std::optional<base::Fields> applications = fields.record("settings");
    if (!applications) {
        return;
    }
    for (const base::Member& application : applications->members()) {
        named<base::ApplicationName>(*applications, application.name, application.name);
        const base::Fields components = *applications->record(application.name);
        for (const base::Member& component : components.members()) {
            named<base::ComponentName>(components, component.name, application.name + "/" + component.name);
            if (component.value.object() == nullptr) {
                components.fail(
                    component.name,
                    fmt::format(
                        "'settings.{0}.{1}' is {2}, but must be a record; write [settings.{0}.COMPONENT] "
                        "and the setting below it",
                        application.name, component.name, component.value.kind()));
            }
        }
    }
}

struct Where {
    std::string name;
    std::string value;
    bool matches(const DeclaredNode& node) const {
        if (name == "node") {
            return node.name.str() == value;
        }
        const auto label = node.labels.find(name);
        return label != node.labels.end() && label->second == value;
    }
};

Where where_of(const base::Fields& override_record) {
    const std::string text = override_record.text("where");
    const std::size_t equals = text.find('=');
    if (equals == std::string::npos || equals == 0 || equals + 1 == text.size() ||
        text.find_first_of("=, \t", equals + 1) != std::string::npos ||
        text.find_first_of(", \t") != std::string::npos) {
        override_record.fail(
            "where", fmt::format("'where' is '{}', but must be one 'label=value' or 'node=name'", text));
    }
    return {text.substr(0, equals), text.substr(equals + 1)};
}

void check_externals(const base::Fields& fields) {
    const std::optional<base::Fields> externals = fields.record("external");
    if (!externals) {
        return;
    }
    for (const base::Member& external : externals->members()) {
        const base::Fields service = *externals->record(external.name);
        service.text("address");
        for (const base::Member& field : service.members()) {
            if (field.value.object() != nullptr || field.value.array() != nullptr) {
                service.fail(
                    field.name,
                    fmt::format("'external.{}.{}' is {}, but must be text, a number, or true or false",
                                external.name, field.name, field.value.kind()));
            }
        }
    }
}

// The settings that one record gives to a component, or nullptr.
const base::Object* settings_of(const base::Value& record, const base::ComponentName& component) {
    const base::Value* at = record.object() == nullptr ? nullptr : record.object()->find("settings");
    for (const std::string_view name : {base::before_slash(component), base::after_slash(component)}) {
        at = at == nullptr || at->object() == nullptr ? nullptr : at->object()->find(name);
    }
    return at == nullptr ? nullptr : at->object();
}

} // namespace

Environment Environment::from_value(const base::Value& document, const std::string& file) {
    const base::Fields fields(document, file);
    Environment environment{named<base::EnvironmentName>(fields, "environment", fields.text("environment")),
                            named<base::ChannelName>(fields, "channel", fields.text("channel")).str(),
                            {},
                            document,
                            file};
    std::map<std::string, int> lines;
    for (const base::Fields& record : fields.records("nodes")) {
        DeclaredNode node = node_of(record);
        if (const auto [first, fresh] = lines.emplace(node.name.str(), record.line_of("name")); !fresh) {
            record.fail("name", fmt::format("node '{}' is declared twice; the first is on line {}", node.name,
                                            first->second));
        }
        environment.nodes.push_back(std::move(node));
    }
    std::sort(environment.nodes.begin(), environment.nodes.end(),
              [](const DeclaredNode& left, const DeclaredNode& right) { return left.name < right.name; });
    check_settings(fields);
    for (const base::Fields& record : fields.records("override")) {
        where_of(record);
        check_settings(record);
        record.finish();
    }
    check_externals(fields);
    fields.finish();
    return environment;
}

const DeclaredNode* Environment::find(const base::NodeName& node) const noexcept {
    const auto found = std::find_if(nodes.begin(), nodes.end(),
                                    [&](const DeclaredNode& declared) { return declared.name == node; });
    return found == nodes.end() ? nullptr : &*found;
}

std::vector<const DeclaredNode*> Environment::nodes_of(const base::ComponentName& component) const {
    std::vector<const DeclaredNode*> found;
    for (const DeclaredNode& node : nodes) {
        if (std::find(node.components.begin(), node.components.end(), component) != node.components.end()) {
            found.push_back(&node);
        }
    }
    return found;
}

std::map<std::string, Environment::Explained> Environment::settings(const base::ComponentName& component,
                                                                    const DeclaredNode& node) const {
    std::map<std::string, Explained> settings;
    const auto take = [&](const base::Value& record, const std::string& by) {
        if (const base::Object* given = settings_of(record, component)) {
            for (const base::Member& member : given->members) {
                const int line = member.line != 0 ? member.line : member.value.line;
                settings.insert_or_assign(member.name,
                                          Explained{member.value, fmt::format("{}{}:{}", by, file, line)});
            }
        }
    };
    take(document, "");
    const base::Value* overrides = document.object()->find("override");
    if (overrides == nullptr || overrides->array() == nullptr) {
        return settings;
    }
    for (const base::Value& record : *overrides->array()) {
        const Where where = where_of(base::Fields(record, file));
        if (where.matches(node)) {
            take(record, fmt::format("override {}={}, ", where.name, where.value));
        }
    }
    return settings;
}

} // namespace workflows::engine
