// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "tests/units/repo/shop.hpp"

#include "repo/gzip.hpp"
#include "tests/catch.hpp"

#include <regex>

namespace tests {

namespace fs = std::filesystem;

namespace {

constexpr std::uint32_t created = 1'700'000'000;

/// The first group of every match.
std::vector<std::string> all(const std::string& text, const std::string& pattern) {
    const std::regex expression(pattern);
    std::vector<std::string> found;
    for (std::sregex_iterator at(text.begin(), text.end(), expression), end; at != end; ++at) {
        found.push_back((*at)[1]);
    }
    return found;
}

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

std::set<std::string> offered(const fs::path& repository, const std::string& channel) {
    const base::SystemFiles files;
    const fs::path root = repository / "channels" / channel;
    if (!files.exists(root)) {
        return {};
    }
    const std::string repomd = files.read(root / "repodata/repomd.xml");
    REQUIRE(files.exists(root / "repodata/repomd.xml.asc"));
    const std::vector<std::string> documents = all(repomd, "<location href=\"([^\"]+)\"/>");
    const std::vector<std::string> checksums =
        all(repomd, "<checksum type=\"sha256\">([0-9a-f]+)</checksum>");
    const std::vector<std::string> open_checksums =
        all(repomd, "<open-checksum type=\"sha256\">([0-9a-f]+)</open-checksum>");
    REQUIRE(documents.size() == 3);
    std::vector<std::string> texts;
    for (std::size_t at = 0; at < documents.size(); ++at) {
        const std::string gzip = files.read(root / documents.at(at));
        CHECK(base::sha256(gzip).hex() == checksums.at(at));
        texts.push_back(repo::gunzipped(gzip, 1u << 30));
        CHECK(base::sha256(texts.back()).hex() == open_checksums.at(at));
    }
    const std::vector<std::string> hrefs = all(texts.at(0), "<location href=\"([^\"]+)\"/>");
    const std::vector<std::string> ids = all(texts.at(0), "pkgid=\"YES\">([0-9a-f]+)<");
    for (const std::string& text : texts) {
        CHECK(all(text, "packages=\"([0-9]+)\"") == std::vector{std::to_string(hrefs.size())});
        CHECK(all(text, "(<package )").size() == hrefs.size());
    }
    std::set<std::string> found;
    for (std::size_t at = 0; at < hrefs.size(); ++at) {
        CHECK(base::sha256_of_file(root / hrefs.at(at)).hex() == ids.at(at));
        found.insert(fs::path(hrefs.at(at)).filename().native());
    }
    return found;
}

std::vector<std::string> names(const std::vector<repo::PoolEntry>& entries) {
    std::vector<std::string> list;
    for (const repo::PoolEntry& entry : entries) {
        list.push_back(entry.nevra.str());
    }
    return list;
}

} // namespace tests
