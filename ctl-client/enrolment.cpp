// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "ctl-client/enrolment.hpp"

#include "base/certificate.hpp"
#include "base/error.hpp"
#include "base/json.hpp"
#include "ctl-client/server_connection.hpp"
#include "dispatcher/protocol/token.hpp"

#include <algorithm>
#include <unistd.h>

namespace ctl_client {
namespace {

using dispatcher::protocol::Token;

/// Only informative: the dispatcher names the node after its token.
base::NodeName own_host_name() {
    std::array<char, 256> name{};
    ::gethostname(name.data(), name.size() - 1);
    try {
        return base::NodeName(name.data());
    } catch (const base::Error&) {
        return base::NodeName("node");
    }
}

template <class List> bool contains(const List& list, const base::Digest& digest) {
    return std::find(list.begin(), list.end(), digest) != list.end();
}

void refuse_key(std::string_view kind, const base::Digest& key, const std::string& server) {
    throw base::Error(base::Fault::Denied,
                      "'{}' shows a {} key '{}' that the token does not name; nothing was trusted", server,
                      kind, key.str());
}

} // namespace

Identity enroll(const StateDirectory& state, const std::string& server, const std::string& token_text,
                const std::filesystem::path& root) {
    const Token token = Token::parse(token_text);
    if (token.kind != "enroll") {
        throw base::Error(
            base::Fault::Input,
            "this token is for an {}, not for a node; make one with: tiercel token new --node NAME",
            token.kind);
    }
    if (const auto known = Identity::load(state); known && known->enrolled()) {
        throw base::Error(
            base::Fault::Conflict,
            "this node is enrolled as '{}' at '{}' already; use another --state, or remove '{}' first",
            known->node, known->server, state.identity().string());
    }
    Identity identity;
    identity.server = server_address(server);
    identity.ca = token.ca;
    identity.root = root;
    const base::PrivateKey key = base::PrivateKey::generate(base::KeyKind::EcdsaP256);
    identity.key_pem = key.pem();
    const std::string request = base::to_json(base::Object{
        {"token", token_text}, {"request", base::make_certificate_request(key, own_host_name())}});

    const Deadline deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    const base::TlsContext context = base::TlsContext::client(token.ca, std::nullopt);
    ServerConnection connection(identity.server, context, deadline);
    std::string body;
    const auto head = connection.exchange("POST", "/v1/enroll",
                                          {{"content-type", "application/json"}, {"connection", "close"}},
                                          request, body, deadline);
    const base::Value answer = base::parse_json(body, identity.server);
    const base::Fields fields(answer, identity.server);
    if (head.status >= 300) {
        throw base::Error(base::fault_from(fields.text("fault", "denied")), "'{}' refuses the enrolment: {}",
                          identity.server, fields.text("message", fmt::format("status {}", head.status)));
    }

    const base::Certificate certificate = base::Certificate::parse(fields.text("certificate"));
    identity.node = fields.text("node");
    if (!certificate.node || certificate.node->str() != identity.node) {
        throw base::Error(base::Fault::Denied,
                          "'{}' signed a certificate that does not name node '{}'; nothing was trusted",
                          identity.server, identity.node);
    }
    identity.certificate_pem = certificate.pem;
    for (const std::string& pem : fields.texts("release_keys")) {
        base::PublicKey release_key = base::PublicKey::from_pem(pem);
        if (!contains(token.release_keys, release_key.fingerprint())) {
            refuse_key("release", release_key.fingerprint(), identity.server);
        }
        identity.release_keys.push_back(std::move(release_key));
    }
    for (const std::string& armored : fields.texts("package_keys")) {
        if (!contains(token.package_keys, base::sha256(armored))) {
            refuse_key("package", base::sha256(armored), identity.server);
        }
        identity.package_keys.armored.push_back(armored);
    }
    identity.save(state);
    return identity;
}

} // namespace ctl_client
