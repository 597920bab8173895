// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "tests/units/repo/packages.hpp"

#include "base/digest.hpp"
#include "base/json.hpp"
#include "rpm/package_writer.hpp"

#include <fmt/format.h>
#include <fstream>
#include <zstd.h>

namespace tests {

namespace {

constexpr std::uint32_t at = 1'700'000'000;

void pad(std::string& text) {
    text.resize((text.size() + 3) / 4 * 4, '\0');
}

void append_entry(std::string& archive, std::uint32_t inode, std::uint32_t mode, const std::string& name,
                  const std::string& bytes) {
    archive +=
        fmt::format("070701{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}{:08x}",
                    inode, mode, 0, 0, 1, at, bytes.size(), 0, 0, 0, 0, name.size() + 1, 0);
    archive += name + '\0';
    pad(archive);
    archive += bytes;
    pad(archive);
}

} // namespace

std::filesystem::path make_package(const std::filesystem::path& directory, const std::string& name,
                                   const std::string& version, const rpm::SigningKey* key,
                                   const Content& content) {
    rpm::PackageFacts facts;
    facts.nevra = {name, {0, version, "1"}, "noarch"};
    facts.summary = "A package for tests";
    facts.description = "A package for tests, version " + version;
    facts.license = "Apache-2.0";
    facts.group = "Unspecified";
    facts.build_host = "localhost";
    facts.source_rpm = fmt::format("{}-{}-1.src.rpm", name, version);
    facts.build_time = at;
    std::string archive;
    std::uint32_t inode = 0;
    for (const auto& [path, bytes] : content) {
        rpm::PackagedFile file;
        file.path = path;
        file.mode = 0100644;
        file.bytes = bytes.size();
        file.digest = base::sha256(bytes).hex();
        file.owner = file.group = "root";
        file.modified_unix_seconds = at;
        facts.installed_bytes += bytes.size();
        append_entry(archive, ++inode, file.mode, "." + path, bytes);
        facts.files.push_back(file);
    }
    append_entry(archive, 0, 0, "TRAILER!!!", "");
    std::string payload(ZSTD_compressBound(archive.size()), '\0');
    payload.resize(ZSTD_compress(payload.data(), payload.size(), archive.data(), archive.size(), 3));
    const rpm::PayloadFacts sealed{3, base::sha256(payload), payload.size(), archive.size()};
    const std::filesystem::path file = directory / facts.nevra.file_name();
    std::ofstream(file, std::ios::binary | std::ios::trunc)
        << rpm::package_head(facts, sealed, key, at) << payload;
    return file;
}

std::filesystem::path make_app(const std::filesystem::path& directory, const std::string& name,
                               const std::string& version, const rpm::SigningKey& key) {
    rpm::About about;
    about.name = name;
    about.kind = "app";
    return make_package(directory, name, version, &key,
                        {{rpm::About::path_of(name), base::to_json(about.to_value())},
                         {"/etc/" + name + ".conf", "version = " + version + "\n"}});
}

} // namespace tests
