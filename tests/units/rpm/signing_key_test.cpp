// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "rpm/signing_key.hpp"

#include "base/error.hpp"
#include "base/files.hpp"
#include "tests/catch.hpp"

#include <sys/stat.h>

#include <functional>

namespace {

std::pair<base::Fault, std::string> error_of(const std::function<void()>& doing) {
    try {
        doing();
    } catch (const base::Error& error) {
        return {error.fault(), error.message()};
    }
    return {base::Fault::Internal, "no error"};
}

const char* const who = "Shop packages <shop@example.org>";

} // namespace

TEST_CASE("a signing key survives being written and read, with its creation time and its owner") {
    for (const base::KeyKind kind : {base::KeyKind::Ed25519, base::KeyKind::Rsa3072}) {
        const auto key = rpm::SigningKey::generate(kind, 1700000000, who);
        const auto again = rpm::SigningKey::parse(key.file_text(), "shop.key");
        CHECK(again.created() == 1700000000);
        CHECK(again.file_text() == key.file_text());
        CHECK(again.openpgp().fingerprint() == key.openpgp().fingerprint());
        CHECK(again.certificate() == key.certificate());
        CHECK(key.certificate().starts_with("-----BEGIN PGP PUBLIC KEY BLOCK-----\n"));
        CHECK(key.file_text().starts_with(
            "tiercel-key created=1700000000 user=Shop packages <shop@example.org>\n"));
    }
}

TEST_CASE("a key file that others can read is refused") {
    const base::TemporaryDirectory directory;
    const auto file = directory.path() / "shop.key";
    const auto key = rpm::SigningKey::generate(base::KeyKind::Ed25519, 1700000000, who);
    base::SystemFiles().write(file, key.file_text(), 0600);
    CHECK(rpm::SigningKey::load(file).file_text() == key.file_text());
    REQUIRE(::chmod(file.c_str(), 0640) == 0);
    CHECK(error_of([&] { rpm::SigningKey::load(file); }) ==
          std::pair{base::Fault::Denied,
                    "key file '" + file.string() +
                        "' can be read by others (mode 0640); do 'chmod 600' on it, and replace the key if "
                        "somebody may have copied it"});
    CHECK(error_of([&] { rpm::SigningKey::load(directory.path() / "none.key"); }).first ==
          base::Fault::NotFound);
}

TEST_CASE("a file that is no signing key is refused by name") {
    const auto key = rpm::SigningKey::generate(base::KeyKind::Ed25519, 1700000000, who);
    const std::string no_key = "'shop.key' is no package-signing key: it does not begin with 'tiercel-key "
                               "created=SECONDS user=WHO'; make one with 'tiercel key new'";
    const auto parse = [](const std::string& text) {
        return error_of([&] { rpm::SigningKey::parse(text, "shop.key"); });
    };
    CHECK(parse("") == std::pair{base::Fault::Input, no_key});
    CHECK(parse("tiercel-key created=x user=y\n") == std::pair{base::Fault::Input, no_key});
    CHECK(parse("tiercel-key created=-1 user=y\n") == std::pair{base::Fault::Input, no_key});
    CHECK(parse("tiercel-key created=1\n") == std::pair{base::Fault::Input, no_key});
    CHECK(parse(key.file_text().substr(key.file_text().find('\n') + 1)) ==
          std::pair{base::Fault::Input, no_key});
    const auto damaged = parse(key.file_text().substr(0, 80));
    CHECK(damaged.first == base::Fault::Input);
    CHECK(damaged.second.find("while reading key file 'shop.key'") != std::string::npos);
    // OpenPGP v4 takes no such key in rpm.
    CHECK(error_of([&] { rpm::SigningKey::generate(base::KeyKind::EcdsaP256, 1, who); }).first ==
          base::Fault::Input);
    CHECK(error_of([&] { rpm::SigningKey::generate(base::KeyKind::Ed25519, 1, ""); }).first ==
          base::Fault::Input);
}
