// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/auth/policy.hpp"

#include "base/error.hpp"

namespace dispatcher::auth {

std::string_view word(Scope scope) noexcept {
    switch (scope) {
    case Scope::Read:
        return "read";
    case Scope::Operate:
        return "operate";
    case Scope::Admin:
        return "admin";
    }
    return "read";
}

Scope scope_from(std::string_view text) {
    for (const Scope scope : {Scope::Read, Scope::Operate, Scope::Admin}) {
        if (word(scope) == text) {
            return scope;
        }
    }
    throw base::Error(base::Fault::Input, "scope '{}' does not exist; it is read, operate or admin", text);
}

Policy::Verdict Policy::judge(const Caller& caller) const noexcept {
    if (anybody_ || (node_ && caller.node) || (least_ && caller.scope && *caller.scope >= *least_)) {
        return Verdict::Allowed;
    }
    return caller.scope || caller.node ? Verdict::Forbidden : Verdict::Unauthenticated;
}

std::string Policy::wanted() const {
    std::string text = least_ ? fmt::format("a token with scope '{}'", word(*least_)) : "";
    if (node_) {
        text += least_ ? " or a node's certificate" : "a node's certificate";
    }
    return text;
}

} // namespace dispatcher::auth
