// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// `tiercel token`: who may do what.
#include "base/error.hpp"
#include "base/json.hpp"
#include "cli/document.hpp"
#include "cli/nouns.hpp"
#include "cli/server.hpp"
#include "cli/terminal.hpp"

#include <iostream>

namespace cli {

namespace {

int make(const Arguments& arguments) {
    const auto node = arguments.maybe("--node");
    const auto name = arguments.maybe("--name");
    if (node.has_value() == name.has_value()) {
        throw base::Error(
            base::Fault::Input,
            std::string(
                "a token is for one node or one operator; give --node NAME or --name NAME --scope SCOPE"));
    }
    const base::Value answer = Server::from(arguments).post(
        "/v1/tokens", node ? base::Value(base::Object{{"kind", "enroll"}, {"node", *node}})
                           : base::Value(base::Object{{"kind", "operator"},
                                                      {"name", *name},
                                                      {"scope", arguments.maybe("--scope").value_or("read")},
                                                      {"role", arguments.maybe("--role").value_or("")}}));
    std::cout << (arguments.json ? base::to_json(answer) : text_of(answer, "token")) << "\n";
    return 0;
}

int list(const Arguments& arguments) {
    const base::Value answer = Server::from(arguments).get("/v1/tokens");
    if (arguments.json) {
        std::cout << base::to_json(answer) << "\n";
        return 0;
    }
    std::vector<std::vector<std::string>> rows{{"ID", "KIND", "FOR", "SCOPE", "ROLE", "EXPIRES", "STATE"}};
    for (const base::Value& token : list_of(answer, "tokens")) {
        const std::string node = text_of(token, "node");
        rows.push_back({text_of(token, "id"), text_of(token, "kind"),
                        node.empty() ? text_of(token, "name") : node, text_of(token, "scope"),
                        text_of(token, "role"), text_of(token, "expires"), text_of(token, "state")});
    }
    std::cout << table(rows);
    return 0;
}

int revoke(const Arguments& arguments) {
    Server::from(arguments).remove("/v1/tokens/" + url_part(arguments.text("ID")));
    if (!arguments.quiet && !arguments.json) {
        std::cout << "token " << arguments.text("ID") << " is revoked\n";
    }
    return 0;
}

} // namespace

std::vector<Verb> token_verbs() {
    return {
        {"token", "new", "A one-time token for a node's enrolment, or an operator's token with a scope",
         "tiercel token new --node web-1",
         Server::options(
             {{"--node", "enrolment of this node", Option::Kind::Text, false},
              {"--name", "operator or program that will use it", Option::Kind::Text, false},
              {"--scope", "read (default), operate or admin", Option::Kind::Text, false},
              {"--role", "what approvals may ask for, as release-manager", Option::Kind::Text, false}}),
         make},
        {"token", "list", "Tokens, without their secrets", "tiercel token list", Server::options({}), list},
        {"token", "revoke", "End a token at once", "tiercel token revoke 01J…",
         Server::options({{"ID", "of the token", Option::Kind::Positional, true}}), revoke},
    };
}

} // namespace cli
