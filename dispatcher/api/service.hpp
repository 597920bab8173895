// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/database.hpp"
#include "dispatcher/auth/tokens.hpp"
#include "dispatcher/nodes/authority.hpp"
#include "dispatcher/nodes/inventory.hpp"
#include "dispatcher/runs/envelopes.hpp"
#include "dispatcher/runs/environments.hpp"
#include "dispatcher/runs/journal.hpp"
#include "dispatcher/runs/planner.hpp"
#include "dispatcher/runs/rollouts.hpp"
#include "dispatcher/runs/run_records.hpp"

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace dispatcher::api {

/// The release repository as nodes see it.
class Packages {
public:
    virtual ~Packages() = default;
    virtual std::optional<std::filesystem::path> file(const base::Digest& digest) const = 0;
    /// ASCII-armoured certificates.
    virtual std::vector<std::string> package_keys() const = 0;
};

/// The connected nodes, as people see them.
class Roster : public runs::Fleet {
public:
    virtual std::size_t count() const = 0;
    /// What a node that is online said last of its components; null: it is not online.
    virtual const protocol::ComponentStates* components(const base::NodeName& node) const = 0;
    /// Ends the node's connection at once, when it has one.
    virtual void close(const base::NodeName& node, const std::string& because) = 0;
};

/// What the handlers work with; everything outlives them.
struct Service {
    base::Database& database;
    runs::Alarms& alarms;
    const nodes::Authority& authority;
    nodes::Inventory& inventory;
    auth::Tokens& tokens;
    runs::Environments& environments;
    runs::Policies& policies;
    runs::Locks& locks;
    runs::RunRecords& records;
    runs::Journal& journal;
    runs::Rollouts& rollouts;
    const runs::Releases& releases;
    const Packages& packages;
    const runs::Envelopes& envelopes;
    Roster& roster;
};

} // namespace dispatcher::api
