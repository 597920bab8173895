// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace base {

/// A SHA-256 value. Text form everywhere on disk and wire: `sha256:` + 64 lower-case hex digits.
struct Digest {
    std::array<std::uint8_t, 32> bytes{};

    /// Accepts the text form or the bare hex digits. @throws Error{Fault::Input}
    static Digest parse(std::string_view text);
    std::string str() const;
    std::string hex() const;
    auto operator<=>(const Digest&) const = default;
};

/// Incremental SHA-256 (OpenSSL). Not copyable; one thread.
class Sha256 {
public:
    Sha256();
    ~Sha256();
    Sha256(Sha256&&) noexcept;
    Sha256& operator=(Sha256&&) noexcept;
    Sha256& update(std::string_view bytes);
    /// The digest of all bytes so far; the object may not be used after it.
    Digest finish();

private:
    struct State;
    std::unique_ptr<State> state_;
};

Digest sha256(std::string_view bytes);
/// @throws Error{Fault::NotFound | Fault::Unavailable} when the file cannot be read.
Digest sha256_of_file(const std::filesystem::path& file);

std::string to_hex(std::string_view bytes);
/// @throws Error{Fault::Input}
std::string from_hex(std::string_view hex);
/// RFC 4648 base64, with padding, one line.
std::string to_base64(std::string_view bytes);
/// @throws Error{Fault::Input}
std::string from_base64(std::string_view text);
/// `count` bytes of the system's random source.
std::string random_bytes(std::size_t count);
/// Compares in time that does not depend on where they differ.
bool same_secret(std::string_view left, std::string_view right) noexcept;

} // namespace base

template <> struct std::hash<base::Digest> {
    std::size_t operator()(const base::Digest& digest) const noexcept;
};
