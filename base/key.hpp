// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/digest.hpp"

#include <memory>
#include <string>
#include <string_view>

namespace base {

/// Rsa3072 stands for RSA of 3072 (what we make) to 8192 bits; weaker and other keys are refused.
enum class KeyKind { Ed25519, Rsa3072, EcdsaP256 };

/// A public key. Copyable, immutable. Thread: any.
class PublicKey {
public:
    /// SubjectPublicKeyInfo in PEM. @throws Error{Fault::Input}
    static PublicKey from_pem(std::string_view pem);
    std::string pem() const;
    KeyKind kind() const;
    /// SHA-256 over the DER of the SubjectPublicKeyInfo: the name under which a key is pinned.
    Digest fingerprint() const;
    /// True when `signature` is this key's over `message` (Ed25519 pure; RSA PKCS#1 v1.5 and ECDSA with
    /// SHA-256).
    bool verifies(std::string_view message, std::string_view signature) const noexcept;

    struct State;
    explicit PublicKey(std::shared_ptr<const State> state) : state_(std::move(state)) {}
    const State& state() const noexcept { return *state_; }

private:
    std::shared_ptr<const State> state_;
};

/// Signs; a file key, PKCS#11 or a remote signer all fit. Thread: any.
class Signer {
public:
    virtual ~Signer() = default;
    virtual PublicKey public_key() const = 0;
    /// Ed25519 over the message itself; RSA PKCS#1 v1.5 (deterministic) and ECDSA over its SHA-256.
    virtual std::string sign(std::string_view message) const = 0;
    /// RSA: PKCS#1 v1.5 with the SHA-256 DigestInfo of `digest`; Ed25519: pure over the 32 bytes (as OpenPGP
    /// wants it).
    virtual std::string sign_digest(const Digest& digest) const = 0;
};

/// A private key in memory, from a PEM (PKCS#8, unencrypted) file of mode 0600.
class PrivateKey final : public Signer {
public:
    static PrivateKey generate(KeyKind kind);
    /// @throws Error{Fault::Input}
    static PrivateKey from_pem(std::string_view pem);
    std::string pem() const;
    PublicKey public_key() const override;
    std::string sign(std::string_view message) const override;
    std::string sign_digest(const Digest& digest) const override;

    struct State;
    explicit PrivateKey(std::shared_ptr<const State> state) : state_(std::move(state)) {}
    const State& state() const noexcept { return *state_; }

private:
    std::shared_ptr<const State> state_;
};

} // namespace base
