// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/name.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace dispatcher::auth {

/// What an operator's token may do; each includes the ones before it.
enum class Scope { Read, Operate, Admin };
std::string_view word(Scope scope) noexcept;
/// @throws base::Error{Input} with the scopes that exist.
Scope scope_from(std::string_view word);

/// Who stands at the other end of a request: nobody, the holder of an operator's token, or an enrolled node.
struct Caller {
    std::optional<Scope> scope;         ///< of an operator's token
    std::string role;                   ///< of that token, for approvals; empty: none
    std::optional<base::NodeName> node; ///< by certificate, enrolled and not revoked
    std::string actor = "nobody";       ///< as journals and notes name it: "token:alice", "node:web-1"
};

/// Who may call a handler. Cannot be left out: it has no default.
class Policy {
public:
    enum class Verdict { Allowed, Unauthenticated, Forbidden };

    /// The holder of an operator's token with at least this scope.
    static constexpr Policy token(Scope least) { return {least, false, false}; }
    /// An enrolled node.
    static constexpr Policy node() { return {std::nullopt, true, false}; }
    static constexpr Policy node_or_token(Scope least) { return {least, true, false}; }
    /// Anybody: what the request carries in its body is its authority.
    static constexpr Policy anybody() { return {std::nullopt, false, true}; }

    Verdict judge(const Caller& caller) const noexcept;
    /// For the answer to who is not allowed: "needs a token with scope 'operate'".
    std::string wanted() const;

private:
    constexpr Policy(std::optional<Scope> least, bool node, bool anybody)
        : least_(least), node_(node), anybody_(anybody) {}
    std::optional<Scope> least_;
    bool node_;
    bool anybody_;
};

} // namespace dispatcher::auth
