// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "base/key.hpp"

#include "tests/refusal.hpp"

using base::Fault;
using tests::refusal;

namespace {

const base::KeyKind kinds[] = {base::KeyKind::Ed25519, base::KeyKind::Rsa3072, base::KeyKind::EcdsaP256};

} // namespace

TEST_CASE("a signature verifies with its own key, its own message and nothing else") {
    for (const base::KeyKind kind : kinds) {
        const auto key = base::PrivateKey::generate(kind);
        const auto other = base::PrivateKey::generate(kind);
        const std::string signature = key.sign("a release");
        CHECK(key.public_key().kind() == kind);
        CHECK(key.public_key().verifies("a release", signature));
        CHECK_FALSE(key.public_key().verifies("another release", signature));
        CHECK_FALSE(other.public_key().verifies("a release", signature));
        CHECK_FALSE(key.public_key().verifies("a release", ""));
        CHECK_FALSE(key.public_key().verifies("a release", signature.substr(1)));
        CHECK(key.public_key().verifies("", key.sign("")));
    }
}

TEST_CASE("a key comes back from its PEM") {
    for (const base::KeyKind kind : kinds) {
        const auto key = base::PrivateKey::generate(kind);
        const auto again = base::PrivateKey::from_pem(key.pem());
        CHECK(again.pem() == key.pem());
        CHECK(key.pem().starts_with("-----BEGIN PRIVATE KEY-----\n"));
        const auto open = base::PublicKey::from_pem(key.public_key().pem());
        CHECK(open.pem() == key.public_key().pem());
        CHECK(open.pem().find("PRIVATE") == std::string::npos);
        CHECK(open.fingerprint() == again.public_key().fingerprint());
        CHECK(open.verifies("message", again.sign("message")));
    }
}

TEST_CASE("the fingerprint of a key is the SHA-256 of its SubjectPublicKeyInfo") {
    // RFC 8032, test 1, as SubjectPublicKeyInfo (RFC 8410).
    const auto key =
        base::PublicKey::from_pem("-----BEGIN PUBLIC KEY-----\n"
                                  "MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n"
                                  "-----END PUBLIC KEY-----\n");
    CHECK(key.kind() == base::KeyKind::Ed25519);
    CHECK(key.fingerprint() ==
          base::sha256(base::from_base64("MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=")));
    CHECK(key.verifies(
        "", base::from_hex("e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb882159"
                           "0a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b")));
}

TEST_CASE("RSA and Ed25519 signatures are the same each time") {
    for (const base::KeyKind kind : {base::KeyKind::Ed25519, base::KeyKind::Rsa3072}) {
        const auto key = base::PrivateKey::generate(kind);
        CHECK(key.sign("message") == key.sign("message"));
    }
}

TEST_CASE("signing a digest is signing the message for RSA and ECDSA, and signing its 32 bytes for Ed25519") {
    const base::Digest digest = base::sha256("message");
    const auto rsa = base::PrivateKey::generate(base::KeyKind::Rsa3072);
    CHECK(rsa.sign_digest(digest) == rsa.sign("message"));
    const auto ecdsa = base::PrivateKey::generate(base::KeyKind::EcdsaP256);
    CHECK(ecdsa.public_key().verifies("message", ecdsa.sign_digest(digest)));
    const auto edwards = base::PrivateKey::generate(base::KeyKind::Ed25519);
    const std::string bytes(digest.bytes.begin(), digest.bytes.end());
    CHECK(edwards.public_key().verifies(bytes, edwards.sign_digest(digest)));
}

TEST_CASE("what is no key is refused without repeating it") {
    const std::string no_private =
        "a private key cannot be read; it must be PEM and begin with '-----BEGIN PRIVATE KEY-----'";
    const std::string no_public =
        "a public key cannot be read; it must be PEM and begin with '-----BEGIN PUBLIC KEY-----'";
    const auto key = base::PrivateKey::generate(base::KeyKind::Ed25519);
    CHECK(refusal(Fault::Input, [] { base::PrivateKey::from_pem("swordfish"); }) == no_private);
    CHECK(refusal(Fault::Input, [&] { base::PrivateKey::from_pem(key.pem().substr(0, 70)); }) == no_private);
    CHECK(refusal(Fault::Input, [&] { base::PrivateKey::from_pem(key.public_key().pem()); }) == no_private);
    CHECK(refusal(Fault::Input, [&] { base::PrivateKey::from_pem(std::string(70'000, 'x')); }) == no_private);
    CHECK(refusal(Fault::Input, [] { base::PublicKey::from_pem(""); }) == no_public);
    CHECK(refusal(Fault::Input, [&] { base::PublicKey::from_pem(key.pem()); }) == no_public);
}

TEST_CASE("an encrypted private key is refused without asking for its passphrase") {
    CHECK(refusal(Fault::Input, [] {
              base::PrivateKey::from_pem("-----BEGIN ENCRYPTED PRIVATE KEY-----\n"
                                         "MIGbMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAjAtVVVVVVVVgICCAAw\n"
                                         "-----END ENCRYPTED PRIVATE KEY-----\n");
          }) == "a private key is encrypted; remove its passphrase with 'openssl pkey'");
}

TEST_CASE("a key that is too weak, or of a kind that we do not use, is refused") {
    CHECK(refusal(Fault::Input, [] {
              base::PublicKey::from_pem(R"(-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA2NwkJB1U1YG0T9pv+1xl
0XZFaONAWKQ3SEEv8vY+ZY8jgo6uyzlM5LQAD8Fr4xlcFDC+ezAQONumWkJc11nE
tOBqxhVkGlKVJzJyRmGvAiSUXBWnvdSJ2NcAOnUmTILroozZzjAcAx3zivfh8/r5
350hRmIoFdJVbuzGY/UZaT9VVHX0erbNIFraECiDMpyjc1Lm/Qzs5rqeVhvQEgn/
e9brKuhdJptl5PYdl9gKzHBjCLI5nrwW70HqT1FeIJwrETxpfE/pCgE4gC7UZ1ox
awsCqjSGxuPCNXupOzr4OVX8Q57HSz/QOrs8zwhKA6oJBlfFICE6uAXVpSbyWnxb
owIDAQAB
-----END PUBLIC KEY-----
)");
          }) == "an RSA key of 2048 bits is not accepted; use 3072 to 8192 bits and exponent 65537");
    CHECK(refusal(Fault::Input, [] {
              base::PublicKey::from_pem(R"(-----BEGIN PUBLIC KEY-----
MHYwEAYHKoZIzj0CAQYFK4EEACIDYgAE1toT5Zom8YA7nuJdvV7fwh8zz4u+C9Zg
MVoN+LVWMiIs7JzfWE3lRKCQgtfub8qrNR5a0gD5MLQt8xoKUm6l9QtxZ9HMdXxb
7EnhuDkQlix8yTGJddmsRdIziLXqXXCq
-----END PUBLIC KEY-----
)");
          }) == "the kind of a key is not accepted; use Ed25519, RSA or ECDSA on P-256");
}
