// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "base/openpgp.hpp"

#include "tests/refusal.hpp"

#include <sys/wait.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <stdlib.h>

using base::Fault;
using tests::refusal;

namespace {

constexpr std::uint32_t created = 1'700'000'000;

/// A directory of the test's own, removed with its content.
struct Room {
    std::filesystem::path path;
    Room() {
        std::string name = (std::filesystem::temp_directory_path() / "tiercel-openpgp-XXXXXX").string();
        REQUIRE(::mkdtemp(name.data()) != nullptr);
        path = name;
    }
    Room(const Room&) = delete;
    Room& operator=(const Room&) = delete;
    ~Room() { std::filesystem::remove_all(path); }
    std::string keep(const std::string& name, std::string_view bytes) const {
        std::ofstream(path / name, std::ios::binary) << bytes;
        return (path / name).string();
    }
};

bool installed(const std::string& program) {
    return std::system(("command -v " + program + " >/dev/null 2>&1").c_str()) == 0;
}

struct Answer {
    int exit_code;
    std::string output;
};

Answer run(const std::string& line) {
    std::FILE* pipe = ::popen((line + " 2>&1").c_str(), "r");
    REQUIRE(pipe != nullptr);
    std::string output;
    char buffer[4096];
    while (const std::size_t got = std::fread(buffer, 1, sizeof buffer, pipe)) {
        output.append(buffer, got);
    }
    const int status = ::pclose(pipe);
    return {WIFEXITED(status) ? WEXITSTATUS(status) : 128, output};
}

const base::KeyKind kinds[] = {base::KeyKind::Rsa3072, base::KeyKind::Ed25519};

} // namespace

TEST_CASE("rpm imports a certificate that we made, RSA and Ed25519") {
    if (!installed("rpmkeys")) {
        WARN("rpmkeys is not installed: the import is not tried");
        return;
    }
    for (const base::KeyKind kind : kinds) {
        const Room room;
        const auto signer = base::PrivateKey::generate(kind);
        const base::OpenPgpKey key(signer, created);
        const std::string file = room.keep(
            "key.asc", base::armor(key.certificate("Shop releases <shop@shop.example>"), "PUBLIC KEY BLOCK"));
        const std::string database = "--define '_dbpath " + (room.path / "rpmdb").string() + "'";
        const Answer import = run("rpmkeys " + database + " --import " + file);
        INFO(import.output);
        CHECK(import.exit_code == 0);
        const Answer list = run("rpm " + database + " -q gpg-pubkey --qf '%{version} %{packager}\\n'");
        CHECK(list.output ==
              base::to_hex(key.fingerprint().substr(16)) + " Shop releases <shop@shop.example>\n");
    }
}

TEST_CASE("gpg takes a certificate and a detached signature that we made, and refuses another text") {
    if (!installed("gpg")) {
        WARN("gpg is not installed: signatures are not compared with it");
        return;
    }
    for (const base::KeyKind kind : kinds) {
        const Room room;
        const auto signer = base::PrivateKey::generate(kind);
        const base::OpenPgpKey key(signer, created);
        const std::string certificate = room.keep(
            "key.asc", base::armor(key.certificate("Shop releases <shop@shop.example>"), "PUBLIC KEY BLOCK"));
        const std::string text = room.keep("repomd.xml", "<repomd/>\n");
        const std::string signature =
            room.keep("repomd.xml.asc", base::armor(key.sign("<repomd/>\n", created + 60), "SIGNATURE"));
        const std::string gpg = "gpg --batch --no-autostart --homedir " + room.path.string() + " ";
        const Answer import = run(gpg + "--import " + certificate);
        INFO(import.output);
        REQUIRE(import.exit_code == 0);
        const Answer list = run(gpg + "--with-colons --list-keys");
        CHECK(list.output.find("fpr:") != std::string::npos);
        std::string upper = base::to_hex(key.fingerprint());
        for (char& digit : upper) {
            digit = static_cast<char>(std::toupper(static_cast<unsigned char>(digit)));
        }
        CHECK(list.output.find(upper) != std::string::npos);
        const Answer good = run(gpg + "--verify " + signature + " " + text);
        INFO(good.output);
        CHECK(good.exit_code == 0);
        CHECK(good.output.find("Good signature from \"Shop releases <shop@shop.example>\"") !=
              std::string::npos);
        room.keep("repomd.xml", "<repomd/>!\n");
        CHECK(run(gpg + "--verify " + signature + " " + text).exit_code != 0);
    }
}

