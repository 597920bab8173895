// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/process.hpp"
#include "rpm/about.hpp"
#include "rpm/transaction.hpp"

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace ctl_client {

struct Download {
    std::string url;
    base::Digest digest;
    std::uint64_t bytes = 0;
    std::filesystem::path to;
};

/// What is inside a package file, after its signature was checked.
struct PackageContent {
    rpm::Installed identity;
    std::optional<rpm::About> about;
    std::map<std::string, std::string> templates; ///< Template::source → text
};

/// Seam to downloads and librpm. The root and the trusted keys belong to the implementation. Thread: one at a
/// time.
class Packages {
public:
    virtual ~Packages() = default;
    /// Downloads what is not there yet. @throws base::Error{Unavailable | NotFound | Corrupt | Denied}
    virtual void fetch(const std::vector<Download>& downloads) = 0;
    /// @throws base::Error{Denied} when it is not signed by a trusted key.
    virtual PackageContent read(const std::filesystem::path& package) = 0;
    virtual std::vector<rpm::Installed> installed() = 0;
    /// `root` and `trust` of the request are filled in here. The result is no verdict: look with installed()
    /// and verify().
    virtual rpm::TransactionResult transact(rpm::TransactionRequest request) = 0;
    virtual std::vector<std::string> verify(rpm::Scope scope) = 0;
    virtual void clean_up(rpm::Scope scope) = 0;
};

/// Asks `ctl-transact`, one process for each request.
class HelperPackages final : public Packages {
public:
    struct Setting {
        std::filesystem::path root;
        std::filesystem::path lock; ///< held by the helper while it works
        rpm::TrustedKeys trust;
        std::optional<base::Digest>
            ca; ///< of the server that downloads come from; absent: http, file or the system's CAs
        std::filesystem::path certificate; ///< empty: none is shown
        std::filesystem::path key;
    };
    HelperPackages(base::Processes& processes, Setting setting)
        : processes_(processes), setting_(std::move(setting)) {}

    void fetch(const std::vector<Download>& downloads) override;
    PackageContent read(const std::filesystem::path& package) override;
    std::vector<rpm::Installed> installed() override;
    rpm::TransactionResult transact(rpm::TransactionRequest request) override;
    std::vector<std::string> verify(rpm::Scope scope) override;
    void clean_up(rpm::Scope scope) override;

private:
    base::Value ask(base::Object request, base::Duration timeout) const;

    base::Processes& processes_;
    Setting setting_;
};

} // namespace ctl_client
