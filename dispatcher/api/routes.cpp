// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/api/routes.hpp"

#include "base/error.hpp"

#include <array>
#include <optional>

namespace dispatcher::api {

namespace {

using auth::Policy;
using auth::Scope;

constexpr std::size_t small = 64U << 10;
constexpr std::size_t large = 4U << 20;

constexpr std::array table = {
    Route{"GET", "/v1/status", Policy::token(Scope::Read), get_status},
    // The one-time token in its body is its authority.
    Route{"POST", "/v1/enroll", Policy::anybody(), enroll, small},
    Route{"GET", "/v1/link", Policy::node(), link},
    Route{"GET", "/v1/packages/{}", Policy::node_or_token(Scope::Read), get_package},
    Route{"GET", "/v1/releases/{}", Policy::node_or_token(Scope::Read), get_release},
    Route{"POST", "/v1/environments", Policy::token(Scope::Operate), apply_environment, large},
    Route{"GET", "/v1/environments", Policy::token(Scope::Read), list_environments},
    Route{"GET", "/v1/environments/{}", Policy::token(Scope::Read), show_environment},
    Route{"GET", "/v1/environments/{}/settings", Policy::token(Scope::Read), explain_settings},
    Route{"POST", "/v1/environments/{}/lock", Policy::token(Scope::Operate), lock_environment, small},
    Route{"DELETE", "/v1/environments/{}/lock", Policy::token(Scope::Operate), unlock_environment},
    // Who edits settings or deploys must not be able to waive an approval.
    Route{"POST", "/v1/policies", Policy::token(Scope::Admin), apply_policy, large},
    Route{"POST", "/v1/plans", Policy::token(Scope::Read), make_plan, small},
    Route{"POST", "/v1/runs", Policy::token(Scope::Operate), start_run, small},
    Route{"GET", "/v1/runs", Policy::token(Scope::Read), list_runs},
    Route{"GET", "/v1/runs/{}", Policy::token(Scope::Read), show_run},
    Route{"GET", "/v1/runs/{}/events", Policy::token(Scope::Read), follow_run},
    Route{"GET", "/v1/runs/{}/explain", Policy::token(Scope::Read), explain_run},
    Route{"GET", "/v1/runs/{}/journal", Policy::token(Scope::Operate), show_journal},
    Route{"POST", "/v1/runs/{}/signals", Policy::token(Scope::Operate), signal_run, small},
    Route{"POST", "/v1/runs/{}/continue", Policy::token(Scope::Admin), continue_run, large},
    Route{"GET", "/v1/nodes", Policy::token(Scope::Read), list_nodes},
    Route{"GET", "/v1/nodes/{}", Policy::token(Scope::Read), show_node},
    Route{"DELETE", "/v1/nodes/{}", Policy::token(Scope::Admin), revoke_node},
    Route{"POST", "/v1/tokens", Policy::token(Scope::Admin), issue_token, small},
    Route{"GET", "/v1/tokens", Policy::token(Scope::Admin), list_tokens},
    Route{"DELETE", "/v1/tokens/{}", Policy::token(Scope::Admin), revoke_token},
};

std::optional<std::vector<std::string>> match(std::string_view pattern,
                                              const std::vector<std::string>& path) {
    std::vector<std::string> captures;
    std::size_t at = 0;
    pattern.remove_prefix(1);
    while (true) {
        const std::size_t end = pattern.find('/');
        const std::string_view part = pattern.substr(0, end);
        if (at == path.size() || (part != "{}" && part != path[at])) {
            return std::nullopt;
        }
        if (part == "{}") {
            captures.push_back(path[at]);
        }
        ++at;
        if (end == std::string_view::npos) {
            return at == path.size() ? std::optional(captures) : std::nullopt;
        }
        pattern.remove_prefix(end + 1);
    }
}

} // namespace

std::span<const Route> routes() {
    return table;
}

Routed find_route(std::string_view method, const Target& target) {
    std::string known;
    for (const Route& route : table) {
        if (auto captures = match(route.path, target.path)) {
            if (route.method == method) {
                return {&route, std::move(*captures)};
            }
            known += (known.empty() ? "" : ", ") + std::string(route.method);
        }
    }
    if (!known.empty()) {
        throw base::Error(base::Fault::NotFound, "there is no {} here, only {}", method, known);
    }
    throw base::Error(base::Fault::NotFound,
                      std::string("there is nothing at this path; see docs/protocol.md"));
}

} // namespace dispatcher::api
