// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/nodes/enrolment.hpp"

#include "base/error.hpp"
#include "base/log.hpp"

namespace dispatcher::nodes {

base::Certificate enroll(base::Database& database, auth::Tokens& tokens, Inventory& inventory,
                         const Authority& authority, std::string_view token_text,
                         std::string_view request_pem, base::Time now) {
    const base::Digest request = base::sha256(request_pem);
    base::Transaction transaction(database);
    const auto token = tokens.find(token_text);
    if (!token || token->kind != "enroll") {
        throw base::Error(
            base::Fault::Denied,
            std::string(
                "token is not valid here for an enrolment; get one with 'tiercel token new --node NAME'"));
    }
    const base::NodeName node(token->name);
    if (token->state(now) == "used") {
        if (auto before = inventory.given(token->id, request)) {
            return *before;
        }
    }
    if (token->state(now) != "active") {
        throw base::Error(base::Fault::Denied,
                          "token for node '{}' is {}; get a new one with 'tiercel token new --node {}'", node,
                          token->state(now), node);
    }
    base::Certificate certificate = authority.sign(request_pem, node, now);
    inventory.enroll(node, certificate, request, token->id, now);
    tokens.mark_used(token->id, now);
    transaction.commit();
    base::log(base::LogLevel::Info, "node enrolled", {{"node", node.str()}, {"serial", certificate.serial}});
    return certificate;
}

} // namespace dispatcher::nodes
