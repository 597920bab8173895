// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "base/digest.hpp"

#include "base/descriptor.hpp"
#include "base/error.hpp"
#include "base/openssl.hpp"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <sys/random.h>
#include <unistd.h>

#include <algorithm>
#include <vector>

namespace base {
namespace {

constexpr std::string_view hex_digits = "0123456789abcdef";
constexpr std::string_view base64_digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

int hex_value(char digit) noexcept {
    if (digit >= '0' && digit <= '9') {
        return digit - '0';
    }
    if (digit >= 'a' && digit <= 'f') {
        return digit - 'a' + 10;
    }
    if (digit >= 'A' && digit <= 'F') {
        return digit - 'A' + 10;
    }
    return -1;
}

int base64_value(char digit) noexcept {
    const std::size_t at = base64_digits.find(digit);
    return at == std::string_view::npos ? -1 : static_cast<int>(at);
}

// Foreign text in a message: short, and without what a terminal would obey.
std::string shown(std::string_view text) {
    std::string cut(text.substr(0, 80));
    for (char& letter : cut) {
        if (letter < ' ' || letter > '~') {
            letter = '?';
        }
    }
    return cut;
}

// Fetched once: the implicit fetch behind EVP_sha256() costs more than hashing a short message.
const EVP_MD* sha256_algorithm() {
    static const Handle<EVP_MD, EVP_MD_free> algorithm(EVP_MD_fetch(nullptr, "SHA256", nullptr));
    if (!algorithm) {
        throw Error(Fault::Internal, "OpenSSL has no SHA-256: {}", openssl_reason());
    }
    return algorithm.get();
}

} // namespace

Digest Digest::parse(std::string_view text) {
    constexpr std::string_view prefix = "sha256:";
    const std::string_view digits = text.starts_with(prefix) ? text.substr(prefix.size()) : text;
    Digest digest;
    if (digits.size() != 2 * digest.bytes.size() ||
        digits.find_first_not_of(hex_digits) != std::string_view::npos) {
        throw Error(Fault::Input,
                    "'{}' is not a digest; write 'sha256:' and 64 lower-case hexadecimal digits",
                    shown(text));
    }
    for (std::size_t i = 0; i < digest.bytes.size(); ++i) {
        digest.bytes[i] =
            static_cast<std::uint8_t>(hex_value(digits[2 * i]) * 16 + hex_value(digits[2 * i + 1]));
    }
    return digest;
}

std::string Digest::hex() const {
    return to_hex({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

std::string Digest::str() const {
    return "sha256:" + hex();
}

struct Sha256::State {
    Handle<EVP_MD_CTX, EVP_MD_CTX_free> context{EVP_MD_CTX_new()};
};

Sha256::Sha256() : state_(std::make_unique<State>()) {
    if (!state_->context || EVP_DigestInit_ex2(state_->context.get(), sha256_algorithm(), nullptr) != 1) {
        throw Error(Fault::Internal, "SHA-256 cannot be started: {}", openssl_reason());
    }
}

Sha256::~Sha256() = default;
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;

Sha256& Sha256::update(std::string_view bytes) {
    if (EVP_DigestUpdate(state_->context.get(), bytes.data(), bytes.size()) != 1) {
        throw Error(Fault::Internal, "SHA-256 failed: {}", openssl_reason());
    }
    return *this;
}

Digest Sha256::finish() {
    Digest digest;
    if (EVP_DigestFinal_ex(state_->context.get(), digest.bytes.data(), nullptr) != 1) {
        throw Error(Fault::Internal, "SHA-256 failed: {}", openssl_reason());
    }
    return digest;
}

Digest sha256(std::string_view bytes) {
    return Sha256().update(bytes).finish();
}

Digest sha256_of_file(const std::filesystem::path& file) {
    const auto fail = [&](int reason) {
        throw Error(reason == ENOENT || reason == ENOTDIR ? Fault::NotFound : Fault::Unavailable,
                    "'{}' cannot be read: {}", file.string(), system_reason(reason));
    };
    const Descriptor descriptor(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
    if (!descriptor) {
        fail(errno);
    }
    Sha256 hash;
    std::vector<char> buffer(256u << 10);
    while (true) {
        const ssize_t got = ::read(descriptor.get(), buffer.data(), buffer.size());
        if (got == 0) {
            return hash.finish();
        }
        if (got > 0) {
            hash.update({buffer.data(), static_cast<std::size_t>(got)});
        } else if (errno != EINTR) {
            fail(errno);
        }
    }
}

std::string to_hex(std::string_view bytes) {
    std::string hex;
    hex.reserve(2 * bytes.size());
    for (const char letter : bytes) {
        const auto byte = static_cast<unsigned char>(letter);
        hex += hex_digits[byte >> 4];
        hex += hex_digits[byte & 15];
    }
    return hex;
}

// The text of what fails to decode stays out of the messages here: it may be a key or a token.
std::string from_hex(std::string_view hex) {
    if (hex.size() % 2 != 0) {
        throw Error(Fault::Input, "hexadecimal text has {} digits, but must have an even number", hex.size());
    }
    std::string bytes;
    bytes.reserve(hex.size() / 2);
    for (std::size_t i = 0; i < hex.size(); i += 2) {
        const int high = hex_value(hex[i]);
        const int low = hex_value(hex[i + 1]);
        if (high < 0 || low < 0) {
            throw Error(Fault::Input, "hexadecimal text has a character that is no digit at position {}",
                        high < 0 ? i + 1 : i + 2);
        }
        bytes += static_cast<char>(high * 16 + low);
    }
    return bytes;
}

std::string to_base64(std::string_view bytes) {
    std::string text;
    text.reserve((bytes.size() + 2) / 3 * 4);
    for (std::size_t i = 0; i < bytes.size(); i += 3) {
        const std::size_t count = std::min<std::size_t>(3, bytes.size() - i);
        std::uint32_t group = 0;
        for (std::size_t k = 0; k < 3; ++k) {
            group = group << 8 | (k < count ? static_cast<unsigned char>(bytes[i + k]) : 0u);
        }
        for (std::size_t k = 0; k < 4; ++k) {
            text += k <= count ? base64_digits[group >> (18 - 6 * k) & 63] : '=';
        }
    }
    return text;
}

std::string from_base64(std::string_view text) {
    if (text.size() % 4 != 0) {
        throw Error(Fault::Input, "base64 text has {} characters, but must have a multiple of 4",
                    text.size());
    }
    std::size_t padding = 0;
    while (padding < 2 && padding < text.size() && text[text.size() - 1 - padding] == '=') {
        ++padding;
    }
    std::string bytes;
    bytes.reserve(text.size() / 4 * 3);
    std::uint32_t group = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const bool pad = i >= text.size() - padding;
        const int value = pad ? 0 : base64_value(text[i]);
        if (value < 0) {
            throw Error(Fault::Input, "base64 text has a character that is no digit at position {}", i + 1);
        }
        group = group << 6 | static_cast<std::uint32_t>(value);
        if (i % 4 == 3) {
            for (const int shift : {16, 8, 0}) {
                bytes += static_cast<char>(group >> shift & 255);
            }
        }
    }
    // One text for each value: what the padding cuts off must be zero.
    if (bytes.substr(bytes.size() - padding).find_first_not_of('\0') != std::string::npos) {
        throw Error(Fault::Input, "base64 text ends in bits that belong to no byte");
    }
    bytes.erase(bytes.size() - padding);
    return bytes;
}

std::string random_bytes(std::size_t count) {
    std::string bytes(count, '\0');
    for (std::size_t done = 0; done < count;) {
        const ssize_t got = ::getrandom(bytes.data() + done, count - done, 0);
        if (got < 0 && errno != EINTR) {
            throw Error(Fault::Internal, "the system gives no random bytes: {}", system_reason(errno));
        }
        done += got > 0 ? static_cast<std::size_t>(got) : 0;
    }
    return bytes;
}

bool same_secret(std::string_view left, std::string_view right) noexcept {
    return left.size() == right.size() && CRYPTO_memcmp(left.data(), right.data(), left.size()) == 0;
}

} // namespace base

std::size_t std::hash<base::Digest>::operator()(const base::Digest& digest) const noexcept {
    std::size_t head = 0;
    std::memcpy(&head, digest.bytes.data(), sizeof head);
    return head;
}
