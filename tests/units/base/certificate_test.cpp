// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "base/certificate.hpp"

#include "base/openssl.hpp"
#include "tests/refusal.hpp"

#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <vector>

using base::Fault;
using tests::refusal;

namespace {

using Request = base::Handle<X509_REQ, X509_REQ_free>;
using Extension = base::Handle<X509_EXTENSION, X509_EXTENSION_free>;
using Names = base::Handle<GENERAL_NAMES, GENERAL_NAMES_free>;

base::Time now() {
    return std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
}

constexpr std::chrono::hours day{24};

/// A certificate that our CA would never make: self-signed, with exactly these URI names, in `extensions` SAN
/// extensions.
std::string with_uris(const std::vector<std::string>& uris, int extensions = 1) {
    const auto key = base::PrivateKey::generate(base::KeyKind::Ed25519);
    const base::X509Handle certificate(X509_new());
    X509_set_version(certificate.get(), X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), 258);
    X509_gmtime_adj(X509_getm_notBefore(certificate.get()), 0);
    X509_gmtime_adj(X509_getm_notAfter(certificate.get()), 3600);
    X509_set_pubkey(certificate.get(), key.state().key.get());
    const Names names(sk_GENERAL_NAME_new_null());
    for (const std::string& uri : uris) {
        GENERAL_NAME* name = GENERAL_NAME_new();
        ASN1_IA5STRING* text = ASN1_IA5STRING_new();
        ASN1_STRING_set(text, uri.data(), static_cast<int>(uri.size()));
        GENERAL_NAME_set0_value(name, GEN_URI, text);
        sk_GENERAL_NAME_push(names.get(), name);
    }
    for (int i = 0; i < extensions; ++i) {
        REQUIRE(X509_add1_ext_i2d(certificate.get(), NID_subject_alt_name, names.get(), 0,
                                  X509V3_ADD_APPEND) == 1);
    }
    REQUIRE(X509_sign(certificate.get(), key.state().key.get(), nullptr) > 0);
    const base::Bio out = base::writing();
    PEM_write_bio_X509(out.get(), certificate.get());
    return base::content_of(out);
}

/// A request that wishes to be a CA, a server and another node.
std::string greedy_request(const base::PrivateKey& key) {
    const Request request(X509_REQ_new());
    X509_REQ_set_pubkey(request.get(), key.state().key.get());
    STACK_OF(X509_EXTENSION)* wishes = sk_X509_EXTENSION_new_null();
    for (const auto& [kind, value] :
         {std::pair{NID_basic_constraints, "critical,CA:TRUE"},
          std::pair{NID_ext_key_usage, "serverAuth,clientAuth"},
          std::pair{NID_subject_alt_name, "URI:tiercel:node:db-prod-1,DNS:evil.example"}}) {
        sk_X509_EXTENSION_push(wishes, X509V3_EXT_nconf_nid(nullptr, nullptr, kind, value));
    }
    REQUIRE(X509_REQ_add_extensions(request.get(), wishes) == 1);
    sk_X509_EXTENSION_pop_free(wishes, X509_EXTENSION_free);
    REQUIRE(X509_REQ_sign(request.get(), key.state().key.get(), nullptr) > 0);
    const base::Bio out = base::writing();
    PEM_write_bio_X509_REQ(out.get(), request.get());
    return base::content_of(out);
}

base::X509Handle handle_of(const base::Certificate& certificate) {
    return base::X509Handle(
        PEM_read_bio_X509(base::reading(certificate.pem).get(), nullptr, base::no_passphrase, nullptr));
}

bool signed_by(const base::Certificate& certificate, const base::CertificateAuthority& authority) {
    return X509_verify(handle_of(certificate).get(),
                       X509_get0_pubkey(handle_of(authority.certificate()).get())) == 1;
}

const base::NodeName web("web-prod-1");

} // namespace

TEST_CASE(
    "a node's certificate is signed by the CA, for this node, over the request's key, for clients only") {
    const auto authority = base::CertificateAuthority::create("shop", now());
    for (const base::KeyKind kind :
         {base::KeyKind::Ed25519, base::KeyKind::EcdsaP256, base::KeyKind::Rsa3072}) {
        const auto key = base::PrivateKey::generate(kind);
        const base::Time at = now();
        const auto certificate =
            authority.sign_node(base::make_certificate_request(key, web), web, at, 30 * day);
        CHECK(certificate.node == web);
        CHECK(signed_by(certificate, authority));
        CHECK(certificate.not_after == std::chrono::floor<std::chrono::seconds>(at + 30 * day));
        CHECK(certificate.not_before < at);
        CHECK(certificate.serial.size() == 32);
        const base::X509Handle handle = handle_of(certificate);
        CHECK(base::public_part(X509_get0_pubkey(handle.get())).fingerprint() ==
              key.public_key().fingerprint());
        CHECK(X509_get_extended_key_usage(handle.get()) == XKU_SSL_CLIENT);
        CHECK(X509_get_key_usage(handle.get()) == KU_DIGITAL_SIGNATURE);
        CHECK(X509_check_ca(handle.get()) == 0);
    }
}

