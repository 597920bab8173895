// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/database.hpp"
#include "base/digest.hpp"

#include <filesystem>

namespace ctl_client {

/// The client's own directory, mode 0700, outside the root that it manages:
///
///     journal.db          orders, generations, host transactions, services (schema in state.cpp)
///     stage/<sha256>.rpm  package files; kept while a generation on this node may need them
///     manifests/<sha256>.json  signed manifests that prepare orders name; until the next settle
///     candidate/          rendered config while it is validated
///     logs/               what services said when they were started
///     program             the one program of a package that runs, or ran last (programs.hpp)
///     identity/           who this node is and whom it trusts (identity.hpp)
///     client.lock         held by the one client that works here
///     transact.lock       held by ctl-transact, also when it outlives a killed client
class StateDirectory {
public:
    /// Creates what is missing.
    explicit StateDirectory(std::filesystem::path directory);

    std::filesystem::path stage(const base::Digest& package) const {
        return directory_ / "stage" / (package.hex() + ".rpm");
    }
    std::filesystem::path stage() const { return directory_ / "stage"; }
    std::filesystem::path manifests() const { return directory_ / "manifests"; }
    std::filesystem::path candidate() const { return directory_ / "candidate"; }
    std::filesystem::path logs() const { return directory_ / "logs"; }
    std::filesystem::path identity() const { return directory_ / "identity"; }
    std::filesystem::path program() const { return directory_ / "program"; }
    std::filesystem::path client_lock() const { return directory_ / "client.lock"; }
    std::filesystem::path transact_lock() const { return directory_ / "transact.lock"; }

    /// journal.db with its schema brought up; one for each thread.
    base::Database open() const;

private:
    std::filesystem::path directory_;
};

} // namespace ctl_client
