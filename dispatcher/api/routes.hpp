// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "dispatcher/api/request.hpp"
#include "dispatcher/api/service.hpp"

#include <span>
#include <string_view>

namespace dispatcher::api {

using Handler = Answer (*)(Service& service, const Request& request);

/// One line of docs/protocol.md: who may call what. A route without a policy does not compile, because a
/// policy has no default.
struct Route {
    std::string_view method;
    std::string_view path; ///< "/v1/runs/{}/events": `{}` stands for one segment
    auth::Policy policy;
    Handler handler;
    std::size_t body_limit_bytes = 0; ///< more is refused before it is read
};

std::span<const Route> routes();

/// The route of a request and what stood at its `{}`. @throws base::Error{NotFound}
struct Routed {
    const Route* route;
    std::vector<std::string> captures;
};
Routed find_route(std::string_view method, const Target& target);

// The handlers, by noun.
Answer get_status(Service& service, const Request& request);
Answer enroll(Service& service, const Request& request);
Answer link(Service& service, const Request& request);
Answer get_package(Service& service, const Request& request);
Answer get_release(Service& service, const Request& request);

Answer apply_environment(Service& service, const Request& request);
Answer list_environments(Service& service, const Request& request);
Answer show_environment(Service& service, const Request& request);
Answer explain_settings(Service& service, const Request& request);
Answer apply_policy(Service& service, const Request& request);
Answer lock_environment(Service& service, const Request& request);
Answer unlock_environment(Service& service, const Request& request);

Answer make_plan(Service& service, const Request& request);
Answer start_run(Service& service, const Request& request);
Answer list_runs(Service& service, const Request& request);
Answer show_run(Service& service, const Request& request);
Answer follow_run(Service& service, const Request& request);
Answer explain_run(Service& service, const Request& request);
Answer show_journal(Service& service, const Request& request);
Answer signal_run(Service& service, const Request& request);
Answer continue_run(Service& service, const Request& request);

Answer list_nodes(Service& service, const Request& request);
Answer show_node(Service& service, const Request& request);
Answer revoke_node(Service& service, const Request& request);

Answer issue_token(Service& service, const Request& request);
Answer list_tokens(Service& service, const Request& request);
Answer revoke_token(Service& service, const Request& request);

} // namespace dispatcher::api