TEST_CASE("a dispatcher's certificate is for servers only and names no node") {
    const auto authority = base::CertificateAuthority::create("shop", now());
    const auto key = base::PrivateKey::generate(base::KeyKind::EcdsaP256);
    const auto certificate =
        authority.sign_server(key.public_key(), "dispatcher.shop.example", now(), 30 * day);
    CHECK_FALSE(certificate.node);
    CHECK(signed_by(certificate, authority));
    CHECK(X509_get_extended_key_usage(handle_of(certificate).get()) == XKU_SSL_SERVER);
    CHECK(X509_check_host(handle_of(certificate).get(), "dispatcher.shop.example", 0, 0, nullptr) == 1);
    CHECK(refusal(Fault::Input, [&] { authority.sign_server(key.public_key(), "a b", now(), day); }) ==
          "dispatcher name 'a b' has a ' ', but only letters, digits, '-', '_' and '.' are allowed");
}

TEST_CASE("a certificate comes back from its PEM with the same names, dates, serial and fingerprint") {
    const auto authority = base::CertificateAuthority::create("shop", now());
    const auto key = base::PrivateKey::generate(base::KeyKind::EcdsaP256);
    const auto made = authority.sign_node(base::make_certificate_request(key, web), web, now(), 30 * day);
    const auto read = base::Certificate::parse(made.pem);
    CHECK(read.pem == made.pem);
    CHECK(read.serial == made.serial);
    CHECK(read.fingerprint == made.fingerprint);
    CHECK(read.not_before == made.not_before);
    CHECK(read.not_after == made.not_after);
    CHECK(read.node == web);
    std::string der = made.pem.substr(made.pem.find('\n') + 1);
    der.erase(der.find("-----END"));
    std::erase(der, '\n');
    CHECK(made.fingerprint == base::sha256(base::from_base64(der)));
}

TEST_CASE("dates beyond 2049, where X.509 changes its form, are read as they are") {
    const base::Time at = std::chrono::sys_days{std::chrono::year{2049} / 12 / 31};
    const auto authority = base::CertificateAuthority::create("shop", at);
    CHECK(authority.certificate().not_before == at - std::chrono::hours(1));
    CHECK(authority.certificate().not_after == at + std::chrono::hours(24 * 3653));
}

TEST_CASE("the CA is loaded again from what it gave, and signs as before") {
    const auto made = base::CertificateAuthority::create("shop", now());
    const auto loaded = base::CertificateAuthority::load(made.certificate().pem, made.key_pem());
    CHECK(loaded.certificate().fingerprint == made.certificate().fingerprint);
    const auto key = base::PrivateKey::generate(base::KeyKind::Ed25519);
    CHECK(signed_by(loaded.sign_node(base::make_certificate_request(key, web), web, now(), day), made));
    const base::X509Handle handle = handle_of(made.certificate());
    CHECK(X509_check_ca(handle.get()) == 1);
    CHECK(X509_get_pathlen(handle.get()) == 0);
}

TEST_CASE("a CA is not loaded with another's key, or from a certificate that is not a CA's") {
    const auto made = base::CertificateAuthority::create("shop", now());
    const auto other = base::CertificateAuthority::create("shop", now());
    CHECK(refusal(Fault::Input, [&] {
              base::CertificateAuthority::load(made.certificate().pem, other.key_pem());
          }) == "the private key given for the CA does not belong to its certificate");
    const auto key = base::PrivateKey::generate(base::KeyKind::Ed25519);
    const auto node = made.sign_node(base::make_certificate_request(key, web), web, now(), day);
    CHECK(refusal(Fault::Input, [&] { base::CertificateAuthority::load(node.pem, key.pem()); }) ==
          "the certificate given for the CA is not one of a CA");
    CHECK(refusal(Fault::Input, [] { base::CertificateAuthority::create("", now()); }) ==
          "the name of a CA has 0 bytes, but must have 1 to 64");
}

TEST_CASE("what a request wishes for in its extensions is ignored") {
    const auto authority = base::CertificateAuthority::create("shop", now());
    const auto key = base::PrivateKey::generate(base::KeyKind::Ed25519);
    const auto certificate = authority.sign_node(greedy_request(key), web, now(), day);
    CHECK(certificate.node == web);
    const base::X509Handle handle = handle_of(certificate);
    CHECK(X509_check_ca(handle.get()) == 0);
    CHECK(X509_get_extended_key_usage(handle.get()) == XKU_SSL_CLIENT);
    CHECK(X509_check_host(handle.get(), "evil.example", 0, 0, nullptr) == 0);
}

