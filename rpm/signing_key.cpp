// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "rpm/signing_key.hpp"

#include "base/error.hpp"
#include "base/files.hpp"

#include <sys/stat.h>

#include <charconv>

namespace rpm {
namespace {

constexpr std::string_view first_words = "tiercel-key created=";
constexpr std::string_view before_user = " user=";
constexpr std::size_t file_limit_bytes = 64u << 10;

void refuse_if_shared(const std::filesystem::path& file) {
    struct stat facts {};
    if (::stat(file.c_str(), &facts) == 0 && (facts.st_mode & 077) != 0) {
        throw base::Error(
            base::Fault::Denied,
            "key file '{}' can be read by others (mode {:04o}); do 'chmod 600' on it, and replace the "
            "key if somebody may have copied it",
            file.string(), facts.st_mode & 07777);
    }
}

} // namespace

SigningKey SigningKey::generate(base::KeyKind kind, std::uint32_t created_unix_seconds, std::string user_id) {
    SigningKey key(base::PrivateKey::generate(kind), created_unix_seconds, std::move(user_id));
    (void)key.certificate(); // refuses kinds and user ids that OpenPGP does not take
    return key;
}

SigningKey SigningKey::load(const std::filesystem::path& file) {
    refuse_if_shared(file);
    return parse(base::SystemFiles().read(file, file_limit_bytes), file.string());
}

SigningKey SigningKey::parse(const std::string& text, const std::string& name) {
    const std::string_view line = std::string_view(text).substr(0, text.find('\n'));
    const std::size_t user_at = line.find(before_user);
    std::uint32_t created = 0;
    bool fits = line.starts_with(first_words) && user_at != std::string_view::npos;
    if (fits) {
        const std::string_view number = line.substr(first_words.size(), user_at - first_words.size());
        const auto [end, problem] = std::from_chars(number.data(), number.data() + number.size(), created);
        fits = problem == std::errc() && end == number.data() + number.size();
    }
    if (!fits) {
        throw base::Error(
            base::Fault::Input,
            "'{}' is no package-signing key: it does not begin with '{}SECONDS{}WHO'; make one with "
            "'tiercel key new'",
            name, first_words, before_user);
    }
    try {
        SigningKey key(base::PrivateKey::from_pem(std::string_view(text).substr(line.size())), created,
                       std::string(line.substr(user_at + before_user.size())));
        (void)key.certificate();
        return key;
    } catch (base::Error& error) {
        error.during("reading key file '" + name + "'");
        throw;
    }
}

std::string SigningKey::file_text() const {
    return std::string(first_words) + std::to_string(created_) + std::string(before_user) + user_ + "\n" +
           key_.pem();
}

std::string SigningKey::certificate() const {
    return base::armor(openpgp().certificate(user_), "PUBLIC KEY BLOCK");
}

} // namespace rpm
