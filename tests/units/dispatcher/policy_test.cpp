// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/auth/policy.hpp"
#include "tests/catch.hpp"

#include <type_traits>

using namespace dispatcher::auth;
using Verdict = Policy::Verdict;

namespace {

Caller holder(Scope scope) {
    return {.scope = scope, .role = {}, .node = {}, .actor = "token:x"};
}
const Caller node{.scope = {}, .role = {}, .node = base::NodeName("web-1"), .actor = "node:web-1"};
const Caller nobody;

} // namespace

TEST_CASE("a handler cannot be declared without a policy") {
    STATIC_REQUIRE_FALSE(std::is_default_constructible_v<Policy>);
}

TEST_CASE("each scope includes the ones before it, and a certificate is no token") {
    for (const Scope least : {Scope::Read, Scope::Operate, Scope::Admin}) {
        const Policy policy = Policy::token(least);
        for (const Scope scope : {Scope::Read, Scope::Operate, Scope::Admin}) {
            CHECK(policy.judge(holder(scope)) == (scope >= least ? Verdict::Allowed : Verdict::Forbidden));
        }
        CHECK(policy.judge(node) == Verdict::Forbidden);
        CHECK(policy.judge(nobody) == Verdict::Unauthenticated);
    }
}

TEST_CASE("what is for nodes is not for tokens, unless it says so") {
    CHECK(Policy::node().judge(node) == Verdict::Allowed);
    CHECK(Policy::node().judge(holder(Scope::Admin)) == Verdict::Forbidden);
    CHECK(Policy::node().judge(nobody) == Verdict::Unauthenticated);
    CHECK(Policy::node_or_token(Scope::Read).judge(node) == Verdict::Allowed);
    CHECK(Policy::node_or_token(Scope::Read).judge(holder(Scope::Read)) == Verdict::Allowed);
    CHECK(Policy::node_or_token(Scope::Read).judge(nobody) == Verdict::Unauthenticated);
    CHECK(Policy::anybody().judge(nobody) == Verdict::Allowed);
    CHECK(Policy::node_or_token(Scope::Read).wanted() == "a token with scope 'read' or a node's certificate");
}
