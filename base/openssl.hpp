// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// Only for the .cpp files of this room: no other room sees an OpenSSL type.
#pragma once

#include "base/certificate.hpp"
#include "base/handle.hpp"
#include "base/key.hpp"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include <string>
#include <string_view>

namespace base {

using Bio = Handle<BIO, BIO_free_all>;
using Pkey = Handle<EVP_PKEY, EVP_PKEY_free>;
using PkeyContext = Handle<EVP_PKEY_CTX, EVP_PKEY_CTX_free>;
using DigestContext = Handle<EVP_MD_CTX, EVP_MD_CTX_free>;
using X509Handle = Handle<X509, X509_free>;

struct PublicKey::State {
    Pkey key;
    KeyKind kind;
};

struct PrivateKey::State {
    Pkey key;
    KeyKind kind;
};

/// The reason of this thread's newest OpenSSL error, for people; empties the thread's error queue.
std::string openssl_reason();

/// A reading BIO over `text`, which must outlive it.
Bio reading(std::string_view text);
/// An empty memory BIO to write into.
Bio writing();
std::string content_of(const Bio& bio);

/// Passphrase callback that never asks: without it OpenSSL prompts on the terminal for an encrypted PEM.
int no_passphrase(char* buffer, int size, int writing, void* context);

/// @throws Error{Fault::Input} for a kind or strength of key that we do not use.
KeyKind kind_of(const EVP_PKEY* key);
/// What X509_sign and the like want as digest for this kind of key: none for Ed25519.
const EVP_MD* signing_digest(KeyKind kind) noexcept;
/// A public key of its own, without the private part that `key` may have. @throws as kind_of.
PublicKey public_part(const EVP_PKEY* key);

/// The first certificate of a PEM text. @throws Error{Fault::Input}
X509Handle read_certificate(std::string_view pem);
/// @throws Error{Fault::Input} when its names break the rules of Certificate.
Certificate certificate_of(const X509* handle);
Digest fingerprint_of(const X509* certificate);

} // namespace base
