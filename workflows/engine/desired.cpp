// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "workflows/engine/desired.hpp"

#include "base/error.hpp"
#include "base/fields.hpp"
#include "workflows/engine/component_commands.hpp"
#include "workflows/engine/schema.hpp"
#include "workflows/engine/service_graph.hpp"

#include <algorithm>

namespace workflows::engine {
namespace {

using Settings = std::map<std::string, Environment::Explained>;

// One release on one environment, while the documents of its targets are made.
class Composition {
public:
    Composition(const repo::Manifest& manifest, const base::Digest& digest, const Environment& environment)
        : manifest_(manifest), digest_(digest), environment_(environment),
          application_(Application::from_value(manifest.application, "release " + manifest.release.str())) {}

    std::vector<Desired> targets() {
        check_nodes();
        check_conflicts(application_, environment_);
        check_written_settings(environment_, application_);
        for (const Component& component : application_.components) {
            resolve_component(component);
        }
        std::vector<Desired> all;
        for (const auto& level : application_.levels()) {
            for (const base::ComponentName& name : level) {
                const Component& component = application_.component(base::after_slash(name));
                for (const DeclaredNode* node : environment_.nodes_of(name)) {
                    all.push_back({{name, node->name}, document(component, *node)});
                }
            }
        }
        return all;
    }

private:
    void check_nodes() const {
        std::vector<std::string> known;
        for (const Component& component : application_.components) {
            known.push_back(application_.full_name(component).str());
            if (environment_.nodes_of(application_.full_name(component)).empty()) {
                throw base::Error(base::Fault::Input,
                                  "component '{}' has no node in environment '{}'; add it to the components "
                                  "of a node in {}",
                                  known.back(), environment_.name, environment_.file);
            }
        }
        static const base::Array no_nodes;
        const base::Value* nodes = environment_.document.object()->find("nodes");
        for (const base::Value& record : nodes == nullptr ? no_nodes : *nodes->array()) {
            const base::Fields fields(record, environment_.file);
            for (const std::string& component : fields.texts("components")) {
                if (base::before_slash(base::ComponentName(component)) != application_.name ||
                    std::find(known.begin(), known.end(), component) != known.end()) {
                    continue;
                }
                fields.fail("components",
                            fmt::format("node '{}' has component '{}', which release '{}' does not have{}",
                                        fields.text("name"), component, manifest_.release,
                                        base::hint(component, known)));
            }
        }
    }

    void resolve_component(const Component& component) {
        commands_of(manifest_, application_, component, "release " + manifest_.release.str());
        const auto schema = schema_of(manifest_, application_, component);
        const base::ComponentName name = application_.full_name(component);
        for (const DeclaredNode* node : environment_.nodes_of(name)) {
            settings_[{name, node->name}] = resolve(schema, environment_, name, *node);
        }
        check_produced(schema, application_, component, "release " + manifest_.release.str());
    }

    static std::string address_of(const DeclaredNode& node) { return node.addresses.at("service"); }

    // The service as one of its producers gives it.
    base::Object produced_by(const Component& producer, const DeclaredNode& node,
                             const std::string& service) const {
        base::Object record{{"node", node.name.str()}, {"address", address_of(node)}};
        for (const auto& [field, produced] : producer.produces.at(service)) {
            if (const SettingName* setting = std::get_if<SettingName>(&produced)) {
                record.set(
                    field,
                    settings_.at({application_.full_name(producer), node.name}).at(setting->name).value);
            } else {
                record.set(field, std::get<base::Value>(produced));
            }
        }
        return record;
    }

    base::Object external(const Component& component, const std::string& service) const {
        const base::Value* externals = environment_.document.object()->find("external");
        const base::Value* given = externals == nullptr ? nullptr : externals->object()->find(service);
        if (given == nullptr) {
            throw base::Error(
                base::Fault::Input,
                "{}: external service '{}', which component '{}' consumes, is not given; write [external.{}] "
                "with an address",
                environment_.file, service, application_.full_name(component), service);
        }
        return *given->object();
    }

    base::Array consumed(const Component& component, const Component::Consumed& consumes) const {
        if (consumes.external) {
            return {external(component, consumes.service)};
        }
        const Component& producer = *producer_of(application_, consumes.service);
        base::Array list;
        for (const DeclaredNode* node : environment_.nodes_of(application_.full_name(producer))) {
            list.push_back(produced_by(producer, *node, consumes.service));
        }
        return list;
    }

