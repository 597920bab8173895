// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// The releases of a repository: `releases/APP/NAME.json`, written once.
#include "repo/repository.hpp"

#include "base/error.hpp"
#include "repo/catalog.hpp"
#include "repo/leftovers.hpp"
#include "repo/writer_lock.hpp"

#include <fmt/ranges.h>

namespace repo {

namespace {

namespace fs = std::filesystem;

fs::path file_of(const fs::path& repository, const base::ReleaseName& name) {
    return repository / "releases" / base::before_slash(name) /
           (std::string(base::after_slash(name)) + ".json");
}

} // namespace

void Repository::store_release(const SignedManifest& release, const base::ReleaseName& name) {
    const Manifest manifest = release.verified(release_keys());
    if (manifest.release != name) {
        throw base::Error(base::Fault::Input, "the manifest of release '{}' cannot be stored as '{}'",
                          manifest.release, name);
    }
    const WriterLock lock(directory_);
    remove_leftovers(directory_, *catalog_, *files_);
    const fs::path file = file_of(directory_, name);
    if (files_->exists(file)) {
        if (SignedManifest::parse(files_->read(file), file.native()).payload == release.payload) {
            return;
        }
        throw base::Error(
            base::Fault::Conflict,
            "release '{}' exists already with other content; a release never changes, take a new name", name);
    }
    for (const ManifestPackage& package : manifest.packages) {
        if (package_file(package.digest)) {
            continue;
        }
        const std::optional<base::Digest> other = catalog_->digest_of(package.nevra);
        throw base::Error(
            base::Fault::NotFound, "release '{}' needs {}, which is {}; {}", name, package.nevra.str(),
            other && *other != package.digest ? "in the pool with other content" : "not in the pool",
            other && *other != package.digest
                ? "create the release anew from a channel that has it"
                : "add it with 'tiercel repo add', then create the release again");
    }
    files_->make_directories(file.parent_path());
    files_->write(file, release.json());
}

SignedManifest Repository::release(const base::ReleaseName& name) const {
    const fs::path file = file_of(directory_, name);
    if (files_->exists(file)) {
        return SignedManifest::parse(files_->read(file), file.native());
    }
    std::vector<std::string> names;
    for (const base::ReleaseName& one : releases()) {
        names.push_back(one.str());
    }
    if (names.empty()) {
        throw base::Error(base::Fault::NotFound,
                          "release '{0}' is not in repository '{1}', which has none yet; make it with "
                          "'tiercel release create {0}'",
                          name, directory_.native());
    }
    throw base::Error(base::Fault::NotFound, "release '{}' is not in repository '{}'; it has '{}'", name,
                      directory_.native(), fmt::join(names, "', '"));
}

std::vector<base::ReleaseName> Repository::releases() const {
    std::vector<base::ReleaseName> names;
    for (const std::string& application : files_->list(directory_ / "releases")) {
        for (const std::string& file : files_->list(directory_ / "releases" / application)) {
            if (!file.starts_with('.') && file.ends_with(".json")) {
                names.emplace_back(application + "/" + file.substr(0, file.size() - 5));
            }
        }
    }
    return names;
}

} // namespace repo
