// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// Environments: what people write about fleets.
#include "base/error.hpp"
#include "base/fields.hpp"
#include "base/log.hpp"
#include "base/toml.hpp"
#include "dispatcher/api/routes.hpp"
#include "workflows/engine/application.hpp"
#include "workflows/engine/desired.hpp"
#include "workflows/engine/environment_names.hpp"

#include <algorithm>

namespace dispatcher::api {

namespace {

namespace engine = workflows::engine;

/// The release whose settings are asked for: the one named, or what the environment runs.
std::vector<std::string> releases_of(const Service& service, const std::string& environment,
                                     const Request& request) {
    if (const auto given = request.target.query.find("release"); given != request.target.query.end()) {
        return {base::ReleaseName(given->second).str()};
    }
    std::vector<std::string> releases;
    for (const auto& [application, current] : service.environments.current(environment)) {
        if (current.release) {
            releases.push_back(*current.release);
        }
    }
    if (releases.empty()) {
        throw base::Error(base::Fault::NotFound,
                          "environment '{}' runs no release yet; name one with --release", environment);
    }
    return releases;
}

void add_settings(base::Array& list, std::vector<std::string>& known, const repo::Manifest& manifest,
                  const engine::Environment& environment, const std::optional<std::string>& key) {
    const engine::Application application =
        engine::Application::from_value(manifest.application, "release " + manifest.release.str());
    for (const engine::Component& component : application.components) {
        const base::ComponentName name = application.full_name(component);
        for (const engine::DeclaredNode* node : environment.nodes_of(name)) {
            for (const auto& [setting, explained] :
                 engine::explain_settings(manifest, environment, name, *node)) {
                if (key && setting != *key) {
                    known.push_back(setting);
                    continue;
                }
                list.push_back(base::Object{{"component", name.str()},
                                            {"node", node->name.str()},
                                            {"name", setting},
                                            {"value", explained.value},
                                            {"from", explained.from}});
            }
        }
    }
}

/// What is under way on a node is kept apart within its environment.
void require_own_nodes(const Service& service, const engine::Environment& environment) {
    for (const runs::EnvironmentVersion& other : service.environments.all()) {
        if (other.name == environment.name.str()) {
            continue;
        }
        const engine::Environment there = other.read();
        for (const engine::DeclaredNode& node : environment.nodes) {
            if (there.find(node.name) != nullptr) {
                throw base::Error(
                    base::Fault::Input,
                    "{}: node '{}' is of environment '{}', and a node is of one; take it out there first",
                    environment.file, node.name, other.name);
            }
        }
    }
}

} // namespace

Answer apply_environment(Service& service, const Request& request) {
    const base::Value document = request.document();
    const base::Fields fields(document, "request");
    const std::string file = fields.text("file");
    const std::string text = fields.text("text");
    fields.finish();
    const engine::Environment environment =
        engine::Environment::from_value(base::parse_toml(text, file), file);
    engine::check_names(environment);
    require_own_nodes(service, environment);
    base::Transaction transaction(service.database);
    const bool changed =
        service.environments.apply(environment, file, text, request.caller.actor, service.alarms.now());
    transaction.commit();
    const std::int64_t version = service.environments.find(environment.name.str()).version;
    if (changed) {
        base::log(
            base::LogLevel::Info, "environment changed",
            {{"environment", environment.name.str()}, {"version", version}, {"actor", request.caller.actor}});
        // Who waits with an approval of the old settings waits in vain.
        service.rollouts.look_again(environment.name.str());
    }
    return Document{
        base::Object{{"environment", environment.name.str()}, {"version", version}, {"changed", changed}}};
}

Answer list_environments(Service& service, const Request&) {
    base::Array list;
    for (const runs::EnvironmentVersion& version : service.environments.all()) {
        list.push_back(base::Object{{"name", version.name}, {"version", version.version}});
    }
    return Document{base::Object{{"environments", std::move(list)}}};
}

Answer show_environment(Service& service, const Request& request) {
    const runs::EnvironmentVersion version =
        service.environments.find(base::EnvironmentName(request.captures[0]).str());
    base::Array current;
    base::Array known_good;
    for (const auto& [application, now] : service.environments.current(version.name)) {
        current.push_back(base::Object{{"application", application},
                                       {"release", now.release ? base::Value(*now.release) : base::Value()},
                                       {"run", now.run},
                                       {"mixed", now.mixed ? base::Value(*now.mixed) : base::Value()}});
        for (const runs::KnownGood& good : service.environments.known_good(version.name, application)) {
            if (!good.withdrawn) {
                known_good.push_back(base::Object{{"application", application},
                                                  {"release", good.release},
                                                  {"run", good.run},
                                                  {"environment_version", good.environment_version},
                                                  {"time", base::to_rfc3339(good.time)}});
            }
        }
    }
    const auto lock = service.locks.find(version.name, service.alarms.now());
    const auto policy = service.policies.find(version.name);
    return Document{
        base::Object{{"name", version.name},
                     {"version", version.version},
                     {"time", base::to_rfc3339(version.time)},
                     {"actor", version.actor},
                     {"file", version.file},
                     {"text", version.text},
                     {"lock", lock ? base::Value(base::Object{{"holder", lock->holder},
                                                              {"reason", lock->reason},
                                                              {"since", base::to_rfc3339(lock->since)},
                                                              {"until", base::to_rfc3339(lock->until)}})
                                   : base::Value()},
                     {"policy", policy ? base::Value(base::Object{{"version", policy->version},
                                                                  {"actor", policy->actor},
                                                                  {"time", base::to_rfc3339(policy->time)},
                                                                  {"file", policy->file},
                                                                  {"text", policy->text}})
                                       : base::Value()},
                     {"current", std::move(current)},
                     {"known_good", std::move(known_good)}}};
}

Answer explain_settings(Service& service, const Request& request) {
    const runs::EnvironmentVersion version =
        service.environments.find(base::EnvironmentName(request.captures[0]).str());
    std::optional<std::string> key;
    if (const auto given = request.target.query.find("key"); given != request.target.query.end()) {
        key = given->second;
    }
    base::Array list;
    std::vector<std::string> known;
    for (const std::string& release : releases_of(service, version.name, request)) {
        const repo::Manifest manifest =
            service.releases.find(base::ReleaseName(release)).verified(service.releases.trusted_keys());
        add_settings(list, known, manifest, version.read(), key);
    }
    if (key && list.empty()) {
        throw base::Error(base::Fault::NotFound, "no component has a setting '{}'{}", *key,
                          base::hint(*key, known));
    }
    return Document{base::Object{{"settings", std::move(list)}}};
}

} // namespace dispatcher::api
