// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// Machines: enrolment, links, packages, the inventory.
#include "base/error.hpp"
#include "base/fields.hpp"
#include "base/json.hpp"
#include "base/log.hpp"
#include "dispatcher/api/routes.hpp"
#include "dispatcher/nodes/enrolment.hpp"
#include "dispatcher/runs/standings.hpp"

#include <set>

namespace dispatcher::api {

namespace {

base::Value text_or_null(const std::optional<base::Time>& time) {
    return time ? base::Value(base::to_rfc3339(*time)) : base::Value();
}

base::Value declared(const base::NodeName& node) {
    return base::Object{{"name", node.str()},
                        {"state", "declared"},
                        {"online", false},
                        {"last_seen", nullptr},
                        {"components", base::Object()}};
}

base::Value value_of(const nodes::NodeRecord& node, const Roster& roster) {
    const protocol::ComponentStates* now = roster.components(node.name);
    const base::Value* then =
        node.hello.object() == nullptr ? nullptr : node.hello.object()->find("components");
    return base::Object{{"name", node.name.str()},
                        {"state", node.state},
                        {"online", now != nullptr},
                        {"last_seen", text_or_null(node.last_seen)},
                        {"components", now != nullptr    ? base::Value(protocol::to_value(*now))
                                       : then != nullptr ? *then
                                                         : base::Value(base::Object())}};
}

/// What earlier runs left failed or unknown, by node.
std::map<base::NodeName, base::Array> left_behind(const Service& service) {
    std::map<base::NodeName, base::Array> left;
    for (const runs::Standings::Standing& standing : runs::Standings(service.database).left_behind()) {
        left[standing.target.node].push_back(base::Object{{"environment", standing.environment},
                                                          {"component", standing.target.component.str()},
                                                          {"state", standing.state},
                                                          {"run", standing.run},
                                                          {"reason", standing.reason}});
    }
    return left;
}

/// The digest in the path of a request for `things`.
base::Digest digest_of(const Request& request, std::string_view things) {
    const std::string& name = request.captures[0];
    if (!name.starts_with("sha256:")) {
        throw base::Error(base::Fault::Input,
                          "'{}' is no digest; {} are named by 'sha256:' and 64 hexadecimal digits", name,
                          things);
    }
    return base::Digest::parse(name);
}

/// Nodes that an environment names, by environment.
std::map<base::NodeName, std::vector<std::string>> declared_nodes(const Service& service) {
    std::map<base::NodeName, std::vector<std::string>> declared;
    for (const runs::EnvironmentVersion& version : service.environments.all()) {
        for (const workflows::engine::DeclaredNode& node : version.read().nodes) {
            declared[node.name].push_back(version.name);
        }
    }
    return declared;
}

} // namespace

Answer get_status(Service& service, const Request&) {
    return Document{base::Object{{"program", "tiercel-dispatcher"},
                                 {"version", TIERCEL_VERSION},
                                 {"time", base::to_rfc3339(service.alarms.now())},
                                 {"nodes_online", static_cast<std::int64_t>(service.roster.count())}}};
}

Answer enroll(Service& service, const Request& request) {
    const base::Value document = request.document();
    const base::Fields fields(document, "request");
    const std::string token = fields.text("token");
    const std::string wanted = fields.text("request");
    fields.finish();
    const base::Certificate certificate =
        nodes::enroll(service.database, service.tokens, service.inventory, service.authority, token, wanted,
                      service.alarms.now());
    // An older connection of this name speaks with a certificate that is revoked now.
    service.roster.close(*certificate.node, "its certificate was replaced");
    base::Array release_keys;
    for (const base::PublicKey& key : service.releases.trusted_keys()) {
        release_keys.emplace_back(key.pem());
    }
    return Document{base::Object{{"node", certificate.node->str()},
                                 {"certificate", certificate.pem},
                                 {"ca", service.authority.certificate().pem},
                                 {"release_keys", std::move(release_keys)},
                                 {"package_keys", service.packages.package_keys()}}};
}

Answer link(Service&, const Request&) {
    return LinkUpgrade{};
}

Answer get_package(Service& service, const Request& request) {
    const base::Digest digest = digest_of(request, "packages");
    const auto file = service.packages.file(digest);
    if (!file) {
        throw base::Error(base::Fault::NotFound, "package '{}' is not in the repository", digest.str());
    }
    return StoredFile{*file, "application/x-rpm"};
}

Answer get_release(Service& service, const Request& request) {
    const base::Digest digest = digest_of(request, "signed manifests");
    const auto file = service.envelopes.file(digest);
    if (!file) {
        throw base::Error(base::Fault::NotFound, "no order names a signed manifest '{}'", digest.str());
    }
    return StoredFile{*file, "application/json"};
}

Answer list_nodes(Service& service, const Request&) {
    auto declared_only = declared_nodes(service);
    std::map<base::NodeName, base::Value> all;
    for (const nodes::NodeRecord& node : service.inventory.all()) {
        all.emplace(node.name, value_of(node, service.roster));
        declared_only.erase(node.name);
    }
    for (const auto& [node, environments] : declared_only) {
        all.emplace(node, declared(node));
    }
    auto left = left_behind(service);
    base::Array list;
    for (auto& [name, value] : all) {
        value.object()->set("left", std::move(left[name]));
        list.push_back(std::move(value));
    }
    return Document{base::Object{{"nodes", std::move(list)}}};
}

Answer show_node(Service& service, const Request& request) {
    const base::NodeName name(request.captures[0]);
    const auto environments = declared_nodes(service);
    const auto named = environments.find(name);
    const auto known = service.inventory.find(name);
    if (!known && named == environments.end()) {
        throw base::Error(base::Fault::NotFound,
                          "node '{}' is neither enrolled nor in an environment; see 'tiercel node list'",
                          name);
    }
    base::Value value = known ? value_of(*known, service.roster) : declared(name);
    base::Object& members = *value.object();
    members.set("left", std::move(left_behind(service)[name]));
    members.set("environments", named == environments.end() ? std::vector<std::string>() : named->second);
    if (known) {
        const base::Value* program =
            known->hello.object() == nullptr ? nullptr : known->hello.object()->find("program");
        members.set("program", program == nullptr ? base::Value() : *program);
        members.set("certificate", known->serial);
        members.set("enrolled", base::to_rfc3339(known->enrolled));
        members.set("clock_ahead_ms",
                    known->skew_milliseconds ? base::Value(*known->skew_milliseconds) : base::Value());
        members.set("duplicate_connections", known->duplicates);
    }
    return Document{std::move(value)};
}

Answer revoke_node(Service& service, const Request& request) {
    const base::NodeName name(request.captures[0]);
    base::Transaction transaction(service.database);
    service.inventory.revoke(name, "revoked by " + request.caller.actor, service.alarms.now());
    transaction.commit();
    base::log(base::LogLevel::Info, "node revoked", {{"node", name.str()}, {"actor", request.caller.actor}});
    service.roster.close(name, "its certificate was revoked");
    return Document{};
}

} // namespace dispatcher::api
