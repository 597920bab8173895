// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// Only for the .cpp files of this room: who the other side of an SSL_CTX must be and who we are, alike for
// TlsContext and for downloads.
#pragma once

#include "base/tls.hpp"

#include <openssl/ssl.h>

#include <string>

namespace base {

/// TLS 1.3 only; the peer must send exactly the CA certificate with the digest `*ca`, and a leaf below it for
/// serverAuth. `ca` must outlive the context.
void trust_pinned_ca(SSL_CTX* context, const Digest* ca);
/// TLS 1.3 only; a peer that shows a certificate must have it from `ca`, for clientAuth and with a name that
/// our CA gives. One that shows none is let in.
void trust_clients_of(SSL_CTX* context, X509* ca);
/// Certificate (with its chain, if given) and key from memory. @throws Error{Fault::Input}
void present(SSL_CTX* context, const Identity& identity);
/// Why X.509 verification failed, for people; `code` is one of X509_V_ERR_….
std::string why_refused(long code);

} // namespace base