TEST_CASE("gpg takes Ed25519 signatures whose numbers begin with zeros") {
    if (!installed("gpgv")) {
        WARN("gpgv is not installed: signatures are not compared with it");
        return;
    }
    const Room room;
    // The secret of RFC 8032, test 1: with a fixed key this finds the same signatures each time.
    const auto signer =
        base::PrivateKey::from_pem("-----BEGIN PRIVATE KEY-----\n"
                                   "MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n"
                                   "-----END PRIVATE KEY-----\n");
    const base::OpenPgpKey key(signer, created);
    const std::string ring = room.keep("ring.gpg", key.certificate("Shop releases"));
    const std::string text = room.keep("text", "text");
    int found = 0;
    for (std::uint32_t i = 0; i < 2000; ++i) {
        const std::string signature = key.sign("text", created + i);
        if (signature.size() < 119) { // full length: 2 of head, 49 of fields, two numbers of 34
            ++found;
            const std::string file = room.keep("text.sig", signature);
            const Answer answer = run("gpgv -q --keyring " + ring + " " + file + " " + text);
            INFO(answer.output);
            CHECK(answer.exit_code == 0);
        }
    }
    CHECK(found >= 5);
}

TEST_CASE("with its creation time a key keeps its OpenPGP fingerprint and signs the same each time") {
    for (const base::KeyKind kind : kinds) {
        const auto signer = base::PrivateKey::generate(kind);
        const auto again = base::PrivateKey::from_pem(signer.pem());
        const base::OpenPgpKey key(signer, created);
        CHECK(base::OpenPgpKey(again, created).fingerprint() == key.fingerprint());
        CHECK(base::OpenPgpKey(again, created + 1).fingerprint() != key.fingerprint());
        CHECK(base::OpenPgpKey(again, created).sign("text", created) == key.sign("text", created));
        CHECK(key.fingerprint().size() == 20);
        CHECK(key.is_rsa() == (kind == base::KeyKind::Rsa3072));
    }
}

TEST_CASE("an ECDSA key, or a user id that is no line, makes no OpenPGP certificate") {
    const auto ecdsa = base::PrivateKey::generate(base::KeyKind::EcdsaP256);
    CHECK(refusal(Fault::Input, [&] { base::OpenPgpKey(ecdsa, created); }) ==
          "an ECDSA key cannot make OpenPGP signatures; use an RSA or Ed25519 key");
    const auto signer = base::PrivateKey::generate(base::KeyKind::Ed25519);
    const base::OpenPgpKey key(signer, created);
    for (const std::string& name : {std::string(), std::string("two\nlines"), std::string(1025, 'x')}) {
        CHECK(refusal(Fault::Input, [&] { key.certificate(name); }) ==
              "the user id of a key must be one line of 1 to 1024 bytes");
    }
}

TEST_CASE("armour has lines of 64 characters and the CRC-24 of RFC 4880") {
    // The CRC of nothing is its start value, 0xB704CE.
    CHECK(base::armor("", "SIGNATURE") ==
          "-----BEGIN PGP SIGNATURE-----\n\n=twTO\n-----END PGP SIGNATURE-----\n");
    const std::string text = base::armor(std::string(50, 'x'), "PUBLIC KEY BLOCK");
    CHECK(text.starts_with("-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n" +
                           base::to_base64(std::string(48, 'x')) + "\neHg=\n="));
}
