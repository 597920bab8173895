// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "base/key.hpp"

#include "base/error.hpp"
#include "base/openssl.hpp"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include <limits>

namespace base {
namespace {

using Number = Handle<BIGNUM, BN_free>;

// Nobody's key is longer; and OpenSSL counts in int.
constexpr std::size_t pem_limit_bytes = 64u << 10;

const unsigned char* as_bytes(std::string_view text) {
    return reinterpret_cast<const unsigned char*>(text.data());
}
unsigned char* as_bytes(std::string& text) {
    return reinterpret_cast<unsigned char*>(text.data());
}

[[noreturn]] void fail_internally(std::string_view what) {
    throw Error(Fault::Internal, "{}: {}", what, openssl_reason());
}

// Below 3072 bits RSA is too weak to last, above 8192 verifying costs more than a stranger should be able to
// ask for.
bool rsa_is_fit(const EVP_PKEY* key) {
    BIGNUM* found = nullptr;
    if (EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &found) != 1) {
        return false;
    }
    const Number exponent(found);
    const int bits = EVP_PKEY_get_bits(key);
    return bits >= 3072 && bits <= 8192 && BN_is_odd(exponent.get()) && BN_num_bits(exponent.get()) >= 17 &&
           BN_num_bits(exponent.get()) <= 256;
}

bool curve_is_p256(const EVP_PKEY* key) {
    char group[64];
    std::size_t length = 0;
    return EVP_PKEY_get_group_name(key, group, sizeof group, &length) == 1 &&
           std::string_view(group, length) == SN_X9_62_prime256v1;
}

std::string sign_with(const PrivateKey::State& state, std::string_view message) {
    const DigestContext context(EVP_MD_CTX_new());
    EVP_PKEY_CTX* parameters = nullptr; // belongs to `context`
    if (!context || EVP_DigestSignInit(context.get(), &parameters, signing_digest(state.kind), nullptr,
                                       state.key.get()) != 1) {
        fail_internally("a signature cannot be started");
    }
    if (state.kind == KeyKind::Rsa3072 && EVP_PKEY_CTX_set_rsa_padding(parameters, RSA_PKCS1_PADDING) != 1) {
        fail_internally("a signature cannot be started");
    }
    std::size_t length = 0;
    if (EVP_DigestSign(context.get(), nullptr, &length, as_bytes(message), message.size()) != 1) {
        fail_internally("a signature cannot be made");
    }
    std::string signature(length, '\0');
    if (EVP_DigestSign(context.get(), as_bytes(signature), &length, as_bytes(message), message.size()) != 1) {
        fail_internally("a signature cannot be made");
    }
    signature.resize(length);
    return signature;
}

} // namespace

std::string openssl_reason() {
    const unsigned long code = ERR_peek_last_error();
    const char* reason = ERR_reason_error_string(code);
    std::string text = reason != nullptr        ? reason
                       : code == 0              ? "no reason given"
                       : ERR_SYSTEM_ERROR(code) ? system_reason(static_cast<int>(ERR_GET_REASON(code)))
                                                : "OpenSSL error " + std::to_string(code);
    ERR_clear_error();
    return text;
}

Bio reading(std::string_view text) {
    if (text.size() > static_cast<std::size_t>(std::numeric_limits<int>::max())) {
        throw Error(Fault::Input, "a PEM text is too long");
    }
    Bio bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
    if (!bio) {
        fail_internally("a buffer cannot be made");
    }
    return bio;
}

Bio writing() {
    Bio bio(BIO_new(BIO_s_mem()));
    if (!bio) {
        fail_internally("a buffer cannot be made");
    }
    return bio;
}

std::string content_of(const Bio& bio) {
    const char* data = nullptr;
    const long length = BIO_get_mem_data(bio.get(), &data);
    return length > 0 ? std::string(data, static_cast<std::size_t>(length)) : std::string();
}

int no_passphrase(char*, int, int, void*) {
    return -1;
}

KeyKind kind_of(const EVP_PKEY* key) {
    if (EVP_PKEY_is_a(key, "ED25519") == 1) {
        return KeyKind::Ed25519;
    }
    if (EVP_PKEY_is_a(key, "RSA") == 1) {
        if (!rsa_is_fit(key)) {
            throw Error(Fault::Input,
                        "an RSA key of {} bits is not accepted; use 3072 to 8192 bits and exponent 65537",
                        EVP_PKEY_get_bits(key));
        }
        return KeyKind::Rsa3072;
    }
    if (EVP_PKEY_is_a(key, "EC") == 1 && curve_is_p256(key)) {
        return KeyKind::EcdsaP256;
    }
    throw Error(Fault::Input, "the kind of a key is not accepted; use Ed25519, RSA or ECDSA on P-256");
}

const EVP_MD* signing_digest(KeyKind kind) noexcept {
    return kind == KeyKind::Ed25519 ? nullptr : EVP_sha256();
}

PublicKey public_part(const EVP_PKEY* key) {
    unsigned char* der = nullptr;
    const int length = i2d_PUBKEY(key, &der);
    if (length <= 0) {
        fail_internally("a public key cannot be written");
    }
    const unsigned char* at = der;
    Pkey copy(d2i_PUBKEY(nullptr, &at, length));
    OPENSSL_free(der);
    if (!copy) {
        fail_internally("a public key cannot be read back");
    }
    const KeyKind kind = kind_of(copy.get());
    return PublicKey(std::make_shared<const PublicKey::State>(PublicKey::State{std::move(copy), kind}));
}

