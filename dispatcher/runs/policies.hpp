// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/clock.hpp"
#include "base/database.hpp"
#include "workflows/engine/policy.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace dispatcher::runs {

/// One version of an environment's policy, as somebody wrote it.
struct PolicyVersion {
    std::string environment;
    std::int64_t version = 0;
    base::Time time;
    std::string actor;
    std::string file;
    std::string text;

    /// @throws base::Error{Input} `file:line: …`
    workflows::engine::Policy read() const;
};

/// Table `policies`. Writes belong into the caller's transaction.
class Policies {
public:
    explicit Policies(base::Database& database) : database_(database) {}

    /// A new version when the text differs from the newest one; false when it does not.
    bool apply(const workflows::engine::Policy& policy, const std::string& file, const std::string& text,
               const std::string& actor, base::Time now);
    /// The newest version; nothing for an environment without a policy.
    std::optional<PolicyVersion> find(const std::string& environment) const;
    /// What the newest version says; an environment without one asks for nothing.
    workflows::engine::Policy read(const std::string& environment) const;

private:
    base::Database& database_;
};

} // namespace dispatcher::runs
