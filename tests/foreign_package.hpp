// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// Packages that our builder does not make: of rpmbuild, with scriptlets and all, signed afterwards.
#pragma once

#include "base/digest.hpp"
#include "base/files.hpp"
#include "base/process.hpp"
#include "rpm/signing_key.hpp"
#include "tests/catch.hpp"

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace tests {

/// The one package that rpmbuild makes of this spec and of what lies in `directory`/buildroot; nothing is run
/// but scriptlets that the spec has for the build. `defines`: more macros, "name value".
inline std::filesystem::path rpmbuilt(const std::filesystem::path& directory, const std::string& spec,
                                      const std::vector<std::string>& defines = {}) {
    base::SystemFiles files;
    files.make_directories(directory / "top");
    files.make_directories(directory / "buildroot");
    files.write(directory / "foreign.spec", spec);
    base::Command command;
    command.argv = {"rpmbuild", "-bb", "--quiet", "--noclean", "--buildroot", directory / "buildroot"};
    std::vector<std::string> all{"_topdir " + (directory / "top").string(),
                                 "_dbpath " + (directory / "no-rpmdb").string(), "__os_install_post %{nil}",
                                 "__spec_install_pre exit 0", "_build_id_links none"};
    all.insert(all.end(), defines.begin(), defines.end());
    for (const std::string& define : all) {
        command.argv.insert(command.argv.end(), {"--define", define});
    }
    command.argv.push_back(directory / "foreign.spec");
    command.environment = {
        {"PATH", "/usr/sbin:/usr/bin:/sbin:/bin"}, {"HOME", "/nonexistent"}, {"LC_ALL", "C.UTF-8"}};
    command.timeout = std::chrono::seconds(60);
    const base::Outcome outcome = base::SystemProcesses().run(command);
    INFO(outcome.output << outcome.errors);
    REQUIRE(outcome.exit_code == 0);
    const std::filesystem::path made = directory / "top/RPMS/noarch";
    const std::vector<std::string> names = files.list(made);
    REQUIRE(names.size() == 1);
    return made / names.front();
}

/// The bytes of a package with a signature header that has this key's signature over the header.
inline std::string signed_by(const rpm::SigningKey& key, const std::string& package) {
    const auto number = [](std::size_t value) {
        std::string text;
        for (int shift = 24; shift >= 0; shift -= 8) {
            text += static_cast<char>(value >> shift & 0xff);
        }
        return text;
    };
    const auto end_of_header = [&](std::size_t at) {
        const auto number_at = [&](std::size_t from) {
            std::size_t value = 0;
            for (const char byte : std::string_view(package).substr(from, 4)) {
                value = value << 8 | static_cast<unsigned char>(byte);
            }
            return value;
        };
        return at + 16 + number_at(at + 8) * 16 + number_at(at + 12);
    };
    constexpr std::size_t lead = 96;
    const std::size_t header = (end_of_header(lead) + 7) / 8 * 8;
    const std::string text = package.substr(header, end_of_header(header) - header);
    const std::string signature = key.openpgp().sign(text, 1700000000);
    const std::string digest = base::sha256(text).hex() + std::string(1, '\0');
    const std::string tags = number(key.openpgp().is_rsa() ? 268 : 267) + number(7) + number(0) +
                             number(signature.size()) + // RSAHEADER or DSAHEADER: over the header
                             number(273) + number(6) + number(signature.size()) + number(1); // SHA-256 of it
    std::string signature_header = std::string("\x8e\xad\xe8\x01\0\0\0\0", 8) + number(2) +
                                   number(signature.size() + digest.size()) + tags + signature + digest;
    signature_header.resize((signature_header.size() + 7) / 8 * 8);
    return package.substr(0, lead) + signature_header + package.substr(header);
}

} // namespace tests
