// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/certificate.hpp"
#include "base/clock.hpp"
#include "base/database.hpp"
#include "base/name.hpp"
#include "base/value.hpp"
#include "dispatcher/protocol/messages.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace dispatcher::nodes {

struct NodeRecord {
    base::NodeName name;
    std::string state;  ///< enrolled (has a certificate), active (was here with it), revoked
    std::string serial; ///< of the one certificate that counts
    base::Time enrolled;
    std::optional<base::Time> last_seen;
    base::Value hello; ///< its last hello; of a node that has left in order: with what it said last of its
                       ///< components; null: never here
    std::optional<std::int64_t> skew_milliseconds; ///< its clock minus ours, at that hello
    std::int64_t duplicates = 0; ///< times that a second connection with its certificate replaced the first
};

/// Tables `nodes` and `certificates`: who is known, and which certificate is whose. Writes belong into the
/// caller's transaction.
class Inventory {
public:
    explicit Inventory(base::Database& database) : database_(database) {}

    /// The node has this certificate from now on; one that it had before is revoked.
    void enroll(const base::NodeName& node, const base::Certificate& certificate, const base::Digest& request,
                const std::string& token, base::Time now);
    /// The certificate given for this token and this very request, if that happened: an enrolment whose
    /// answer was lost may be repeated.
    std::optional<base::Certificate> given(const std::string& token, const base::Digest& request) const;
    /// Takes the node's certificate away. @throws base::Error{NotFound}
    void revoke(const base::NodeName& node, const std::string& because, base::Time now);

    /// The node that a verified certificate speaks for. @throws base::Error{Denied} for one that is revoked,
    /// replaced, or not known here.
    base::NodeName admit(const base::Certificate& certificate) const;

    void said_hello(const protocol::Hello& hello, base::Time now);
    /// The end of a connection: `hello` with the components as the node said last.
    void left(const protocol::Hello& hello, base::Time now);
    void count_duplicate(const base::NodeName& node);

    std::optional<NodeRecord> find(const base::NodeName& node) const;
    std::vector<NodeRecord> all() const;

private:
    base::Database& database_;
};

} // namespace dispatcher::nodes
