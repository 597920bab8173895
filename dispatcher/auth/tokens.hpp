// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/clock.hpp"
#include "base/database.hpp"
#include "base/digest.hpp"
#include "base/name.hpp"
#include "base/value.hpp"
#include "dispatcher/auth/policy.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dispatcher::auth {

/// What every token carries besides its secret, so that its holder can authenticate the dispatcher and pin
/// the keys.
struct Pins {
    base::Digest ca;
    std::vector<base::Digest> release_keys;
    std::vector<base::Digest> package_keys;
};

struct TokenRecord {
    std::string id;
    std::string kind;  ///< "operator", "enroll"
    std::string name;  ///< of the operator, or of the node
    std::string scope; ///< of an operator's token
    std::string role;  ///< of an operator's token: what approvals may ask for; empty: none
    base::Time created;
    std::string created_by;
    std::optional<base::Time> expires;
    std::optional<base::Time> used; ///< enrolment: once
    std::optional<base::Time> revoked;

    /// "active", "used", "expired", "revoked"
    std::string_view state(base::Time now) const noexcept;
    base::Value to_value(base::Time now) const;
};

/// Table `tokens`: of a secret only the SHA-256 is kept.
class Tokens {
public:
    Tokens(base::Database& database, Pins pins) : database_(database), pins_(std::move(pins)) {}

    struct Issued {
        TokenRecord record;
        std::string text; ///< shown once
    };
    Issued issue_operator(const std::string& name, Scope scope, const std::string& role,
                          const std::string& actor, base::Time now);
    /// One use, one day.
    Issued issue_enrolment(const base::NodeName& node, const std::string& actor, base::Time now);

    /// The record behind a token's text when id and secret are right, whatever its state. Nothing else: not
    /// even why.
    std::optional<TokenRecord> find(std::string_view text) const;
    /// The holder of an active operator's token. @throws base::Error{Denied}
    Caller authenticate(std::string_view text, base::Time now) const;
    void mark_used(const std::string& id, base::Time now);

    std::vector<TokenRecord> all() const;
    /// @throws base::Error{NotFound}
    void revoke(const std::string& id, base::Time now);
    /// True when an operator's token of this name was ever issued.
    bool issued_to(const std::string& name) const;

private:
    Issued issue(TokenRecord record);
    base::Database& database_;
    Pins pins_;
};

} // namespace dispatcher::auth
