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
    std::string header_digest;              ///< lower-case hex SHA-256 of the header (SHA256HEADER); identical package = identical value
    bool operator==(const Installed&) const = default;
};

struct TransactionRequest {
    std::filesystem::path root = "/";       ///< rpm chroots into it
    std::vector<std::filesystem::path> install; ///< package files, already on this host; upgrade or downgrade what is there of the same name
    std::vector<std::string> erase;         ///< names
    TrustedKeys trust;
    std::uint32_t transaction_id = 0;       ///< set in RPMCALLBACK_TRANS_START; names the temporary files `name;%08x`
    bool test = false;                      ///< check everything, change nothing
    bool recover = false;                   ///< replacing the same version and older ones is allowed (after a kill)
};

struct TransactionResult {
    std::vector<std::string> problems;      ///< empty: done (or, with test: would work). Sentences of librpm with the package's name
    std::uint64_t bytes_needed = 0;         ///< more than there are, when that is the problem
};

/// All functions here touch librpm's process-global state: call them from the single-threaded `ctl-transact` only.
/// `_dbpath`, `_flush_io 1`, verify level "all" and the keyring are set by each of them; no user or system macro file is read.
TransactionResult transact(const TransactionRequest& request);
std::vector<Installed> installed(const std::filesystem::path& root);
/// Differences between the database and the files of these packages (names), config files left out: "missing /opt/x", "digest /opt/y";
/// also duplicates and leftovers `;transaction_id`.
std::vector<std::string> verify(const std::filesystem::path& root, const std::vector<std::string>& names, std::uint32_t transaction_id);
/// Removes leftovers of a killed transaction and the older of duplicate headers.
void clean_up(const std::filesystem::path& root, const std::vector<std::string>& names, std::uint32_t transaction_id);

} // namespace rpm
