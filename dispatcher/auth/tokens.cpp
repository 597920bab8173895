// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/auth/tokens.hpp"

#include "base/error.hpp"
#include "dispatcher/protocol/token.hpp"

#include <fmt/format.h>

namespace dispatcher::auth {

namespace {

constexpr std::chrono::hours enrolment_lifetime{24};
constexpr std::string_view columns =
    "id, kind, name, scope, created, created_by, expires, used, revoked, role";

std::optional<base::Time> maybe_time(const base::Statement& row, int column) {
    return row.is_null(column) ? std::nullopt
                               : std::optional<base::Time>(base::from_rfc3339(row.text(column)));
}

TokenRecord record(const base::Statement& row) {
    return {.id = row.text(0),
            .kind = row.text(1),
            .name = row.text(2),
            .scope = row.text(3),
            .role = row.text(9),
            .created = base::from_rfc3339(row.text(4)),
            .created_by = row.text(5),
            .expires = maybe_time(row, 6),
            .used = maybe_time(row, 7),
            .revoked = maybe_time(row, 8)};
}

base::Value text_of(const std::optional<base::Time>& time) {
    return time ? base::Value(base::to_rfc3339(*time)) : base::Value();
}

} // namespace

std::string_view TokenRecord::state(base::Time now) const noexcept {
    if (revoked) {
        return "revoked";
    }
    if (used) {
        return "used";
    }
    return expires && *expires <= now ? "expired" : "active";
}

base::Value TokenRecord::to_value(base::Time now) const {
    return base::Object{{"id", id},
                        {"kind", kind},
                        {kind == "enroll" ? "node" : "name", name},
                        {"scope", kind == "enroll" ? base::Value() : base::Value(scope)},
                        {"role", role.empty() ? base::Value() : base::Value(role)},
                        {"state", state(now)},
                        {"created", base::to_rfc3339(created)},
                        {"created_by", created_by},
                        {"expires", text_of(expires)}};
}

Tokens::Issued Tokens::issue(TokenRecord token) {
    const std::string secret = base::to_hex(base::random_bytes(32));
    token.id = base::make_ulid(token.created);
    database_
        .prepare("INSERT INTO tokens (id, kind, name, scope, secret, created, created_by, expires, role) "
                 "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)")
        .with(token.id, token.kind, token.name, token.scope, base::sha256(secret).str(),
              base::to_rfc3339(token.created), token.created_by,
              token.expires ? std::optional<std::string>(base::to_rfc3339(*token.expires)) : std::nullopt,
              token.role)
        .run();
    const protocol::Token text{.id = token.id,
                               .secret = secret,
                               .kind = token.kind,
                               .ca = pins_.ca,
                               .release_keys = pins_.release_keys,
                               .package_keys = pins_.package_keys};
    return {token, text.text()};
}

Tokens::Issued Tokens::issue_operator(const std::string& name, Scope scope, const std::string& role,
                                      const std::string& actor, base::Time now) {
    base::check_word(name, "operator's name");
    if (!role.empty()) {
        base::check_word(role, "role");
    }
    return issue({.id = {},
                  .kind = "operator",
                  .name = name,
                  .scope = std::string(word(scope)),
                  .role = role,
                  .created = now,
                  .created_by = actor,
                  .expires = {},
                  .used = {},
                  .revoked = {}});
}

Tokens::Issued Tokens::issue_enrolment(const base::NodeName& node, const std::string& actor, base::Time now) {
    return issue({.id = {},
                  .kind = "enroll",
                  .name = node.str(),
                  .scope = {},
                  .role = {},
                  .created = now,
                  .created_by = actor,
                  .expires = now + enrolment_lifetime,
                  .used = {},
                  .revoked = {}});
}

std::optional<TokenRecord> Tokens::find(std::string_view text) const {
    const protocol::Token token = protocol::Token::parse(text);
    base::Statement row =
        database_.prepare(fmt::format("SELECT {}, secret FROM tokens WHERE id = ?", columns));
    const bool known = row.with(token.id).step();
    // An unknown id takes as long as a wrong secret.
    const std::string expected = known ? row.text(10) : base::sha256("").str();
    const bool right = base::same_secret(base::sha256(token.secret).str(), expected);
    return known && right ? std::optional<TokenRecord>(record(row)) : std::nullopt;
}

Caller Tokens::authenticate(std::string_view text, base::Time now) const {
    std::optional<TokenRecord> token;
    try {
        token = find(text);
    } catch (const base::Error&) {
        // A text that is no token says no more about itself than an unknown one.
    }
    if (!token || token->kind != "operator" || token->state(now) != "active") {
        throw base::Error(
            base::Fault::Denied,
            std::string(
                "token is not valid here: it is unknown, revoked, or no operator's token; get one with "
                "'tiercel token new --name NAME --scope SCOPE'"));
    }
    return {
        .scope = scope_from(token->scope), .role = token->role, .node = {}, .actor = "token:" + token->name};
}

void Tokens::mark_used(const std::string& id, base::Time now) {
    database_.prepare("UPDATE tokens SET used = ? WHERE id = ?").with(base::to_rfc3339(now), id).run();
}

std::vector<TokenRecord> Tokens::all() const {
    base::Statement rows =
        database_.prepare(fmt::format("SELECT {} FROM tokens ORDER BY created, id", columns));
    std::vector<TokenRecord> tokens;
    while (rows.step()) {
        tokens.push_back(record(rows));
    }
    return tokens;
}

void Tokens::revoke(const std::string& id, base::Time now) {
    base::Statement row = database_.prepare("SELECT 1 FROM tokens WHERE id = ?");
    if (!row.with(id).step()) {
        throw base::Error(base::Fault::NotFound, "token '{}' does not exist; see 'tiercel token list'", id);
    }
    row.reset();
    database_.prepare("UPDATE tokens SET revoked = coalesce(revoked, ?) WHERE id = ?")
        .with(base::to_rfc3339(now), id)
        .run();
}

bool Tokens::issued_to(const std::string& name) const {
    base::Statement row = database_.prepare("SELECT 1 FROM tokens WHERE kind = 'operator' AND name = ?");
    return row.with(name).step();
}

} // namespace dispatcher::auth
