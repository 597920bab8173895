// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/nevra.hpp"
#include "rpm/package.hpp"

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace rpm {

/// One installed package, as the rpm database of a root has it.
struct Installed {
    base::Nevra nevra;
    std::string header_digest; ///< lower-case hex SHA-256 of the header (SHA256HEADER); identical package =
                               ///< identical value
    bool operator==(const Installed&) const = default;
};

struct TransactionRequest {
    std::filesystem::path root = "/"; ///< absolute; rpm chroots into it
    std::vector<std::filesystem::path>
        install; ///< package files, absolute; upgrade or downgrade what is there of the same name
    std::vector<std::string> erase; ///< names; one that is not installed is no error
    TrustedKeys trust;
    std::uint32_t transaction_id =
        0;                ///< set in RPMCALLBACK_TRANS_START; names the temporary files `name;%08x`
    bool test = false;    ///< check everything, change nothing (an absent rpm database is created, empty)
    bool recover = false; ///< replacing a package by itself is allowed (after a kill)
};

struct TransactionResult {
    std::vector<std::string>
        problems; ///< empty: done (or, with test: would work). Sentences with the package's name
    std::uint64_t bytes_needed = 0; ///< more than there are, when that is the problem
};

/// Where to look for what a killed transaction left behind.
struct Scope {
    std::filesystem::path root = "/";
    std::vector<std::string> names; ///< of packages
    std::vector<std::filesystem::path>
        packages; ///< package files whose directories are searched, too: they may not be in the database
    std::uint32_t transaction_id = 0;
};

/// All functions here touch librpm's process-global state: call them from the single-threaded `ctl-transact`
/// only.
/// `_dbpath`, `_flush_io 1`, verify level "all" and the keyring are set by each of them; of rpm's
/// configuration only what the distribution ships under rpm's own directory is read, nothing from /etc or
/// HOME. Plugins run only when the root is "/".
///
/// What rpm would do silently is a problem here: a scriptlet whose interpreter is missing in the root, and a
/// file whose owner or group is unknown there. Exit codes and log lines are not verdicts: after `transact`
/// look with `installed` and `verify`.
/// @throws base::Error{Input} for a file that is no package, Error{Unavailable} when the rpm database cannot
/// be opened.
TransactionResult transact(const TransactionRequest& request);

/// Who a package file says it is; its signatures are not looked at. @throws base::Error{Input}
Installed identity(const std::filesystem::path& package);

/// Sorted by name. A root without an rpm database has none.
std::vector<Installed> installed(const std::filesystem::path& root);

/// Differences between the database and the files of the named packages, config and ghost files left out:
/// "missing /opt/x", "digest /opt/y", "type /opt/z", "mode …", "link …"; also "duplicate NAME" and "leftover
/// PATH".
std::vector<std::string> verify(const Scope& scope);

/// Removes leftovers of a killed transaction and the older of duplicate headers.
void clean_up(const Scope& scope);

} // namespace rpm
