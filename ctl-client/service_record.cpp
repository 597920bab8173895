// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "ctl-client/service_record.hpp"

#include "base/error.hpp"
#include "base/json.hpp"

#include <algorithm>

namespace ctl_client {
namespace {

base::Value texts(const std::map<std::string, std::string>& map) {
    base::Object object;
    for (const auto& [path, digest] : map) {
        object.set(path, digest);
    }
    return object;
}

std::map<std::string, std::string> read_texts(const base::Fields& fields, std::string_view key) {
    std::map<std::string, std::string> map;
    if (const auto record = fields.record(key)) {
        for (const base::Member& member : record->members()) {
            map[member.name] = record->text(member.name);
        }
    }
    return map;
}

/// An About of its own is the one written form of a service.
std::string definition_json(const rpm::Service& service) {
    rpm::About about;
    about.name = "service";
    about.kind = "app";
    about.services = {service};
    return base::to_json(about.to_value());
}

rpm::Service definition_from(const std::string& json) {
    rpm::About about = rpm::About::from_value(base::parse_json(json, "service"), "service");
    if (about.services.size() != 1) {
        throw base::Error(base::Fault::Corrupt, "a service in the client's journal cannot be read");
    }
    return std::move(about.services.front());
}

/// The first path whose text differs, or nothing.
std::optional<std::string> changed_path(const std::map<std::string, std::string>& before,
                                        const std::map<std::string, std::string>& after) {
    for (const auto& [path, digest] : after) {
        const auto found = before.find(path);
        if (found == before.end() || found->second != digest) {
            return path;
        }
    }
    for (const auto& [path, digest] : before) {
        if (!after.contains(path)) {
            return path;
        }
    }
    return std::nullopt;
}

std::string build_of(const std::string& package) {
    return package.substr(0, package.find(' '));
}

std::optional<ServiceAction> difference(const std::string& name, const ServiceBasis& before,
                                        const DefinedService& wanted) {
    using Kind = ServiceAction::Kind;
    const ServiceBasis& after = wanted.basis;
    if (before.package != after.package) {
        return ServiceAction{
            Kind::Restart, name,
            after.package.empty() || before.package.empty()
                ? std::string("another kind of package brings it")
                : fmt::format("package '{}' became '{}'", build_of(before.package), build_of(after.package))};
    }
    if (before.definition != after.definition) {
        return ServiceAction{Kind::Restart, name, "its definition changed"};
    }
    if (const auto path = changed_path(before.restart, after.restart)) {
        return ServiceAction{Kind::Restart, name, fmt::format("config '{}' changed", *path)};
    }
    if (const auto path = changed_path(before.reload, after.reload)) {
        return ServiceAction{wanted.definition.reload ? Kind::Reload : Kind::Restart, name,
                             fmt::format("config '{}' changed", *path)};
    }
    return std::nullopt;
}

} // namespace

std::string ServiceBasis::json() const {
    return base::to_json(base::Object{{"package", package},
                                      {"definition", definition},
                                      {"restart", texts(restart)},
                                      {"reload", texts(reload)}});
}

ServiceBasis ServiceBasis::from_json(const std::string& text) {
    const base::Value document = base::parse_json(text, "basis of a service");
    const base::Fields fields(document, "basis of a service");
    return {fields.text("package"), fields.text("definition"), read_texts(fields, "restart"),
            read_texts(fields, "reload")};
}

std::vector<ServiceRecord> ServiceRecords::of(const std::string& component) const {
    std::vector<ServiceRecord> records;
    base::Statement row = database_.prepare(
        "SELECT definition, basis, process FROM services WHERE component = ? ORDER BY name");
    row.with(component);
    while (row.step()) {
        records.push_back({component, definition_from(row.text(0)), ServiceBasis::from_json(row.text(1)),
                           ProcessIdentity::parse(row.text(2))});
    }
    return records;
}

void ServiceRecords::record(const ServiceRecord& record) {
    database_
        .prepare("INSERT OR REPLACE INTO services (component, name, definition, basis, process) VALUES (?, "
                 "?, ?, ?, ?)")
        .with(record.component, record.definition.name, definition_json(record.definition),
              record.basis.json(), record.process.str())
        .run();
}

void ServiceRecords::forget(const std::string& component, const std::string& name) {
    database_.prepare("DELETE FROM services WHERE component = ? AND name = ?").with(component, name).run();
}

std::optional<std::string> ServiceRecords::started_by_another(const std::string& component,
                                                              const ProcessIdentity& process) const {
    base::Statement row =
        database_.prepare("SELECT component FROM services WHERE component <> ? AND process = ?");
    row.with(component, process.str());
    return row.step() ? std::optional(row.text(0)) : std::nullopt;
}

bool ServiceRecords::stopped(const std::string& component) const {
    base::Statement row = database_.prepare("SELECT 1 FROM stopped WHERE component = ?");
    row.with(component);
    return row.step();
}

void ServiceRecords::set_stopped(const std::string& component, bool stopped) {
    database_
        .prepare(stopped ? "INSERT OR IGNORE INTO stopped (component) VALUES (?)"
                         : "DELETE FROM stopped WHERE component = ?")
        .with(component)
        .run();
}

std::map<std::string, DefinedService> services_of(const Generation& generation) {
    std::map<std::string, DefinedService> services;
    for (const rpm::About& about : generation.abouts) {
        for (const rpm::Service& service : about.services) {
            DefinedService defined{service, {}};
            if (const HeldPackage* package = generation.find(about.name);
                package != nullptr && about.kind == "app") {
                defined.basis.package = package->identity.nevra.str() + " " + package->identity.header_digest;
            }
            defined.basis.definition = base::sha256(definition_json(service)).str();
            for (const ConfigFile& file : generation.config) {
                const std::string digest = base::sha256(file.bytes).str();
                const auto names = [&](const std::vector<std::string>& list) {
                    return std::find(list.begin(), list.end(), service.name) != list.end();
                };
                if (names(file.restart)) {
                    defined.basis.restart[file.path] = digest;
                } else if (names(file.reload)) {
                    defined.basis.reload[file.path] = digest;
                }
            }
            if (!services.emplace(service.name, std::move(defined)).second) {
                throw base::Error(base::Fault::Input,
                                  "service '{}' is defined by two packages of component '{}'", service.name,
                                  generation.component);
            }
        }
    }
    return services;
}

std::vector<ServiceAction> actions(const std::vector<ServiceRecord>& records,
                                   const std::optional<Generation>& generation) {
    using Kind = ServiceAction::Kind;
    const std::map<std::string, DefinedService> defined =
        generation ? services_of(*generation) : std::map<std::string, DefinedService>{};
    std::vector<ServiceAction> list;
    std::map<std::string, const ServiceRecord*> by_name;
    for (const ServiceRecord& record : records) {
        by_name[record.definition.name] = &record;
        if (!defined.contains(record.definition.name)) {
            list.push_back(
                {Kind::Stop, record.definition.name, "no package of the component brings it any more"});
        }
    }
    for (const auto& [name, service] : defined) {
        const auto record = by_name.find(name);
        if (record == by_name.end()) {
            list.push_back({Kind::Start, name, "it is new"});
        } else if (auto action = difference(name, record->second->basis, service)) {
            list.push_back(std::move(*action));
        }
    }
    return list;
}

} // namespace ctl_client
