// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// What holds runs of an environment: its policy, and locks.
#include "base/error.hpp"
#include "base/fields.hpp"
#include "base/log.hpp"
#include "base/toml.hpp"
#include "dispatcher/api/routes.hpp"

namespace dispatcher::api {

namespace engine = workflows::engine;

namespace {

constexpr std::chrono::hours lease{24};

} // namespace

Answer apply_policy(Service& service, const Request& request) {
    const base::Value document = request.document();
    const base::Fields fields(document, "request");
    const std::string file = fields.text("file");
    const std::string text = fields.text("text");
    fields.finish();
    const base::Value written = base::parse_toml(text, file);
    const engine::Policy policy = engine::Policy::from_value(written, file);
    const std::string environment = policy.environment.str();
    engine::check_names(written, file, service.environments.find(environment).read());
    base::Transaction transaction(service.database);
    const bool changed =
        service.policies.apply(policy, file, text, request.caller.actor, service.alarms.now());
    transaction.commit();
    const std::int64_t version = service.policies.find(environment)->version;
    if (changed) {
        base::log(base::LogLevel::Info, "policy changed",
                  {{"environment", environment}, {"version", version}, {"actor", request.caller.actor}});
        service.rollouts.look_again(environment);
    }
    return Document{base::Object{{"policy", environment}, {"version", version}, {"changed", changed}}};
}

Answer lock_environment(Service& service, const Request& request) {
    const base::Value document = request.document();
    const base::Fields fields(document, "request");
    const base::Time now = service.alarms.now();
    const runs::Lock lock{.environment = service.environments.find(request.captures[0]).name,
                          .holder = request.caller.actor,
                          .reason = fields.text("reason"),
                          .since = now,
                          .until = now + fields.duration("for", lease)};
    fields.finish();
    base::Transaction transaction(service.database);
    service.locks.take(lock);
    transaction.commit();
    base::log(base::LogLevel::Info, "environment locked",
              {{"environment", lock.environment}, {"actor", lock.holder}, {"reason", lock.reason}});
    service.rollouts.look_again(lock.environment);
    return Document{base::Object{{"until", base::to_rfc3339(lock.until)}}};
}

Answer unlock_environment(Service& service, const Request& request) {
    const std::string environment = service.environments.find(request.captures[0]).name;
    const auto lock = service.locks.find(environment, service.alarms.now());
    if (!lock) {
        throw base::Error(base::Fault::NotFound, "environment '{}' is not locked", environment);
    }
    if (lock->holder != request.caller.actor && request.caller.scope != auth::Scope::Admin) {
        throw base::Error(base::Fault::Denied, "{}; only they and administrators may unlock it", lock->str());
    }
    base::Transaction transaction(service.database);
    service.locks.release(environment);
    transaction.commit();
    base::log(base::LogLevel::Info, "environment unlocked",
              {{"environment", environment}, {"actor", request.caller.actor}, {"holder", lock->holder}});
    service.rollouts.look_again(environment);
    return Document{};
}

} // namespace dispatcher::api
