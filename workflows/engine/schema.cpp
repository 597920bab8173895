// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "workflows/engine/schema.hpp"

#include "base/error.hpp"
#include "base/fields.hpp"

namespace workflows::engine {
namespace {

// "environments/prod.toml:12" out of "override rack=a, environments/prod.toml:12".
std::string place_of(const std::string& from) {
    const std::size_t comma = from.rfind(", ");
    return comma == std::string::npos ? from : from.substr(comma + 2);
}

void check_components(const base::Value& record, const Environment& environment,
                      const Application& application) {
    const base::Value* settings = record.object()->find("settings");
    const base::Value* ours = settings == nullptr ? nullptr : settings->object()->find(application.name);
    if (ours == nullptr) {
        return;
    }
    std::vector<std::string> known;
    for (const Component& component : application.components) {
        known.push_back(component.name);
    }
    const base::Fields fields(*ours, environment.file, "settings." + application.name);
    for (const std::string& name : known) {
        fields.know(name);
    }
    fields.finish();
}

} // namespace

std::map<std::string, KnownSetting> schema_of(const repo::Manifest& manifest, const Application& application,
                                              const Component& component) {
    std::map<std::string, KnownSetting> schema;
    for (const std::string& name : component.packages) {
        const repo::ManifestPackage* package = manifest.find(name);
        if (package == nullptr) {
            throw base::Error(base::Fault::Input,
                              "component '{}' needs package '{}', which release '{}' does not have",
                              application.full_name(component), name, manifest.release);
        }
        if (!package->about) {
            continue;
        }
        for (const rpm::Setting& setting : package->about->settings) {
            const auto [known, fresh] =
                schema.emplace(setting.name, KnownSetting{setting, package->nevra.str()});
            if (fresh) {
                continue;
            }
            KnownSetting& first = known->second;
            if (first.setting.type != setting.type) {
                throw base::Error(base::Fault::Input,
                                  "setting '{}' of component '{}' has type {} in package '{}', but type {} "
                                  "in '{}'; give one "
                                  "of them another name",
                                  setting.name, application.full_name(component),
                                  rpm::word(first.setting.type), first.package, rpm::word(setting.type),
                                  package->nevra.str());
            }
            if (first.setting.absent.is_null() && !setting.absent.is_null()) {
                first.setting.absent = setting.absent;
                first.package = package->nevra.str();
            }
        }
    }
    return schema;
}

std::map<std::string, Environment::Explained> resolve(const std::map<std::string, KnownSetting>& schema,
                                                      const Environment& environment,
                                                      const base::ComponentName& component,
                                                      const DeclaredNode& node) {
    std::map<std::string, Environment::Explained> resolved = environment.settings(component, node);
    std::vector<std::string> names;
    for (const auto& [name, known] : schema) {
        names.push_back(name);
    }
    for (const auto& [name, given] : resolved) {
        const auto known = schema.find(name);
        if (known == schema.end()) {
            throw base::Error(base::Fault::Input, "{}: no package of component '{}' has a setting '{}'{}",
                              place_of(given.from), component, name, base::hint(name, names));
        }
        if (const std::optional<std::string> objection = known->second.setting.objection(given.value)) {
            throw base::Error(base::Fault::Input, "{}: setting '{}' of component '{}' {}",
                              place_of(given.from), name, component, *objection);
        }
    }
    for (const auto& [name, known] : schema) {
        if (resolved.contains(name)) {
            continue;
        }
        if (known.setting.absent.is_null()) {
            throw base::Error(base::Fault::Input,
                              "{}: setting '{}' of component '{}' has no default in package '{}' and is not "
                              "set; write {} = "
                              "… below [settings.{}.{}]",
                              environment.file, name, component, known.package, name,
                              base::before_slash(component), base::after_slash(component));
        }
        resolved.emplace(name, Environment::Explained{known.setting.absent, "default of " + known.package});
    }
    return resolved;
}

void check_written_settings(const Environment& environment, const Application& application) {
    check_components(environment.document, environment, application);
    const base::Value* overrides = environment.document.object()->find("override");
    if (overrides != nullptr && overrides->array() != nullptr) {
        for (const base::Value& record : *overrides->array()) {
            check_components(record, environment, application);
        }
    }
}

void check_produced(const std::map<std::string, KnownSetting>& schema, const Application& application,
                    const Component& component, const std::string& where) {
    std::vector<std::string> known;
    for (const auto& [setting, about] : schema) {
        known.push_back(setting);
    }
    for (const auto& [service, fields] : component.produces) {
        for (const auto& [field, produced] : fields) {
            const SettingName* setting = std::get_if<SettingName>(&produced);
            if (setting == nullptr) {
                continue;
            }
            const auto found = schema.find(setting->name);
            if (found == schema.end()) {
                throw base::Error(
                    base::Fault::Input,
                    "{}: service '{}' of component '{}' hands out setting '{}', which no package of "
                    "the component has{}",
                    where, service, application.full_name(component), setting->name,
                    base::hint(setting->name, known));
            }
            const rpm::Setting::Type type = found->second.setting.type;
            if (field == "port" && type != rpm::Setting::Type::Port && type != rpm::Setting::Type::Int) {
                throw base::Error(
                    base::Fault::Input,
                    "{}: service '{}' of component '{}' hands out setting '{}' of package '{}' as its "
                    "port, which is no number; write {} = {{ type = \"port\" }} there",
                    where, service, application.full_name(component), setting->name, found->second.package,
                    setting->name);
            }
        }
    }
}

} // namespace workflows::engine
