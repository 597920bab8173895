// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// Everything that a repository says, checked against everything that lies in it.
#include "repo/repository.hpp"

#include "base/error.hpp"
#include "repo/catalog.hpp"
#include "repo/gzip.hpp"
#include "repo/snapshot.hpp"
#include "rpm/detached_signature.hpp"

#include <algorithm>
#include <set>
#include <system_error>

namespace repo {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t metadata_limit_bytes = std::size_t{1} << 30u;

class Examination {
public:
    Examination(const fs::path& directory, const base::Files& files, Catalog& catalog, rpm::TrustedKeys keys)
        : directory_(directory), files_(files), catalog_(catalog), keys_(std::move(keys)) {}

    void packages() {
        for (const PoolEntry& entry : catalog_.packages()) {
            package(entry);
        }
    }

    /// Files below pool/ that no package of the catalog owns. One that just arrives, or that a crash left, is
    /// the next writer's matter.
    void strangers() {
        std::set<std::string> owned;
        for (const PoolEntry& entry : catalog_.packages()) {
            owned.insert(entry.digest.hex());
        }
        for (const std::string& digest : catalog_.arriving()) {
            owned.insert(digest);
        }
        for (const std::string& shelf : files_.list(directory_ / "pool")) {
            if (shelf.starts_with('.')) {
                continue;
            }
            for (const std::string& name : files_.list(directory_ / "pool" / shelf)) {
                if (!owned.contains(name)) {
                    say("'pool/{}/{}' belongs to no package of the repository; move it away", shelf, name);
                }
            }
        }
    }

    void channels() {
        for (const std::string& name : files_.list(directory_ / "channels")) {
            if (name.starts_with('.')) {
                continue;
            }
            guarded([&] {
                const base::ChannelName channel(name);
                const std::string snapshot = shown_by(directory_, channel).value_or("");
                if (!catalog_.repomd_of(snapshot) || !files_.exists(directory_ / "snapshots" / snapshot)) {
                    say("channel '{}' shows snapshot '{}', which is not there; promote another channel to it",
                        name, snapshot);
                }
            });
        }
    }

    void snapshots() {
        for (const std::string& snapshot : catalog_.snapshots()) {
            // A snapshot whose directory was removed on purpose is nobody's loss; a channel that shows it was
            // told about above.
            if (files_.exists(directory_ / "snapshots" / snapshot)) {
                guarded([&] { this->snapshot(snapshot); });
            }
        }
    }

    void release(const SignedManifest& signed_manifest, const base::ReleaseName& name,
                 const std::vector<base::PublicKey>& trusted) {
        const Manifest manifest = signed_manifest.verified(trusted);
        if (manifest.release != name) {
            say("the file of release '{}' holds release '{}'; put the right one back", name,
                manifest.release);
        }
        for (const ManifestPackage& package : manifest.packages) {
            const std::optional<PoolEntry> entry = catalog_.package(package.digest);
            if (!entry || !files_.exists(directory_ / entry->path)) {
                say("release '{}' needs {}, which is not in the pool; add it again or make a new release "
                    "without it",
                    name, package.nevra.str());
            }
        }
    }

    /// Notes what `look` throws.
    template <class Look> void guarded(Look look) {
        try {
            look();
        } catch (const base::Error& error) {
            wrong_.push_back(error.message());
        }
    }

    std::vector<std::string> take() { return std::move(wrong_); }

private:
    template <class... Values>
    void say(fmt::format_string<const Values&...> format, const Values&... values) {
        wrong_.push_back(fmt::format(format, values...));
    }

    void package(const PoolEntry& entry) {
        const fs::path file = directory_ / entry.path;
        if (!files_.exists(file)) {
            say("package {} is not in the pool, '{}' is missing; add it again", entry.nevra.str(),
                entry.path);
            return;
        }
        guarded([&] {
            if (base::sha256_of_file(file) != entry.digest) {
                say("package {} was altered: the digest of '{}' is wrong; add it again", entry.nevra.str(),
                    entry.path);
                return;
            }
            rpm::read_package(file, keys_);
        });
    }

    void snapshot(const std::string& snapshot) {
        const fs::path directory = directory_ / "snapshots" / snapshot;
        std::error_code problem;
        if (fs::read_symlink(directory / "Packages", problem) != fs::path("../../pool")) {
            say("snapshot '{}' has no link to the pool; promote or add to its channel again", snapshot);
        }
        const std::string repomd = files_.read(directory / "repodata" / "repomd.xml");
        if (base::sha256(repomd) != catalog_.repomd_of(snapshot)) {
            say("snapshot '{}' was altered: its repomd.xml is not the one that was published; promote or add "
                "to its channel again",
                snapshot);
            return;
        }
        if (!rpm::signed_by(repomd, files_.read(directory / "repodata" / "repomd.xml.asc"), keys_)) {
            say("snapshot '{}' is not signed by the repository's package keys: its repomd.xml.asc is wrong; "
                "promote or add to its channel again",
                snapshot);
        }
        const Layout layout = layout_of(catalog_.database(), snapshot);
        for (std::size_t kind = 0; kind < kinds; ++kind) {
            const Document expected = assemble(catalog_.database(), layout, kind, catalog_.size_of(snapshot));
            document(snapshot, repomd, expected, kind);
        }
    }

    void document(const std::string& snapshot, const std::string& repomd, const Document& expected,
                  std::size_t kind) {
        const std::string name = expected.file_name(kind);
        const fs::path file = directory_ / "snapshots" / snapshot / "repodata" / name;
        if (repomd.find("repodata/" + name + "\"") == std::string::npos) {
            say("snapshot '{}' was published with another {} than the catalog holds; promote or add to its "
                "channel again",
                snapshot, kind_names.at(kind));
        } else if (!files_.exists(file) || files_.read(file, metadata_limit_bytes) != expected.gzip) {
            say("snapshot '{}' was altered: its {} is missing or not the one that was published; promote or "
                "add to its channel again",
                snapshot, kind_names.at(kind));
        }
    }

    const fs::path& directory_;
    const base::Files& files_;
    Catalog& catalog_;
    const rpm::TrustedKeys keys_;
    std::vector<std::string> wrong_;
};

} // namespace

std::vector<std::string> Repository::verify() const {
    Examination examination(directory_, *files_, *catalog_, package_keys());
    examination.packages();
    examination.strangers();
    examination.channels();
    examination.snapshots();
    const std::vector<base::PublicKey> trusted = release_keys();
    for (const base::ReleaseName& name : releases()) {
        examination.guarded([&] { examination.release(release(name), name, trusted); });
    }
    return examination.take();
}

} // namespace repo