TEST_CASE("a request that is malformed, altered or over a weak key is refused") {
    const auto authority = base::CertificateAuthority::create("shop", now());
    const std::string unreadable =
        "the certificate request of node 'web-prod-1' cannot be read; it must be PEM and "
        "begin with '-----BEGIN CERTIFICATE REQUEST-----'";
    for (const std::string& text :
         {std::string(), std::string("request"), std::string(70'000, 'x'), authority.certificate().pem}) {
        CHECK(refusal(Fault::Input, [&] { authority.sign_node(text, web, now(), day); }) == unreadable);
    }
    const auto key = base::PrivateKey::generate(base::KeyKind::Ed25519);
    std::string altered = base::make_certificate_request(key, web);
    const std::size_t end = altered.find("\n-----END");
    const std::size_t at = end - 8;
    altered[at] = altered[at] == 'A' ? 'B' : 'A';
    CHECK(refusal(Fault::Input, [&] { authority.sign_node(altered, web, now(), day); }) ==
          "the certificate request of node 'web-prod-1' is not signed by its own key");
    const base::Pkey weak(EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", std::size_t{2048}));
    const Request request(X509_REQ_new());
    X509_REQ_set_pubkey(request.get(), weak.get());
    X509_REQ_sign(request.get(), weak.get(), EVP_sha256());
    const base::Bio out = base::writing();
    PEM_write_bio_X509_REQ(out.get(), request.get());
    CHECK(refusal(Fault::Input, [&] { authority.sign_node(base::content_of(out), web, now(), day); }) ==
          "an RSA key of 2048 bits is not accepted; use 3072 to 8192 bits and exponent 65537");
}

TEST_CASE("the name of a node is taken from exactly one URI name, byte for byte") {
    CHECK(base::Certificate::parse(with_uris({"tiercel:node:web-prod-1"})).node == web);
    CHECK(base::Certificate::parse(with_uris({"tiercel:node:web-prod-1"})).serial == "0102");
    CHECK_FALSE(base::Certificate::parse(with_uris({"tiercel:dispatcher:main"})).node);
    CHECK_FALSE(base::Certificate::parse(with_uris({})).node);
    CHECK(refusal(Fault::Input, [] {
              base::Certificate::parse(with_uris({"tiercel:node:web-prod-1", "tiercel:node:db-prod-1"}));
          }) == "a certificate has several URI names, but must have exactly one");
    CHECK(refusal(Fault::Input, [] {
              base::Certificate::parse(with_uris({"tiercel:dispatcher:main", "tiercel:node:db-prod-1"}));
          }) == "a certificate has several URI names, but must have exactly one");
    CHECK(refusal(Fault::Input, [] {
              base::Certificate::parse(with_uris({"tiercel:node:web-prod-1"}, 2));
          }) == "a certificate has extensions that are damaged or given twice");
    for (const char* foreign :
         {"https://shop.example/", "TIERCEL:node:web-prod-1", "tiercel:nodes:web", ""}) {
        CHECK(refusal(Fault::Input, [&] { base::Certificate::parse(with_uris({foreign})); }) ==
              "a certificate has a foreign URI name; it must begin with 'tiercel:node:' or "
              "'tiercel:dispatcher:'");
    }
    CHECK(refusal(Fault::Input,
                  [] {
                      base::Certificate::parse(
                          with_uris({std::string("tiercel:node:web-prod-1\0.evil", 29)}));
                  }) ==
          "node name 'web-prod-1?.evil' has a '?', but only letters, digits, '-', '_' and '.' are allowed");
    CHECK(refusal(Fault::Input, [] { base::Certificate::parse(with_uris({"tiercel:node:"})); }) ==
          "node name is empty");
}

TEST_CASE("what is no certificate is refused") {
    const auto authority = base::CertificateAuthority::create("shop", now());
    for (const std::string& text : {std::string(), std::string("certificate"), std::string(70'000, 'x'),
                                    authority.key_pem(), authority.certificate().pem.substr(0, 200)}) {
        CHECK(refusal(Fault::Input, [&] { base::Certificate::parse(text); }) ==
              "a certificate cannot be read; it must be PEM and begin with '-----BEGIN CERTIFICATE-----'");
    }
}

TEST_CASE("a certificate never outlives its CA, and a CA that has ended signs nothing") {
    const auto authority = base::CertificateAuthority::create("shop", now());
    const auto key = base::PrivateKey::generate(base::KeyKind::Ed25519);
    const std::string request = base::make_certificate_request(key, web);
    CHECK(authority.sign_node(request, web, now(), 20 * 366 * day).not_after ==
          authority.certificate().not_after);
    CHECK(refusal(Fault::Conflict, [&] { authority.sign_node(request, web, now() + 20 * 366 * day, day); }) ==
          "the certificate of the CA has ended; create a new CA");
}

TEST_CASE("a request and a certificate carry a node name longer than a common name may be") {
    const base::NodeName longest(std::string(128, 'n'));
    const auto authority = base::CertificateAuthority::create("shop", now());
    const auto key = base::PrivateKey::generate(base::KeyKind::Ed25519);
    CHECK(authority.sign_node(base::make_certificate_request(key, longest), longest, now(), day).node ==
          longest);
}
