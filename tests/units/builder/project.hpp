// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// A project in a temporary directory, for tests of the builder.
#pragma once

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/process.hpp"
#include "builder/build.hpp"
#include "rpm/package.hpp"
#include "rpm/signing_key.hpp"
#include "tests/catch.hpp"

#include <unistd.h>

#include <filesystem>
#include <string>
#include <vector>

namespace builder_tests {

namespace fs = std::filesystem;

constexpr std::uint32_t created = 1690000000;
constexpr std::int64_t source_date = 1700000000;

inline const rpm::SigningKey& ed25519_key() {
    static const auto key =
        rpm::SigningKey::generate(base::KeyKind::Ed25519, created, "Shop <shop@example.org>");
    return key;
}
inline const rpm::SigningKey& rsa_key() {
    static const auto key =
        rpm::SigningKey::generate(base::KeyKind::Rsa3072, created, "Shop <shop@example.org>");
    return key;
}

inline const std::string head =
    "name = 'shop-app'\nkind = 'app'\nsummary = 'Orders'\nlicense = 'Apache-2.0'\n";

class Project {
public:
    const fs::path& path() const { return directory_.path(); }
    fs::path packages() const { return path() / "packages" / "shop-app"; }

    /// A file below the recipe's directory.
    void write(const std::string& name, std::string_view bytes, unsigned mode = 0644) const {
        const fs::path file = packages() / name;
        fs::create_directories(file.parent_path());
        base::SystemFiles().write(file, bytes, mode);
    }
    builder::Recipe recipe(const std::string& rest) const {
        write("package.toml", head + rest);
        return builder::read_recipe(packages() / "package.toml");
    }
    builder::BuildOptions options() const {
        builder::BuildOptions options;
        options.version = "1.0";
        options.out = path() / "out";
        options.key = &ed25519_key();
        options.source_date_epoch = source_date;
        options.threads = 2;
        return options;
    }
    builder::BuiltPackage build(const std::string& rest) const {
        return builder::build(recipe(rest), options());
    }
    /// The error of a build, without the project's directory.
    std::string error_of(const std::string& rest) const {
        try {
            build(rest);
        } catch (const base::Error& error) {
            CHECK(error.fault() == base::Fault::Input);
            return short_text(error.message());
        }
        return "no error";
    }
    std::string short_text(std::string text) const {
        const std::string prefix = packages().string();
        for (std::size_t at; (at = text.find(prefix)) != std::string::npos;) {
            text.replace(at, prefix.size(), "P");
        }
        return text;
    }

private:
    base::TemporaryDirectory directory_;
};

/// A program's standard output; the test fails when it fails.
inline std::string output_of(std::vector<std::string> argv) {
    base::Command command;
    command.argv = std::move(argv);
    command.environment = {
        {"PATH", "/usr/sbin:/usr/bin:/sbin:/bin"}, {"HOME", "/nonexistent"}, {"LC_ALL", "C.UTF-8"}};
    command.timeout = std::chrono::seconds(60);
    const auto outcome = base::SystemProcesses().run(command);
    INFO(fmt::format("{}", fmt::join(command.argv, " ")) << "\n" << outcome.output << outcome.errors);
    CHECK(outcome.exit_code == 0);
    return outcome.output;
}

inline rpm::TrustedKeys trust_in(const rpm::SigningKey& key) {
    return {{key.certificate()}};
}

} // namespace builder_tests
