// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "ctl-client/state.hpp"

#include "base/error.hpp"

#include <sys/stat.h>

namespace ctl_client {
namespace {

constexpr std::string_view schema_1 = R"(
-- An order as it came, byte for byte; `report` is what is repeated until `acknowledged`.
CREATE TABLE orders (
    arrival INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    text TEXT NOT NULL,
    component TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    expires TEXT NOT NULL,
    begun INTEGER NOT NULL DEFAULT 0,
    report TEXT,
    acknowledged INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX orders_open ON orders (arrival) WHERE report IS NULL;
CREATE INDEX orders_unacknowledged ON orders (arrival) WHERE report IS NOT NULL AND acknowledged = 0;
CREATE TABLE epochs (component TEXT PRIMARY KEY, highest INTEGER NOT NULL);

-- What a component is, or was, or would be on this node (generation.hpp).
CREATE TABLE generations (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    component TEXT NOT NULL,
    desired_digest TEXT NOT NULL,
    release TEXT NOT NULL,
    document TEXT NOT NULL,
    applied INTEGER NOT NULL DEFAULT 0,
    known_good INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX generations_of ON generations (component, id);
CREATE TABLE config_files (
    generation INTEGER NOT NULL REFERENCES generations (id) ON DELETE CASCADE,
    path TEXT NOT NULL,
    bytes BLOB NOT NULL,
    mode INTEGER NOT NULL,
    owner TEXT NOT NULL,
    grp TEXT NOT NULL,
    PRIMARY KEY (generation, path)
);
CREATE TABLE components (
    name TEXT PRIMARY KEY,
    current INTEGER REFERENCES generations (id),
    quarantined TEXT
);
CREATE TABLE markers (component TEXT NOT NULL, path TEXT NOT NULL, PRIMARY KEY (component, path));

-- Package files that lie in the stage.
CREATE TABLE held_packages (file TEXT PRIMARY KEY, nevra TEXT NOT NULL, header_digest TEXT NOT NULL, bytes INTEGER NOT NULL);

-- A change of the host, with the way back recorded before its first step (host_transaction.hpp).
CREATE TABLE transactions (
    id INTEGER PRIMARY KEY,
    sequence INTEGER NOT NULL UNIQUE,
    component TEXT NOT NULL,
    order_id TEXT NOT NULL,
    run TEXT NOT NULL,
    kind TEXT NOT NULL,
    from_generation INTEGER,
    to_generation INTEGER,
    state TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    undone INTEGER NOT NULL DEFAULT 0,
    reason TEXT NOT NULL DEFAULT '',
    packages TEXT NOT NULL
);
CREATE TABLE transaction_files (
    transaction_id INTEGER NOT NULL REFERENCES transactions (id) ON DELETE CASCADE,
    side TEXT NOT NULL,
    path TEXT NOT NULL,
    bytes BLOB,
    mode INTEGER NOT NULL,
    owner INTEGER NOT NULL,
    grp INTEGER NOT NULL,
    first_missing TEXT NOT NULL,
    PRIMARY KEY (transaction_id, side, path)
);

-- What was started, by which definition and with which files: the reason for a restart is a difference to this (service_record.hpp).
CREATE TABLE services (
    component TEXT NOT NULL,
    name TEXT NOT NULL,
    definition TEXT NOT NULL,
    basis TEXT NOT NULL,
    process TEXT NOT NULL,
    PRIMARY KEY (component, name)
);
)";

constexpr std::string_view schema_2 = R"(
-- The order that a cancel order ends, whether it has come or not.
ALTER TABLE orders ADD COLUMN cancels TEXT;
CREATE INDEX orders_cancelled ON orders (cancels) WHERE cancels IS NOT NULL;
-- The run that prepared a candidate.
ALTER TABLE generations ADD COLUMN run TEXT NOT NULL DEFAULT '';
-- Components whose services are kept down until somebody starts them.
CREATE TABLE stopped (component TEXT PRIMARY KEY);
)";

} // namespace

StateDirectory::StateDirectory(std::filesystem::path directory)
    : directory_(std::filesystem::absolute(std::move(directory))) {
    std::error_code problem;
    std::filesystem::create_directories(directory_, problem);
    for (const auto& part : {stage(), manifests(), candidate(), logs(), identity()}) {
        std::filesystem::create_directories(part, problem);
    }
    if (problem || ::chmod(directory_.c_str(), 0700) != 0) {
        throw base::Error(base::Fault::Denied,
                          "state directory '{}' cannot be made: {}; choose another with --state",
                          directory_.string(), problem ? problem.message() : base::system_reason(errno));
    }
}

base::Database StateDirectory::open() const {
    return base::Database(directory_ / "journal.db", {schema_1, schema_2});
}

} // namespace ctl_client
