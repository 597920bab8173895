// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// Real signed packages and release manifests, for tests with a real rpm database.
#pragma once

#include "base/files.hpp"
#include "base/json.hpp"
#include "base/process.hpp"
#include "builder/build.hpp"
#include "repo/manifest.hpp"
#include "repo/pool.hpp"
#include "rpm/package.hpp"
#include "rpm/signing_key.hpp"
#include "tests/catch.hpp"
#include "tests/foreign_package.hpp"

#include <filesystem>
#include <string>
#include <vector>

namespace ctl_client_tests {

namespace fs = std::filesystem;

/// Real transactions chroot: that takes root, or a user namespace.
inline bool may_chroot() {
    return ::geteuid() == 0;
}

inline const rpm::SigningKey& package_key() {
    static const auto key =
        rpm::SigningKey::generate(base::KeyKind::Ed25519, 1690000000, "Shop <shop@example.org>");
    return key;
}
inline const base::PrivateKey& release_key() {
    static const auto key = base::PrivateKey::generate(base::KeyKind::Ed25519);
    return key;
}

/// A directory of packages and manifests of the application "shop", whose component "app" has the packages
/// shop-app (kind app: files, a service) and shop-conf (kind config: a template).
class Shelf {
public:
    explicit Shelf(const fs::path& directory) : directory_(directory) {
        files_.make_directories(directory);
        files_.write(directory / "release.pub", release_key().public_key().pem());
        files_.write(directory / "package.asc", package_key().certificate());
    }

    /// A package of `count` files that say the version, one of which only this version has; `rest` goes into
    /// package.toml.
    builder::BuiltPackage package(const std::string& name, const std::string& version,
                                  const std::string& kind, int count, const std::string& rest,
                                  const rpm::SigningKey* key = &package_key()) const {
        const fs::path recipe = directory_ / "recipes" / version / name;
        files_.make_directories(recipe / "dist");
        for (int at = 0; at < count; ++at) {
            files_.write(recipe / "dist" / fmt::format("file-{}", at),
                         fmt::format("{} of {}\n", at, version));
        }
        files_.write(recipe / "dist" / ("only-" + version), version);
        files_.write(recipe / "package.toml",
                     fmt::format("name = '{}'\nkind = '{}'\nsummary = 'x'\nlicense = "
                                 "'x'\n{}\n[[files]]\nfrom = 'dist/'\nto = '/opt/{}/'\n",
                                 name, kind, rest.substr(0, rest.find("\n[")), name) +
                         (rest.find("\n[") == std::string::npos ? "" : rest.substr(rest.find("\n["))));
        builder::BuildOptions options;
        options.version = version;
        options.out = directory_ / "rpms";
        options.key = key;
        options.source_date_epoch = 1700000000;
        options.threads = 1;
        return builder::build(builder::read_recipe(recipe / "package.toml"), options);
    }
    /// A package of rpmbuild's, made of this spec and signed as ours are.
    builder::BuiltPackage foreign_package(const std::string& spec) const {
        const fs::path made = tests::rpmbuilt(directory_ / "foreign", spec);
        const std::string bytes = tests::signed_by(package_key(), files_.read(made));
        const fs::path file = directory_ / "rpms" / made.filename();
        files_.make_directories(file.parent_path());
        files_.write(file, bytes);
        builder::BuiltPackage package;
        package.path = file;
        package.nevra = rpm::read_package(file, {{package_key().certificate()}}).nevra;
        package.digest = base::sha256(bytes);
        package.bytes = bytes.size();
        return package;
    }
    void source(const std::string& name, const std::string& version, const std::string& file,
                const std::string& text, unsigned mode = 0644) const {
        const fs::path place = directory_ / "recipes" / version / name / file;
        files_.make_directories(place.parent_path());
        files_.write(place, text, mode);
    }

    /// A signed manifest of `packages` as release shop/VERSION; the path of its file.
    fs::path release(const std::string& version, const std::vector<builder::BuiltPackage>& packages) const {
        base::Array names;
        repo::Manifest manifest{base::ReleaseName("shop/" + version),
                                base::from_rfc3339("2026-11-20T12:00:00Z"),
                                "stable",
                                {},
                                {},
                                {}};
        for (const builder::BuiltPackage& package : packages) {
            names.emplace_back(package.nevra.name);
            manifest.packages.push_back({package.nevra, package.digest, package.bytes,
                                         repo::pool_path(package.digest, package.nevra), std::nullopt});
        }
        std::sort(manifest.packages.begin(), manifest.packages.end(),
                  [](const auto& left, const auto& right) { return left.nevra.name < right.nevra.name; });
        manifest.application =
            base::Object{{"name", "shop"},
                         {"components",
                          base::Array{base::Object{{"name", "app"}, {"packages", names}, {"peers", false}}}}};
        const fs::path file = directory_ / ("shop-" + version + ".json");
        files_.write(file, repo::SignedManifest::sign(manifest, release_key()).json());
        return file;
    }

    fs::path directory() const { return directory_; }

private:
    fs::path directory_;
    mutable base::SystemFiles files_;
};

/// What rpm itself, and the shell's own tools, say of a root.
inline std::string tool(std::vector<std::string> argv) {
    base::Command command;
    command.argv = std::move(argv);
    const base::Outcome outcome = base::SystemProcesses().run(command);
    return outcome.output + outcome.errors;
}

} // namespace ctl_client_tests