PublicKey PublicKey::from_pem(std::string_view pem) {
    Pkey key;
    if (pem.size() <= pem_limit_bytes) {
        key.reset(PEM_read_bio_PUBKEY(reading(pem).get(), nullptr, no_passphrase, nullptr));
    }
    ERR_clear_error();
    if (!key) {
        throw Error(
            Fault::Input,
            "a public key cannot be read; it must be PEM and begin with '-----BEGIN PUBLIC KEY-----'");
    }
    const KeyKind kind = kind_of(key.get());
    return PublicKey(std::make_shared<const State>(State{std::move(key), kind}));
}

std::string PublicKey::pem() const {
    const Bio out = writing();
    if (PEM_write_bio_PUBKEY(out.get(), state_->key.get()) != 1) {
        fail_internally("a public key cannot be written");
    }
    return content_of(out);
}

KeyKind PublicKey::kind() const {
    return state_->kind;
}

Digest PublicKey::fingerprint() const {
    const Bio out = writing();
    if (i2d_PUBKEY_bio(out.get(), state_->key.get()) != 1) {
        fail_internally("a public key cannot be written");
    }
    return sha256(content_of(out));
}

bool PublicKey::verifies(std::string_view message, std::string_view signature) const noexcept {
    const DigestContext context(EVP_MD_CTX_new());
    EVP_PKEY_CTX* parameters = nullptr; // belongs to `context`
    const bool good = context &&
                      EVP_DigestVerifyInit(context.get(), &parameters, signing_digest(state_->kind), nullptr,
                                           state_->key.get()) == 1 &&
                      (state_->kind != KeyKind::Rsa3072 ||
                       EVP_PKEY_CTX_set_rsa_padding(parameters, RSA_PKCS1_PADDING) == 1) &&
                      EVP_DigestVerify(context.get(), as_bytes(signature), signature.size(),
                                       as_bytes(message), message.size()) == 1;
    ERR_clear_error();
    return good;
}

PrivateKey PrivateKey::generate(KeyKind kind) {
    Pkey key;
    switch (kind) {
    case KeyKind::Ed25519:
        key.reset(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
        break;
    case KeyKind::Rsa3072:
        key.reset(EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", std::size_t{3072}));
        break;
    case KeyKind::EcdsaP256:
        key.reset(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256"));
        break;
    }
    if (!key) {
        fail_internally("a key cannot be generated");
    }
    return PrivateKey(std::make_shared<const State>(State{std::move(key), kind}));
}

// OpenSSL's own reason is left out: nothing of what was given as a private key may come near a message.
PrivateKey PrivateKey::from_pem(std::string_view pem) {
    Pkey key;
    if (pem.size() <= pem_limit_bytes) {
        key.reset(PEM_read_bio_PrivateKey(reading(pem).get(), nullptr, no_passphrase, nullptr));
    }
    ERR_clear_error();
    if (!key) {
        const bool encrypted = pem.find("ENCRYPTED") != std::string_view::npos;
        throw Error(Fault::Input,
                    encrypted ? "a private key is encrypted; remove its passphrase with 'openssl pkey'"
                              : "a private key cannot be read; it must be PEM and begin with "
                                "'-----BEGIN PRIVATE KEY-----'");
    }
    const KeyKind kind = kind_of(key.get());
    return PrivateKey(std::make_shared<const State>(State{std::move(key), kind}));
}

std::string PrivateKey::pem() const {
    const Bio out = writing();
    if (PEM_write_bio_PKCS8PrivateKey(out.get(), state_->key.get(), nullptr, nullptr, 0, no_passphrase,
                                      nullptr) != 1) {
        fail_internally("a private key cannot be written");
    }
    return content_of(out);
}

PublicKey PrivateKey::public_key() const {
    return public_part(state_->key.get());
}

std::string PrivateKey::sign(std::string_view message) const {
    return sign_with(*state_, message);
}

std::string PrivateKey::sign_digest(const Digest& digest) const {
    if (state_->kind == KeyKind::Ed25519) {
        return sign_with(*state_, {reinterpret_cast<const char*>(digest.bytes.data()), digest.bytes.size()});
    }
    const PkeyContext context(EVP_PKEY_CTX_new_from_pkey(nullptr, state_->key.get(), nullptr));
    if (!context || EVP_PKEY_sign_init(context.get()) != 1 ||
        (state_->kind == KeyKind::Rsa3072 &&
         EVP_PKEY_CTX_set_rsa_padding(context.get(), RSA_PKCS1_PADDING) != 1) ||
        EVP_PKEY_CTX_set_signature_md(context.get(), EVP_sha256()) != 1) {
        fail_internally("a signature cannot be started");
    }
    std::size_t length = 0;
    if (EVP_PKEY_sign(context.get(), nullptr, &length, digest.bytes.data(), digest.bytes.size()) != 1) {
        fail_internally("a signature cannot be made");
    }
    std::string signature(length, '\0');
    if (EVP_PKEY_sign(context.get(), as_bytes(signature), &length, digest.bytes.data(),
                      digest.bytes.size()) != 1) {
        fail_internally("a signature cannot be made");
    }
    signature.resize(length);
    return signature;
}

} // namespace base
