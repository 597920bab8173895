// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/runs/policies.hpp"

#include "base/toml.hpp"

namespace dispatcher::runs {

namespace engine = workflows::engine;

engine::Policy PolicyVersion::read() const {
    return engine::Policy::from_value(base::parse_toml(text, file), file);
}

bool Policies::apply(const engine::Policy& policy, const std::string& file, const std::string& text,
                     const std::string& actor, base::Time now) {
    const auto newest = find(policy.environment.str());
    if (newest && newest->text == text) {
        return false;
    }
    database_
        .prepare(
            "INSERT INTO policies (environment, version, time, actor, file, text) VALUES (?, ?, ?, ?, ?, ?)")
        .with(policy.environment.str(), newest ? newest->version + 1 : 1, base::to_rfc3339(now), actor, file,
              text)
        .run();
    return true;
}

std::optional<PolicyVersion> Policies::find(const std::string& environment) const {
    base::Statement row =
        database_.prepare("SELECT environment, version, time, actor, file, text FROM policies "
                          "WHERE environment = ? ORDER BY version DESC LIMIT 1");
    if (!row.with(environment).step()) {
        return std::nullopt;
    }
    return PolicyVersion{.environment = row.text(0),
                         .version = row.whole(1),
                         .time = base::from_rfc3339(row.text(2)),
                         .actor = row.text(3),
                         .file = row.text(4),
                         .text = row.text(5)};
}

engine::Policy Policies::read(const std::string& environment) const {
    const auto version = find(environment);
    return version ? version->read() : engine::Policy{base::EnvironmentName(environment), {}, {}, {}};
}

} // namespace dispatcher::runs
