// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "tests/units/repo/offered.hpp"

#include "base/digest.hpp"
#include "base/files.hpp"
#include "repo/gzip.hpp"
#include "tests/catch.hpp"

#include <regex>
#include <vector>

namespace tests {

namespace fs = std::filesystem;

namespace {

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

} // namespace tests
