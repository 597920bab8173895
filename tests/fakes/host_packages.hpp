// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/error.hpp"
#include "base/json.hpp"
#include "ctl-client/packages.hpp"
#include "tests/fakes/fuse.hpp"

#include <algorithm>
#include <fstream>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace fakes {

/// An rpm database and a network in memory, as bad as the real ones: a killed transaction leaves temporary
/// files and both headers of a package, a plain repetition is then refused, and the network can be gone. A
/// package file's text is JSON of what is in it.
class HostPackages final : public ctl_client::Packages {
public:
    explicit HostPackages(Fuse& fuse) : fuse_(fuse) {}

    /// A package file's text; `salt` makes another build of the same version.
    static std::string file_text(const std::string& nevra, const std::optional<rpm::About>& about,
                                 const std::map<std::string, std::string>& templates,
                                 const std::string& salt = "") {
        base::Object texts;
        for (const auto& [source, text] : templates) {
            texts.set(source, text);
        }
        return base::to_json(base::Object{{"nevra", nevra},
                                          {"about", about ? about->to_value() : base::Value()},
                                          {"templates", std::move(texts)},
                                          {"salt", salt}});
    }

    /// What the network serves, by URL.
    std::map<std::string, std::string> served;
    bool network_gone = false;
    int fetched = 0;
    /// What rpm would object to, once or always.
    std::vector<std::string> objections;
    /// Transactions fail half-way, with problems, this many times.
    int failures = 0;
    int transactions = 0;
    /// Every transaction kills the client, half-way.
    bool deadly = false;
    /// Happens in the middle of each transaction.
    std::function<void()> meanwhile = [] {
    };

    void fetch(const std::vector<ctl_client::Download>& downloads) override {
        for (const ctl_client::Download& download : downloads) {
            if (network_gone || !served.contains(download.url)) {
                throw base::Error(base::Fault::Unavailable, "no answer from '{}'", download.url);
            }
            fuse_.step([&] { std::ofstream(download.to, std::ios::binary) << served.at(download.url); });
            ++fetched;
        }
    }

    ctl_client::PackageContent read(const std::filesystem::path& package) override {
        const base::Value document = text_of(package);
        const base::Fields fields(document, "package");
        ctl_client::PackageContent content{identity_of(package), std::nullopt, {}};
        if (const base::Value* about = fields.any("about"); !about->is_null()) {
            content.about = rpm::About::from_value(*about, "about");
        }
        const auto templates = fields.record("templates");
        for (const base::Member& member : templates->members()) {
            content.templates[member.name] = templates->text(member.name);
        }
        return content;
    }

    std::vector<rpm::Installed> installed() override { return database_; }

    rpm::TransactionResult transact(rpm::TransactionRequest request) override {
        if (request.test) {
            return {objections, 0};
        }
        ++transactions;
        for (const auto& package : request.install) {
            const rpm::Installed identity = identity_of(package);
            if (!request.recover &&
                std::find(database_.begin(), database_.end(), identity) != database_.end()) {
                return {{fmt::format("package {} is already installed", identity.nevra.str())}, 0};
            }
        }
        if (!objections.empty()) {
            return {objections, 0};
        }
        leftovers_.insert(request.transaction_id);
        meanwhile();
        if (deadly || fuse_.in_the_middle()) {
            fuse_.burn();
        }
        for (const auto& package : request.install) {
            const rpm::Installed identity = identity_of(package);
            if (std::find(database_.begin(), database_.end(), identity) == database_.end()) {
                database_.push_back(identity);
            }
            if (fuse_.in_the_middle()) {
                fuse_.burn(); // both headers are there now
            }
            if (failures > 0) {
                --failures;
                return {{"unpacking of archive failed: No space left on device"}, 0};
            }
            std::erase_if(database_, [&](const rpm::Installed& one) {
                return one.nevra.name == identity.nevra.name && !(one == identity);
            });
        }
        for (const std::string& name : request.erase) {
            std::erase_if(database_, [&](const rpm::Installed& one) { return one.nevra.name == name; });
        }
        leftovers_.erase(request.transaction_id);
        return {};
    }

    std::vector<std::string> verify(rpm::Scope scope) override {
        std::vector<std::string> differences;
        for (const std::string& name : scope.names) {
            if (std::count_if(database_.begin(), database_.end(),
                              [&](const rpm::Installed& one) { return one.nevra.name == name; }) > 1) {
                differences.push_back("duplicate " + name);
            }
        }
        if (leftovers_.contains(scope.transaction_id)) {
            differences.push_back("leftover");
        }
        return differences;
    }

    void clean_up(rpm::Scope scope) override {
        fuse_.step([&] { leftovers_.erase(scope.transaction_id); });
    }

    const std::set<std::uint32_t>& leftovers() const noexcept { return leftovers_; }
    /// Somebody else's hand.
    void install_by_hand(const rpm::Installed& package) { database_.push_back(package); }

private:
    static base::Value text_of(const std::filesystem::path& package) {
        return base::parse_json(base::SystemFiles().read(package), package.string());
    }
    static rpm::Installed identity_of(const std::filesystem::path& package) {
        const base::Value document = text_of(package);
        return {base::Nevra::parse(base::Fields(document, "package").text("nevra")),
                base::sha256_of_file(package).hex()};
    }

    Fuse& fuse_;
    std::vector<rpm::Installed> database_;
    std::set<std::uint32_t> leftovers_;
};

} // namespace fakes
