// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "workflows/engine/application.hpp"

#include "base/error.hpp"
#include "base/fields.hpp"
#include "workflows/engine/service_graph.hpp"

#include <algorithm>

namespace workflows::engine {
namespace {

base::Value field_to_value(const ProducedField& field) {
    if (const SettingName* setting = std::get_if<SettingName>(&field)) {
        return base::Object{{"setting", setting->name}};
    }
    return std::get<base::Value>(field);
}

std::map<std::string, ProducedField> fields_of(const base::Fields& service) {
    std::map<std::string, ProducedField> fields;
    for (const base::Member& member : service.members()) {
        check_template_name(service, member.name, "a field of a service");
        const base::Value& value = member.value;
        if (member.name == "node" || member.name == "address") {
            service.fail(
                member.name,
                fmt::format("'{}' is the producing node's own in every record of a service; give the "
                            "field another name",
                            member.name));
        }
        // What is tried from the consumers' nodes.
        if (member.name == "port" &&
            (value.text() != nullptr || value.whole() != nullptr || value.number() != nullptr)) {
            service.whole("port", 1, 65535);
        }
        if (const base::Object* record = value.object()) {
            const base::Value* setting = record->find("setting");
            if (setting == nullptr || setting->text() == nullptr || record->size() != 1) {
                service.fail(member.name,
                             fmt::format("'{}' is a record, but must be setting \"NAME\", text, a "
                                         "number, or true or false",
                                         member.name));
            }
            fields.emplace(member.name, SettingName{*setting->text()});
        } else if (value.array() != nullptr || value.is_null()) {
            service.fail(member.name,
                         fmt::format("'{}' is {}, but must be setting \"NAME\", text, a number, or "
                                     "true or false",
                                     member.name, value.kind()));
        } else {
            fields.emplace(member.name, value);
        }
    }
    return fields;
}

void check_service_name(const base::Fields& fields, const std::string& key, const std::string& service) {
    try {
        base::check_word(service, "service");
    } catch (const base::Error& error) {
        fields.fail(key, error.message());
    }
}

Component component_of(const base::Fields& fields, const std::string& application) {
    Component component;
    component.name = fields.text("name");
    component.line = fields.line();
    try {
        base::ComponentName(application + "/" + component.name);
        component.packages = fields.texts("packages");
        for (const std::string& package : component.packages) {
            base::PackageName{package};
            if (std::count(component.packages.begin(), component.packages.end(), package) > 1) {
                fields.fail("packages", fmt::format("package '{}' is written twice", package));
            }
        }
    } catch (const base::Error& error) {
        // Fields has said the place already; a name has not.
        if (error.message().starts_with(fields.file())) {
            throw;
        }
        fields.fail("name", error.message());
    }
    component.peers = fields.flag("peers", false);
    if (const std::optional<base::Fields> produces = fields.record("produces")) {
        for (const base::Member& member : produces->members()) {
            check_service_name(*produces, member.name, member.name);
            component.produces.emplace(member.name, fields_of(*produces->record(member.name)));
        }
    }
    if (const std::optional<base::Fields> consumes = fields.record("consumes")) {
        for (const base::Member& member : consumes->members()) {
            check_template_name(*consumes, member.name, "a name in 'consumes'");
            const base::Fields consumed = *consumes->record(member.name);
            component.consumes.emplace(
                member.name, Component::Consumed{consumed.text("service"), consumed.flag("external", false)});
            consumed.finish();
            if (const Component::Consumed& known = component.consumes.at(member.name); known.external) {
                check_service_name(*consumes, member.name, known.service);
            }
        }
    }
    component.migrate = fields.maybe_text("migrate");
    for (const std::string& other : fields.texts("conflicts")) {
        try {
            component.conflicts.emplace_back(other);
        } catch (const base::Error& error) {
            fields.fail("conflicts", error.message());
        }
    }
    fields.finish();
    if (component.packages.empty()) {
        fields.fail("packages", fmt::format("component '{}' has no packages; write packages = {{ \"NAME\" }}",
                                            component.name));
    }
    return component;
}

/// Conflicts inside the application name components that it has; those of others cannot be known here.
void check_conflicts(const base::Fields& entry, const Application& application, const Component& component) {
    std::vector<std::string> known;
    for (const Component& other : application.components) {
        known.push_back(application.full_name(other).str());
    }
    const base::ComponentName own = application.full_name(component);
    for (const base::ComponentName& other : component.conflicts) {
        if (other == own) {
            entry.fail("conflicts",
                       fmt::format("component '{}' conflicts with itself; a node has it once anyway",
                                   component.name));
        }
        if (base::before_slash(other) == application.name &&
            std::find(known.begin(), known.end(), other.str()) == known.end()) {
            entry.fail(
                "conflicts",
                fmt::format("component '{}' conflicts with '{}', which this application does not have{}",
                            component.name, other, base::hint(other.str(), known)));
        }
    }
}

/// Errors call a component by its name, not by its place in a list that nobody has written.
std::vector<base::Fields> entries_of(const base::Fields& fields) {
    std::vector<base::Fields> entries = fields.records("components");
    for (std::size_t i = 0; i < entries.size(); ++i) {
        const base::Value& entry = (*fields.any("components")->array())[i];
        const base::Value* name = entry.object()->find("name");
        if (name != nullptr && name->text() != nullptr && !name->text()->empty()) {
            entries[i] = base::Fields(entry, fields.file(), *name->text());
        }
    }
    return entries;
}

} // namespace

Application Application::from_value(const base::Value& value, const std::string& file) {
    const base::Fields fields(value, file);
    Application application;
    application.name = fields.text("name");
    try {
        base::ApplicationName{application.name};
    } catch (const base::Error& error) {
        fields.fail("name", error.message());
    }
    std::map<std::string, int> lines;
    const std::vector<base::Fields> entries = entries_of(fields);
    for (const base::Fields& entry : entries) {
        Component component = component_of(entry, application.name);
        if (const auto [first, fresh] = lines.emplace(component.name, entry.line()); !fresh) {
            entry.fail("name", fmt::format("component '{}' is written twice", component.name));
        }
        application.components.push_back(std::move(component));
    }
    fields.finish();
    for (std::size_t i = 0; i < entries.size(); ++i) {
        check_conflicts(entries[i], application, application.components[i]);
    }
    if (application.components.empty()) {
        fields.fail("components",
                    fmt::format("application '{}' has no components; write component \"NAME\" {{ … }}",
                                application.name));
    }
    check_services(application, file, lines);
    return application;
}

base::Value Application::to_value() const {
    base::Array list;
    for (const Component& component : components) {
        base::Object produces;
        for (const auto& [service, fields] : component.produces) {
            base::Object record;
            for (const auto& [field, produced] : fields) {
                record.set(field, field_to_value(produced));
            }
            produces.set(service, std::move(record));
        }
        base::Object consumes;
        for (const auto& [as, consumed] : component.consumes) {
            consumes.set(as, base::Object{{"service", consumed.service}, {"external", consumed.external}});
        }
        base::Object record{{"name", component.name},
                            {"packages", component.packages},
                            {"peers", component.peers},
                            {"produces", std::move(produces)},
                            {"consumes", std::move(consumes)}};
        if (component.migrate) {
            record.set("migrate", *component.migrate);
        }
        if (!component.conflicts.empty()) {
            base::Array names;
            for (const base::ComponentName& other : component.conflicts) {
                names.emplace_back(other.str());
            }
            record.set("conflicts", std::move(names));
        }
        list.push_back(std::move(record));
    }
    return base::Object{{"name", name}, {"components", std::move(list)}};
}

const Component& Application::component(std::string_view wanted) const {
    for (const Component& component : components) {
        if (component.name == wanted) {
            return component;
        }
    }
    throw base::Error(base::Fault::NotFound, "application '{}' has no component '{}'", name, wanted);
}

base::ComponentName Application::full_name(const Component& component) const {
    return base::ComponentName(name + "/" + component.name);
}

std::vector<std::vector<base::ComponentName>> Application::levels() const {
    const std::map<std::string, int> depths = depths_of(*this);
    std::vector<std::vector<base::ComponentName>> levels;
    for (const Component& component : components) {
        const std::size_t depth = static_cast<std::size_t>(depths.at(component.name));
        if (levels.size() <= depth) {
            levels.resize(depth + 1);
        }
        levels[depth].push_back(full_name(component));
    }
    return levels;
}

} // namespace workflows::engine
