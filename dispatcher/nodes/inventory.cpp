// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/nodes/inventory.hpp"

#include "base/error.hpp"
#include "base/json.hpp"

#include <fmt/format.h>

namespace dispatcher::nodes {

namespace {

constexpr std::string_view columns =
    "name, state, serial, enrolled, last_seen, hello, skew_milliseconds, duplicates";

NodeRecord record(const base::Statement& row) {
    NodeRecord node{.name = base::NodeName(row.text(0)),
                    .state = row.text(1),
                    .serial = row.text(2),
                    .enrolled = base::from_rfc3339(row.text(3)),
                    .last_seen = {},
                    .hello = {},
                    .skew_milliseconds = {},
                    .duplicates = row.whole(7)};
    if (!row.is_null(4)) {
        node.last_seen = base::from_rfc3339(row.text(4));
    }
    if (!row.is_null(5)) {
        node.hello = base::parse_json(row.text(5), "hello of " + node.name.str());
    }
    if (!row.is_null(6)) {
        node.skew_milliseconds = row.whole(6);
    }
    return node;
}

} // namespace

void Inventory::enroll(const base::NodeName& node, const base::Certificate& certificate,
                       const base::Digest& request, const std::string& token, base::Time now) {
    const std::string time = base::to_rfc3339(now);
    database_
        .prepare("UPDATE certificates SET revoked = ?, revoked_because = 'replaced' WHERE node = ? AND "
                 "revoked IS NULL")
        .with(time, node.str())
        .run();
    database_
        .prepare(
            "INSERT INTO certificates (serial, node, pem, request, token, issued) VALUES (?, ?, ?, ?, ?, ?)")
        .with(certificate.serial, node.str(), certificate.pem, request.str(), token, time)
        .run();
    database_
        .prepare("INSERT INTO nodes (name, state, serial, enrolled) VALUES (?, 'enrolled', ?, ?) "
                 "ON CONFLICT (name) DO UPDATE SET state = 'enrolled', serial = excluded.serial, enrolled = "
                 "excluded.enrolled")
        .with(node.str(), certificate.serial, time)
        .run();
}

std::optional<base::Certificate> Inventory::given(const std::string& token,
                                                  const base::Digest& request) const {
    base::Statement row =
        database_.prepare("SELECT pem FROM certificates WHERE token = ? AND request = ? AND revoked IS NULL");
    return row.with(token, request.str()).step()
               ? std::optional<base::Certificate>(base::Certificate::parse(row.text(0)))
               : std::nullopt;
}

void Inventory::revoke(const base::NodeName& node, const std::string& because, base::Time now) {
    if (!find(node)) {
        throw base::Error(base::Fault::NotFound, "node '{}' was never enrolled; see 'tiercel node list'",
                          node);
    }
    database_
        .prepare(
            "UPDATE certificates SET revoked = ?, revoked_because = ? WHERE node = ? AND revoked IS NULL")
        .with(base::to_rfc3339(now), because, node.str())
        .run();
    database_.prepare("UPDATE nodes SET state = 'revoked' WHERE name = ?").with(node.str()).run();
}

base::NodeName Inventory::admit(const base::Certificate& certificate) const {
    base::Statement row =
        database_.prepare("SELECT node, revoked, revoked_because FROM certificates WHERE serial = ?");
    if (!certificate.node || !row.with(certificate.serial).step() || row.text(0) != certificate.node->str()) {
        throw base::Error(base::Fault::Denied, "certificate {} is not known here; enrol the node anew",
                          certificate.serial);
    }
    if (!row.is_null(1)) {
        throw base::Error(base::Fault::Denied,
                          "certificate {} of node '{}' is revoked since {} ({}); enrol the node anew",
                          certificate.serial, *certificate.node, row.text(1), row.text(2));
    }
    return *certificate.node;
}

void Inventory::said_hello(const protocol::Hello& hello, base::Time now) {
    database_
        .prepare("UPDATE nodes SET state = 'active', last_seen = ?, hello = ?, skew_milliseconds = ? WHERE "
                 "name = ?")
        .with(base::to_rfc3339(now), protocol::encode(hello), (hello.time - now).count(), hello.node.str())
        .run();
}

void Inventory::left(const protocol::Hello& hello, base::Time now) {
    database_.prepare("UPDATE nodes SET last_seen = ?, hello = ? WHERE name = ?")
        .with(base::to_rfc3339(now), protocol::encode(hello), hello.node.str())
        .run();
}

void Inventory::count_duplicate(const base::NodeName& node) {
    database_.prepare("UPDATE nodes SET duplicates = duplicates + 1 WHERE name = ?").with(node.str()).run();
}

std::optional<NodeRecord> Inventory::find(const base::NodeName& node) const {
    base::Statement row = database_.prepare(fmt::format("SELECT {} FROM nodes WHERE name = ?", columns));
    return row.with(node.str()).step() ? std::optional<NodeRecord>(record(row)) : std::nullopt;
}

std::vector<NodeRecord> Inventory::all() const {
    base::Statement rows = database_.prepare(fmt::format("SELECT {} FROM nodes ORDER BY name", columns));
    std::vector<NodeRecord> nodes;
    while (rows.step()) {
        nodes.push_back(record(rows));
    }
    return nodes;
}

} // namespace dispatcher::nodes
