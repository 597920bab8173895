// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// Who may do what.
#include "base/error.hpp"
#include "base/fields.hpp"
#include "base/log.hpp"
#include "dispatcher/api/routes.hpp"

namespace dispatcher::api {

Answer issue_token(Service& service, const Request& request) {
    const base::Value document = request.document();
    const base::Fields fields(document, "request");
    const std::string kind = fields.text("kind");
    if (kind != "enroll" && kind != "operator") {
        fields.fail("kind", fmt::format("'kind' is '{}', but must be 'enroll' or 'operator'", kind));
    }
    const bool enrolment = kind == "enroll";
    const std::string name = fields.text(enrolment ? "node" : "name");
    const std::string scope = enrolment ? "" : fields.text("scope");
    const std::string role = enrolment ? "" : fields.text("role", "");
    fields.finish();
    base::Transaction transaction(service.database);
    const auto issued = enrolment ? service.tokens.issue_enrolment(base::NodeName(name), request.caller.actor,
                                                                   service.alarms.now())
                                  : service.tokens.issue_operator(name, auth::scope_from(scope), role,
                                                                  request.caller.actor, service.alarms.now());
    transaction.commit();
    base::log(base::LogLevel::Info, "token issued",
              {{"token", issued.record.id}, {"kind", kind}, {"name", name}, {"actor", request.caller.actor}});
    return Document{
        base::Object{{"id", issued.record.id},
                     {"token", issued.text},
                     {"expires", issued.record.expires ? base::Value(base::to_rfc3339(*issued.record.expires))
                                                       : base::Value()}}};
}

Answer list_tokens(Service& service, const Request&) {
    base::Array list;
    for (const auth::TokenRecord& token : service.tokens.all()) {
        list.push_back(token.to_value(service.alarms.now()));
    }
    return Document{base::Object{{"tokens", std::move(list)}}};
}

Answer revoke_token(Service& service, const Request& request) {
    base::Transaction transaction(service.database);
    service.tokens.revoke(request.captures[0], service.alarms.now());
    transaction.commit();
    base::log(base::LogLevel::Info, "token revoked",
              {{"token", request.captures[0]}, {"actor", request.caller.actor}});
    return Document{};
}

} // namespace dispatcher::api
