// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "base/openpgp.hpp"

#include "base/error.hpp"
#include "base/openssl.hpp"

#include <openssl/bn.h>
#include <openssl/core_names.h>

#include <algorithm>
#include <array>
#include <bit>
#include <vector>

namespace base {
namespace {

// Numbers as RFC 4880 calls them.
constexpr std::uint8_t version_4 = 4;
constexpr std::uint8_t rsa = 1;
constexpr std::uint8_t eddsa = 22;
constexpr std::uint8_t hash_sha256 = 8;
enum Tag : std::uint8_t { SignatureTag = 2, PublicKeyTag = 6, UserIdTag = 13 };
enum SignatureType : std::uint8_t { OverDocument = 0x00, OverOwnUserId = 0x13 };
enum Subpacket : std::uint8_t {
    CreationTime = 2,
    Issuer = 16,
    PreferredHashes = 21,
    KeyFlags = 27,
    IssuerFingerprint = 33
};

// Big-endian, `count` bytes wide.
std::string number(std::uint64_t value, std::size_t count) {
    std::string bytes;
    for (std::size_t i = count; i-- > 0;) {
        bytes += static_cast<char>(value >> (8 * i) & 255);
    }
    return bytes;
}

// A multiprecision integer: its length in bits, then its bytes without leading zeros. A leading zero, which
// one signature in 256 would have, is refused by rpm's libgcrypt and by gpg.
std::string integer(std::string_view bytes) {
    const std::size_t first = std::min(bytes.find_first_not_of('\0'), bytes.size());
    bytes.remove_prefix(first);
    const std::size_t bits =
        bytes.empty()
            ? 0
            : 8 * bytes.size() -
                  static_cast<std::size_t>(std::countl_zero(static_cast<unsigned char>(bytes.front())));
    return number(bits, 2).append(bytes);
}

std::string packet(Tag tag, std::string_view body) {
    const std::size_t width = body.size() < 256 ? 0 : body.size() < 65536 ? 1 : 2;
    std::string bytes = number(0x80u | static_cast<unsigned>(tag << 2) | width, 1);
    return bytes.append(number(body.size(), std::size_t{1} << width)).append(body);
}

std::string subpacket(Subpacket type, std::string_view data) {
    return number(data.size() + 1, 1).append(number(type, 1)).append(data);
}

std::string rsa_parameter(const EVP_PKEY* key, const char* name) {
    BIGNUM* found = nullptr;
    if (EVP_PKEY_get_bn_param(key, name, &found) != 1) {
        throw Error(Fault::Internal, "an RSA key does not give its numbers: {}", openssl_reason());
    }
    const Handle<BIGNUM, BN_free> value(found);
    std::vector<unsigned char> bytes(static_cast<std::size_t>(BN_num_bytes(value.get())));
    BN_bn2bin(value.get(), bytes.data());
    return integer({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

std::string ed25519_point(const EVP_PKEY* key) {
    static constexpr char curve[] =
        "\x09\x2B\x06\x01\x04\x01\xDA\x47\x0F\x01"; // its length, 1.3.6.1.4.1.11591.15.1
    std::array<unsigned char, 32> point{};
    std::size_t length = point.size();
    if (EVP_PKEY_get_raw_public_key(key, point.data(), &length) != 1 || length != point.size()) {
        throw Error(Fault::Internal, "an Ed25519 key does not give its point: {}", openssl_reason());
    }
    std::string prefixed = "\x40";
    prefixed.append(reinterpret_cast<const char*>(point.data()), point.size());
    return std::string(curve, sizeof curve - 1).append(integer(prefixed));
}

// What is hashed for a key: in its fingerprint, and ahead of its user id.
std::string framed_key(std::string_view body) {
    return "\x99" + number(body.size(), 2).append(body);
}

std::string sha1(std::string_view bytes) {
    std::array<unsigned char, 20> digest{};
    std::size_t length = 0;
    if (EVP_Q_digest(nullptr, "SHA1", nullptr, bytes.data(), bytes.size(), digest.data(), &length) != 1 ||
        length != digest.size()) {
        throw Error(Fault::Internal, "OpenSSL gives no SHA-1, which an OpenPGP fingerprint is: {}",
                    openssl_reason());
    }
    return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

} // namespace

OpenPgpKey::OpenPgpKey(const Signer& signer, std::uint32_t created_unix_seconds)
    : signer_(signer), created_(created_unix_seconds) {
    const PublicKey key = signer.public_key();
    const EVP_PKEY* handle = key.state().key.get();
    std::string numbers;
    switch (key.kind()) {
    case KeyKind::Rsa3072:
        algorithm_ = rsa;
        numbers = rsa_parameter(handle, OSSL_PKEY_PARAM_RSA_N) + rsa_parameter(handle, OSSL_PKEY_PARAM_RSA_E);
        break;
    case KeyKind::Ed25519:
        algorithm_ = eddsa;
        numbers = ed25519_point(handle);
        break;
    case KeyKind::EcdsaP256:
        throw Error(Fault::Input, "an ECDSA key cannot make OpenPGP signatures; use an RSA or Ed25519 key");
    }
    public_body_ = number(version_4, 1) + number(created_, 4) + number(algorithm_, 1) + numbers;
    fingerprint_ = sha1(framed_key(public_body_));
}

std::string OpenPgpKey::signature(std::uint8_t type, std::string_view data, std::uint32_t at,
                                  std::string_view more_hashed) const {
    const std::string hashed = subpacket(IssuerFingerprint, number(version_4, 1) + fingerprint_) +
                               subpacket(CreationTime, number(at, 4)).append(more_hashed);
    std::string body = number(version_4, 1) + number(type, 1) + number(algorithm_, 1) +
                       number(hash_sha256, 1) + number(hashed.size(), 2) + hashed;
    const std::string trailer = number(version_4, 1) + "\xff" + number(body.size(), 4);
    const Digest digest = Sha256().update(data).update(body).update(trailer).finish();

    const std::string unhashed = subpacket(Issuer, std::string_view(fingerprint_).substr(12));
    body += number(unhashed.size(), 2) + unhashed;
    body.append(reinterpret_cast<const char*>(digest.bytes.data()), 2);

    const std::string raw = signer_.sign_digest(digest);
    if (algorithm_ == rsa) {
        return packet(SignatureTag, body + integer(raw));
    }
    if (raw.size() != 64) {
        throw Error(Fault::Internal, "an Ed25519 signature has {} bytes, but must have 64", raw.size());
    }
    return packet(SignatureTag, body + integer(raw.substr(0, 32)) + integer(raw.substr(32)));
}

std::string OpenPgpKey::sign(std::string_view message, std::uint32_t at_unix_seconds) const {
    return signature(OverDocument, message, at_unix_seconds, {});
}

std::string OpenPgpKey::certificate(std::string_view user_id) const {
    const auto is_control = [](char letter) {
        return static_cast<unsigned char>(letter) < ' ' || letter == '\x7f';
    };
    if (user_id.empty() || user_id.size() > 1024 || std::any_of(user_id.begin(), user_id.end(), is_control)) {
        throw Error(Fault::Input, "the user id of a key must be one line of 1 to 1024 bytes");
    }
    const std::string hashed = framed_key(public_body_) + "\xb4" + number(user_id.size(), 4).append(user_id);
    const std::string more = subpacket(KeyFlags, "\x03") + subpacket(PreferredHashes, "\x08\x0a");
    return packet(PublicKeyTag, public_body_) + packet(UserIdTag, user_id) +
           signature(OverOwnUserId, hashed, created_, more);
}

std::string armor(std::string_view binary, std::string_view what) {
    std::uint32_t crc = 0xB704CE; // RFC 4880, 6.1
    for (const char letter : binary) {
        crc ^= static_cast<std::uint32_t>(static_cast<unsigned char>(letter)) << 16;
        for (int bit = 0; bit < 8; ++bit) {
            crc <<= 1;
            crc ^= (crc & 0x1000000) != 0 ? 0x1864CFBu : 0u;
        }
    }
    const std::string body = to_base64(binary);
    std::string text = fmt::format("-----BEGIN PGP {}-----\n\n", what);
    for (std::size_t at = 0; at < body.size(); at += 64) {
        text.append(body, at, 64).append("\n");
    }
    return text + fmt::format("={}\n-----END PGP {}-----\n", to_base64(number(crc, 3)), what);
}

} // namespace base
