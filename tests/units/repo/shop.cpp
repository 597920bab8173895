// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "tests/units/repo/shop.hpp"

namespace tests {

namespace fs = std::filesystem;

namespace {

constexpr std::uint32_t created = 1'700'000'000;

} // namespace

Shop::Shop()
    : place(directory.path() / "repository"), packages(directory.path() / "packages"),
      package_key(rpm::SigningKey::generate(base::KeyKind::Ed25519, created, "Shop <shop@example.org>")),
      release_key(base::PrivateKey::generate(base::KeyKind::Ed25519)) {
    base::SystemFiles files;
    files.make_directories(packages);
    files.make_directories(directory.path() / "keys");
    files.write(directory.path() / "keys/package.key", package_key.file_text(), 0600);
    repo::Repository::create(place, directory.path() / "keys/package.key", {release_key.public_key().pem()},
                             noon);
}

fs::path Shop::app(const std::string& name, const std::string& version) const {
    return make_app(packages, name, version, package_key);
}

void Shop::add(const std::string& name, const std::string& version, const std::string& channel) const {
    open().add({app(name, version)}, base::ChannelName(channel), noon);
}

repo::Manifest Shop::manifest(const std::string& release, const std::string& channel,
                              const std::vector<std::string>& wanted) const {
    repo::Manifest manifest{base::ReleaseName(release),     noon, channel,
                            base::Object{{"name", "shop"}}, {},   {}};
    const repo::Repository repository = open();
    for (const std::string& name : wanted) {
        const repo::PoolEntry entry = repository.newest(base::ChannelName(channel), name).value();
        manifest.packages.push_back({entry.nevra, entry.digest, entry.bytes, entry.path, entry.about});
    }
    return manifest;
}

std::vector<std::string> names(const std::vector<repo::PoolEntry>& entries) {
    std::vector<std::string> list;
    for (const repo::PoolEntry& entry : entries) {
        list.push_back(entry.nevra.str());
    }
    return list;
}

} // namespace tests
