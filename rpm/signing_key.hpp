// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/key.hpp"
#include "base/openpgp.hpp"

#include <cstdint>
#include <filesystem>
#include <string>

namespace rpm {

/// A package-signing key file: one line `tiercel-key created=<unix seconds> user=<user id>` before the PEM
/// block (PEM readers skip it). OpenPGP needs both; the creation time is part of the key's fingerprint. Mode
/// 0600 is required.
class SigningKey {
public:
    static SigningKey generate(base::KeyKind kind, std::uint32_t created_unix_seconds, std::string user_id);
    /// @throws base::Error{Input} malformed, Error{Denied} when others can read the file, Error{NotFound}.
    static SigningKey load(const std::filesystem::path& file);
    static SigningKey parse(const std::string& text, const std::string& name);
    std::string file_text() const;
    /// ASCII-armoured certificate, for `rpm --import` and RPM-GPG-KEY files.
    std::string certificate() const;
    base::OpenPgpKey openpgp() const { return base::OpenPgpKey(key_, created_); }
    std::uint32_t created() const noexcept { return created_; }

private:
    SigningKey(base::PrivateKey key, std::uint32_t created, std::string user)
        : key_(std::move(key)), created_(created), user_(std::move(user)) {}
    base::PrivateKey key_;
    std::uint32_t created_;
    std::string user_;
};

} // namespace rpm
