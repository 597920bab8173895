// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "repo/leftovers.hpp"

#include "repo/arrival.hpp"
#include "repo/snapshot.hpp"

#include <algorithm>
#include <string>
#include <vector>

namespace repo {

namespace {

namespace fs = std::filesystem;

/// A snapshot that was written but that no channel shows: its publication did not happen.
std::vector<std::string> unpublished(const fs::path& repository, Catalog& catalog, const base::Files& files) {
    std::vector<std::string> left = catalog.pending();
    for (const base::ChannelName& channel : channels_of(repository, files)) {
        std::erase(left, shown_by(repository, channel).value_or(""));
    }
    return left;
}

void forget_unpublished(const fs::path& repository, Catalog& catalog, const base::Files& files) {
    const std::vector<std::string> left = unpublished(repository, catalog, files);
    if (left.empty()) {
        return;
    }
    base::Transaction transaction(catalog.database());
    for (const std::string& snapshot : left) {
        // Their files become leftovers of the pool, in the same step in which their rows go.
        catalog.database()
            .prepare("INSERT OR IGNORE INTO arriving SELECT digest FROM package WHERE arrived = ?")
            .with(snapshot)
            .run();
        catalog.forget_snapshot(snapshot);
        catalog.database().prepare("DELETE FROM pending WHERE snapshot = ?").with(snapshot).run();
    }
    transaction.commit();
}

void remove_unowned_packages(const fs::path& repository, Catalog& catalog, base::Files& files) {
    const std::vector<std::string> arriving = catalog.arriving();
    for (const std::string& digest : arriving) {
        if (!catalog.package(base::Digest::parse(digest))) {
            files.remove(repository / "pool" / digest.substr(0, 2) / digest);
        }
    }
    if (!arriving.empty()) {
        catalog.database().execute("DELETE FROM arriving");
    }
}

void remove_unowned_snapshots(const fs::path& repository, Catalog& catalog, base::Files& files) {
    const std::vector<std::string> known = catalog.snapshots();
    for (const std::string& name : files.list(repository / "snapshots")) {
        if (!std::binary_search(known.begin(), known.end(), name)) {
            files.remove(repository / "snapshots" / name);
        }
    }
}

/// Files::write and Files::link make a name that begins with a dot first.
void remove_half_written(const fs::path& directory, base::Files& files) {
    for (const std::string& name : files.list(directory)) {
        if (name.starts_with('.')) {
            files.remove(directory / name);
        }
    }
}

} // namespace

void remove_leftovers(const fs::path& repository, Catalog& catalog, base::Files& files) {
    clear_stage(repository);
    forget_unpublished(repository, catalog, files);
    remove_unowned_packages(repository, catalog, files);
    remove_unowned_snapshots(repository, catalog, files);
    remove_half_written(repository / "channels", files);
    for (const std::string& application : files.list(repository / "releases")) {
        remove_half_written(repository / "releases" / application, files);
    }
}

} // namespace repo