    // What can be tried from outside: everything consumed that has a port.
    static void add_availability(base::Array& availability, const std::string& service,
                                 const base::Array& consumed) {
        for (const base::Value& one : consumed) {
            const base::Value* port = one.object()->find("port");
            if (port != nullptr && port->whole() != nullptr) {
                availability.push_back(base::Object{
                    {"service", service}, {"address", *one.object()->find("address")}, {"port", *port}});
            }
        }
    }

    base::Object document(const Component& component, const DeclaredNode& node) const {
        const base::ComponentName name = application_.full_name(component);
        base::Object addresses;
        for (const auto& [purpose, address] : node.addresses) {
            addresses.set(purpose, address);
        }
        base::Object labels;
        for (const auto& [label, value] : node.labels) {
            labels.set(label, value);
        }
        base::Array packages;
        for (const std::string& package : component.packages) {
            packages.push_back(manifest_.find(package)->nevra.str());
        }
        base::Object settings;
        for (const auto& [setting, explained] : settings_.at({name, node.name})) {
            settings.set(setting, explained.value);
        }
        base::Object consumes;
        base::Array availability;
        for (const auto& [as, consumed_service] : component.consumes) {
            base::Array list = consumed(component, consumed_service);
            add_availability(availability, consumed_service.service, list);
            consumes.set(as, std::move(list));
        }
        base::Object document{{"component", name.str()},
                              {"node", base::Object{{"name", node.name.str()},
                                                    {"address", address_of(node)},
                                                    {"addresses", std::move(addresses)},
                                                    {"labels", std::move(labels)}}},
                              {"environment", environment_.name.str()},
                              {"release", manifest_.release.str()},
                              {"manifest", digest_.str()},
                              {"packages", std::move(packages)},
                              {"settings", std::move(settings)},
                              {"consumes", std::move(consumes)}};
        if (component.peers) {
            base::Array peers;
            for (const DeclaredNode* peer : environment_.nodes_of(name)) {
                peers.push_back(base::Object{{"node", peer->name.str()}, {"address", address_of(*peer)}});
            }
            document.set("peers", std::move(peers));
        }
        document.set("availability", std::move(availability));
        return document;
    }

    const repo::Manifest& manifest_;
    const base::Digest& digest_;
    const Environment& environment_;
    Application application_;
    std::map<Target, Settings> settings_;
};

} // namespace

std::string Target::str() const {
    return component.str() + " on " + node.str();
}

void check_conflicts(const Application& application, const Environment& environment) {
    const base::Value* nodes = environment.document.object()->find("nodes");
    for (const base::Value& record : nodes == nullptr ? base::Array{} : *nodes->array()) {
        const base::Fields node(record, environment.file);
        const std::vector<std::string> there = node.texts("components");
        const auto has = [&](const base::ComponentName& component) {
            return std::find(there.begin(), there.end(), component.str()) != there.end();
        };
        for (const Component& component : application.components) {
            const base::ComponentName name = application.full_name(component);
            for (const base::ComponentName& other : component.conflicts) {
                if (has(name) && has(other)) {
                    node.fail("components", fmt::format("node '{}' has components '{}' and '{}', which must "
                                                        "not share a node; give one of them another one",
                                                        node.text("name"), name, other));
                }
            }
        }
    }
}

std::vector<Desired> desired(const repo::Manifest& manifest, const base::Digest& manifest_digest,
                             const Environment& environment) {
    return Composition(manifest, manifest_digest, environment).targets();
}

std::map<std::string, Environment::Explained> explain_settings(const repo::Manifest& manifest,
                                                               const Environment& environment,
                                                               const base::ComponentName& component,
                                                               const DeclaredNode& node) {
    const Application application =
        Application::from_value(manifest.application, "release " + manifest.release.str());
    if (base::before_slash(component) != application.name) {
        throw base::Error(base::Fault::NotFound, "component '{}' is not part of application '{}'", component,
                          application.name);
    }
    return resolve(schema_of(manifest, application, application.component(base::after_slash(component))),
                   environment, component, node);
}

} // namespace workflows::engine
