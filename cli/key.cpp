// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// `tiercel key`: signing keys of packages and releases.
#include "base/key.hpp"
#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/files.hpp"
#include "base/json.hpp"
#include "cli/nouns.hpp"
#include "rpm/signing_key.hpp"

#include <iostream>

namespace cli {

namespace {

namespace fs = std::filesystem;

bool is_package_key(const std::string& text) {
    return text.starts_with("tiercel-key ");
}

void write_new(const fs::path& file, const std::string& text, unsigned mode) {
    base::SystemFiles files;
    if (files.exists(file)) {
        throw base::Error(base::Fault::Conflict,
                          "'{}' exists; a key is never overwritten, choose another name", file.string());
    }
    files.make_directories(file.parent_path().empty() ? fs::path(".") : file.parent_path(), 0700);
    files.write(file, text, mode);
}

int make(const Arguments& arguments) {
    const std::string purpose = arguments.text("PURPOSE");
    const fs::path file = arguments.text("--out");
    base::Value said;
    if (purpose == "package") {
        const std::string kind = arguments.maybe("--kind").value_or("rsa");
        if (kind != "rsa" && kind != "ed25519") {
            throw base::Error(base::Fault::Input, "'{}' is no kind of package key; write rsa or ed25519",
                              kind);
        }
        const auto now =
            std::chrono::duration_cast<std::chrono::seconds>(base::SystemClock().now().time_since_epoch());
        const auto key = rpm::SigningKey::generate(
            kind == "rsa" ? base::KeyKind::Rsa3072 : base::KeyKind::Ed25519,
            static_cast<std::uint32_t>(now.count()), arguments.maybe("--user").value_or("Tiercel packages"));
        write_new(file, key.file_text(), 0600);
        said =
            base::Object{{"key", file.string()}, {"fingerprint", base::to_hex(key.openpgp().fingerprint())}};
    } else if (purpose == "release") {
        const auto key = base::PrivateKey::generate(base::KeyKind::Ed25519);
        write_new(file, key.pem(), 0600);
        said = base::Object{{"key", file.string()}, {"fingerprint", key.public_key().fingerprint().str()}};
    } else {
        throw base::Error(base::Fault::Input, "'{}' is no purpose of a key; write package or release",
                          purpose);
    }
    std::cout << (arguments.json ? base::to_json(said)
                                 : *said.object()->find("key")->text() + "  " +
                                       *said.object()->find("fingerprint")->text())
              << "\n";
    return 0;
}

int show(const Arguments& arguments) {
    const fs::path file = arguments.text("FILE");
    const std::string text = base::SystemFiles().read(file, 1u << 20);
    base::Object said;
    if (is_package_key(text)) {
        const auto key = rpm::SigningKey::load(file);
        said = {{"key", file.string()},
                {"purpose", "package"},
                {"kind", key.openpgp().is_rsa() ? "rsa" : "ed25519"},
                {"fingerprint", base::to_hex(key.openpgp().fingerprint())}};
    } else {
        const auto key = base::PrivateKey::from_pem(text);
        said = {{"key", file.string()},
                {"purpose", "release"},
                {"kind", "ed25519"},
                {"fingerprint", key.public_key().fingerprint().str()}};
    }
    if (arguments.json) {
        std::cout << base::to_json(said) << "\n";
    } else {
        for (const base::Member& member : said.members) {
            std::cout << member.name << ": " << *member.value.text() << "\n";
        }
    }
    return 0;
}

int export_public(const Arguments& arguments) {
    const fs::path file = arguments.text("FILE");
    const std::string text = base::SystemFiles().read(file, 1u << 20);
    const std::string exported = is_package_key(text) ? rpm::SigningKey::load(file).certificate()
                                                      : base::PrivateKey::from_pem(text).public_key().pem();
    if (const auto out = arguments.maybe("--out")) {
        base::SystemFiles().write(*out, exported, 0644);
    } else {
        std::cout << exported;
    }
    return 0;
}

} // namespace

std::vector<Verb> key_verbs() {
    return {
        {"key",
         "new",
         "Make a key: 'package' signs RPMs and metadata, 'release' signs manifests",
         "tiercel key new package --out keys/package.key",
         {{"PURPOSE", "package or release", Option::Kind::Positional, true},
          {"--out", "file to write, mode 0600", Option::Kind::Text, true},
          {"--kind", "of a package key: rsa (3072 bits, default) or ed25519", Option::Kind::Text, false},
          {"--user", "user id of a package key", Option::Kind::Text, false}},
         make},
        {"key",
         "show",
         "Purpose, kind and fingerprint of a key file",
         "tiercel key show keys/release.key",
         {{"FILE", "key file", Option::Kind::Positional, true}},
         show},
        {"key",
         "export",
         "The public part: an OpenPGP certificate or a PEM public key",
         "tiercel key export keys/package.key --out RPM-GPG-KEY-shop",
         {{"FILE", "key file", Option::Kind::Positional, true},
          {"--out", "file to write; standard output when absent", Option::Kind::Text, false}},
         export_public},
    };
}

} // namespace cli
