// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "base/trust.hpp"

#include "base/error.hpp"
#include "base/openssl.hpp"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <cstdint>

namespace base {
namespace {

// Only the list is freed: its certificates belong to the handshake.
void free_list(STACK_OF(X509) * list) {
    sk_X509_free(list);
}
using Roots = Handle<STACK_OF(X509), free_list>;

// A chain is a leaf and a CA; OpenSSL's own limit of 100 KB is memory that a stranger could ask for.
constexpr long chain_limit_bytes = 32L << 10;

[[noreturn]] void fail_internally(std::string_view what) {
    throw Error(Fault::Internal, "{}: {}", what, openssl_reason());
}

// OpenSSL's own check lets a certificate without any extended key usage be everything; ours must say what it
// is for.
bool is_for(X509* leaf, std::uint32_t purpose) {
    return (X509_get_extension_flags(leaf) & EXFLAG_XKUSAGE) != 0 &&
           (X509_get_extended_key_usage(leaf) & purpose) != 0;
}

int refuse(X509_STORE_CTX* verification, int reason) {
    X509_STORE_CTX_set_error(verification, reason);
    return 0;
}

// SSL_CTX_set_cert_verify_callback, server side: the store holds the CA; 1 is accepted.
int verify_client(X509_STORE_CTX* verification, void*) noexcept {
    if (X509_verify_cert(verification) != 1) {
        return 0;
    }
    X509* const leaf = X509_STORE_CTX_get0_cert(verification);
    if (!is_for(leaf, XKU_SSL_CLIENT)) {
        return refuse(verification, X509_V_ERR_INVALID_PURPOSE);
    }
    try {
        static_cast<void>(certificate_of(leaf));
        return 1;
    } catch (const std::exception&) {
        return refuse(verification, X509_V_ERR_UNSUPPORTED_NAME_SYNTAX);
    }
}

// SSL_CTX_set_cert_verify_callback, client side: the only root is the pinned one, which the server sends
// itself.
int verify_server(X509_STORE_CTX* verification, void* pinned) noexcept {
    try {
        STACK_OF(X509)* const sent = X509_STORE_CTX_get0_untrusted(verification);
        X509* root = nullptr;
        for (int i = 0; i < sk_X509_num(sent) && root == nullptr; ++i) {
            X509* const candidate = sk_X509_value(sent, i);
            root = fingerprint_of(candidate) == *static_cast<const Digest*>(pinned) ? candidate : nullptr;
        }
        const Roots trusted(sk_X509_new_null());
        if (root == nullptr || !trusted || sk_X509_push(trusted.get(), root) <= 0) {
            return refuse(verification, X509_V_ERR_APPLICATION_VERIFICATION);
        }
        X509_STORE_CTX_set0_trusted_stack(verification, trusted.get());
        const bool good = X509_verify_cert(verification) == 1;
        X509_STORE_CTX_set0_trusted_stack(verification, nullptr);
        if (!good) {
            return 0;
        }
        return is_for(X509_STORE_CTX_get0_cert(verification), XKU_SSL_SERVER)
                   ? 1
                   : refuse(verification, X509_V_ERR_INVALID_PURPOSE);
    } catch (const std::exception&) {
        return refuse(verification, X509_V_ERR_UNSPECIFIED);
    }
}

void demand_tls_1_3(SSL_CTX* context) {
    if (SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) != 1) {
        fail_internally("TLS 1.3 cannot be demanded");
    }
    SSL_CTX_set_max_cert_list(context, chain_limit_bytes);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
}

} // namespace

void trust_pinned_ca(SSL_CTX* context, const Digest* ca) {
    demand_tls_1_3(context);
    SSL_CTX_set_cert_verify_callback(context, verify_server, const_cast<Digest*>(ca));
}

void trust_clients_of(SSL_CTX* context, X509* ca) {
    demand_tls_1_3(context);
    if (X509_STORE_add_cert(SSL_CTX_get_cert_store(context), ca) != 1 ||
        SSL_CTX_add_client_CA(context, ca) != 1) {
        fail_internally("the CA cannot be used");
    }
    SSL_CTX_set_cert_verify_callback(context, verify_client, nullptr);
}

void present(SSL_CTX* context, const Identity& identity) {
    const X509Handle leaf = read_certificate(identity.certificate_pem);
    const PrivateKey key = PrivateKey::from_pem(identity.key_pem);
    const bool match = X509_check_private_key(leaf.get(), key.state().key.get()) == 1;
    ERR_clear_error();
    if (!match) {
        throw Error(Fault::Input, "the private key of an identity does not belong to its certificate");
    }
    if (SSL_CTX_use_certificate(context, leaf.get()) != 1 ||
        SSL_CTX_use_PrivateKey(context, key.state().key.get()) != 1) {
        fail_internally("an identity cannot be used");
    }
    const Bio chain = reading(identity.certificate_pem);
    X509Handle above(PEM_read_bio_X509(chain.get(), nullptr, no_passphrase, nullptr)); // the leaf once more
    while (above) {
        above.reset(PEM_read_bio_X509(chain.get(), nullptr, no_passphrase, nullptr));
        if (above && SSL_CTX_add1_chain_cert(context, above.get()) != 1) {
            fail_internally("a chain cannot be used");
        }
    }
    ERR_clear_error(); // the end of the text is reported as an error
}

std::string why_refused(long code) {
    switch (code) {
    case X509_V_ERR_APPLICATION_VERIFICATION:
        return "it does not come with the pinned CA";
    case X509_V_ERR_INVALID_PURPOSE:
        return "it is not for this purpose";
    case X509_V_ERR_UNSUPPORTED_NAME_SYNTAX:
        return "its name is not one that our CA gives";
    default:
        return X509_verify_cert_error_string(code);
    }
}

} // namespace base
