// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "base/tls.hpp"

#include "base/error.hpp"
#include "base/openssl.hpp"
#include "base/pinned_ca.hpp"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <sys/socket.h>

#include <cerrno>
#include <cstdint>
#include <limits>
#include <mutex>

namespace base {
namespace {

using Context = Handle<SSL_CTX, SSL_CTX_free>;
using Ssl = Handle<SSL, SSL_free>;
// Only the list is freed: its certificates belong to the handshake.
void free_list(STACK_OF(X509) * list) {
    sk_X509_free(list);
}
using Roots = Handle<STACK_OF(X509), free_list>;
using Resumable = Handle<SSL_SESSION, SSL_SESSION_free>;

// A chain is a leaf and a CA; OpenSSL's own limit of 100 KB is memory that a stranger could ask for.
constexpr long chain_limit_bytes = 32L << 10;

[[noreturn]] void fail_internally(std::string_view what) {
    throw Error(Fault::Internal, "{}: {}", what, openssl_reason());
}

/// A socket as OpenSSL's transport, but with MSG_NOSIGNAL: a peer that has gone must be an error, not a
/// SIGPIPE that ends us.
namespace transport {

int socket_of(BIO* bio) {
    return static_cast<int>(reinterpret_cast<std::intptr_t>(BIO_get_data(bio)));
}

bool may_be_repeated(int error_number) {
    return error_number == EAGAIN || error_number == EWOULDBLOCK || error_number == EINTR;
}

int read(BIO* bio, char* into, int size) noexcept {
    BIO_clear_retry_flags(bio);
    const ssize_t got = ::recv(socket_of(bio), into, static_cast<std::size_t>(size), 0);
    if (got < 0 && may_be_repeated(errno)) {
        BIO_set_retry_read(bio);
    }
    return static_cast<int>(got);
}

int write(BIO* bio, const char* from, int size) noexcept {
    BIO_clear_retry_flags(bio);
    const ssize_t sent = ::send(socket_of(bio), from, static_cast<std::size_t>(size), MSG_NOSIGNAL);
    if (sent < 0 && may_be_repeated(errno)) {
        BIO_set_retry_write(bio);
    }
    return static_cast<int>(sent);
}

// BIO_CTRL_EOF is not answered on purpose: OpenSSL would take the end of a killed dispatcher's connection for
// an attack and spoil the ticket, just when all nodes come back at once. `step` sees the missing farewell all
// the same.
long control(BIO*, int command, long, void*) noexcept {
    return command == BIO_CTRL_FLUSH ? 1 : 0;
}

BIO* over(int socket) {
    using Method = Handle<BIO_METHOD, BIO_meth_free>;
    static const Method method = [] {
        Method made(BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "socket without SIGPIPE"));
        if (!made || BIO_meth_set_read(made.get(), read) != 1 || BIO_meth_set_write(made.get(), write) != 1 ||
            BIO_meth_set_ctrl(made.get(), control) != 1) {
            fail_internally("a TLS transport cannot be made");
        }
        return made;
    }();
    BIO* bio = BIO_new(method.get());
    if (bio == nullptr) {
        fail_internally("a TLS transport cannot be made");
    }
    BIO_set_data(bio, reinterpret_cast<void*>(static_cast<std::intptr_t>(socket)));
    BIO_set_init(bio, 1);
    return bio;
}

} // namespace transport

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

Context new_context(const SSL_METHOD* method) {
    Context context(SSL_CTX_new(method));
    if (!context || SSL_CTX_set_min_proto_version(context.get(), TLS1_3_VERSION) != 1) {
        fail_internally("a TLS context cannot be made");
    }
    SSL_CTX_set_mode(context.get(), SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                        SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_NO_AUTO_CHAIN);
    SSL_CTX_set_max_cert_list(context.get(), chain_limit_bytes);
    return context;
}

// Whether the certificate, verified when the session began, has ended since: a resumed handshake does not
// look again.
bool has_ended(const X509* certificate) {
    return certificate != nullptr && X509_cmp_current_time(X509_get0_notAfter(certificate)) <= 0;
}

// A refusal of a certificate, by us or by the peer; all else is a connection that broke.
bool is_about_certificates(unsigned long error) {
    if (ERR_GET_LIB(error) != ERR_LIB_SSL) {
        return false;
    }
    switch (ERR_GET_REASON(error)) {
    case SSL_R_CERTIFICATE_VERIFY_FAILED:
    case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
    case SSL_R_SSLV3_ALERT_BAD_CERTIFICATE:
    case SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN:
    case SSL_R_TLSV1_ALERT_UNKNOWN_CA:
    case SSL_R_TLSV1_ALERT_ACCESS_DENIED:
    case SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED:
        return true;
    default:
        return false;
    }
}

} // namespace

void trust_pinned_ca(SSL_CTX* context, const Digest* ca) {
    if (SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) != 1) {
        fail_internally("TLS 1.3 cannot be demanded");
    }
    SSL_CTX_set_max_cert_list(context, chain_limit_bytes);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
    SSL_CTX_set_cert_verify_callback(context, verify_server, const_cast<Digest*>(ca));
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

struct TlsContext::State : std::enable_shared_from_this<State> {
    Context context;
    bool server = false;
    Digest ca; ///< client side: the pin, which `context` refers to

    /// Client side: the newest ticket. Each is used once; taking up a session costs the dispatcher half of a
    /// new one.
    Resumable take() {
        const std::lock_guard guard(lock_);
        return std::move(newest_);
    }
    void keep(Resumable session) {
        const std::lock_guard guard(lock_);
        newest_ = std::move(session);
    }

private:
    std::mutex lock_;
    Resumable newest_;
};

namespace {

// SSL_CTX_sess_set_new_cb; 1 says that the session is ours now.
int keep_session(SSL* ssl, SSL_SESSION* session) noexcept {
    static_cast<TlsContext::State*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)))->keep(Resumable(session));
    return 1;
}

} // namespace

TlsContext TlsContext::server(const Identity& identity, std::string_view ca_pem) {
    auto state = std::make_shared<State>();
    state->server = true;
    state->context = new_context(TLS_server_method());
    SSL_CTX* const context = state->context.get();
    present(context, identity);

    const X509Handle ca = read_certificate(ca_pem);
    // Clients pin the CA and find it only in what we send.
    if (SSL_CTX_add1_chain_cert(context, ca.get()) != 1 || SSL_CTX_add_client_CA(context, ca.get()) != 1 ||
        X509_STORE_add_cert(SSL_CTX_get_cert_store(context), ca.get()) != 1) {
        fail_internally("the CA cannot be used");
    }
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
    SSL_CTX_set_cert_verify_callback(context, verify_client, nullptr);

    // Tickets hold the whole session, so nothing is cached here. Without an id context a client that shows a
    // certificate could not take up its session: OpenSSL answers with internal_error.
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    static constexpr unsigned char id[] = "tiercel";
    if (SSL_CTX_set_session_id_context(context, id, sizeof id - 1) != 1 ||
        SSL_CTX_set_num_tickets(context, 1) != 1) {
        fail_internally("session tickets cannot be set up");
    }
    return TlsContext(std::move(state));
}

TlsContext TlsContext::client(const Digest& ca, const std::optional<Identity>& identity) {
    auto state = std::make_shared<State>();
    state->ca = ca;
    state->context = new_context(TLS_client_method());
    SSL_CTX* const context = state->context.get();
    trust_pinned_ca(context, &state->ca);
    if (identity) {
        present(context, *identity);
    }
    SSL_CTX_set_app_data(context, state.get());
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(context, keep_session);
    return TlsContext(std::move(state));
}

struct TlsSession::State {
    std::shared_ptr<TlsContext::State> context; ///< outlives `ssl`, whose callbacks use it
    Ssl ssl;
    bool server;
    bool established = false;
    bool broken = false; ///< OpenSSL forbids any further call, close_notify too

    State(std::shared_ptr<TlsContext::State> of, bool serving)
        : context(std::move(of)), ssl(SSL_new(context->context.get())), server(serving) {
        if (!ssl) {
            fail_internally("a TLS session cannot be made");
        }
    }
    /// Without this SSL_free makes the ticket of a connection unusable that did not end in order.
    ~State() { SSL_set_shutdown(ssl.get(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN); }
    State(const State&) = delete;
    State& operator=(const State&) = delete;

    std::string_view peer_kind() const noexcept { return server ? "client" : "server"; }

    [[noreturn]] void fail(int system_error) {
        broken = true;
        const unsigned long error = ERR_peek_last_error();
        const bool refused = is_about_certificates(error);
        if (refused && ERR_GET_REASON(error) == SSL_R_CERTIFICATE_VERIFY_FAILED) {
            ERR_clear_error();
            throw Error(Fault::Denied, "the {}'s certificate is refused: {}", peer_kind(),
                        why_refused(SSL_get_verify_result(ssl.get())));
        }
        if (refused) {
            throw Error(Fault::Denied, "our certificate is refused by the {}: {}", peer_kind(),
                        openssl_reason());
        }
        if (error != 0) {
            throw Error(Fault::Unavailable, "the TLS connection to the {} failed: {}", peer_kind(),
                        openssl_reason());
        }
        throw Error(Fault::Unavailable, "the TLS connection to the {} broke off: {}", peer_kind(),
                    system_error != 0 ? system_reason(system_error) : "closed without a farewell");
    }

    /// One call into OpenSSL and what it says. `call` returns 1 when it is done.
    template <class Call> Progress step(Call call) {
        if (broken) {
            throw Error(Fault::Unavailable, "the TLS connection to the {} is broken already", peer_kind());
        }
        ERR_clear_error();
        errno = 0;
        std::size_t bytes = 0;
        const int result = call(bytes);
        const int system_error = errno;
        switch (SSL_get_error(ssl.get(), result)) {
        case SSL_ERROR_NONE:
            return {Status::Done, bytes};
        case SSL_ERROR_WANT_READ:
            return {Status::WantRead};
        case SSL_ERROR_WANT_WRITE:
            return {Status::WantWrite};
        case SSL_ERROR_ZERO_RETURN:
            return {Status::Closed};
        default:
            fail(system_error);
        }
    }
};

TlsSession::TlsSession(const TlsContext& context, int socket, bool server)
    : state_(std::make_unique<State>(context.state().shared_from_this(), server)) {
    SSL* const ssl = state_->ssl.get();
    if (context.state().server != server) {
        throw Error(Fault::Internal, "a TLS session is for the other side than its context");
    }
    BIO* const transport = transport::over(socket);
    SSL_set_bio(ssl, transport, transport); // takes it over
    if (server) {
        SSL_set_accept_state(ssl);
        return;
    }
    SSL_set_connect_state(ssl);
    if (const Resumable session = context.state().take()) {
        SSL_set_session(ssl, session.get());
    }
}

TlsSession::~TlsSession() = default;
TlsSession::TlsSession(TlsSession&&) noexcept = default;

TlsSession::Progress TlsSession::handshake() {
    const Progress progress = state_->step([&](std::size_t&) { return SSL_do_handshake(state_->ssl.get()); });
    if (progress.status == Status::Done && !state_->established) {
        if (SSL_session_reused(state_->ssl.get()) == 1 &&
            has_ended(SSL_get0_peer_certificate(state_->ssl.get()))) {
            state_->broken = true;
            throw Error(Fault::Denied, "the {}'s certificate is refused: {}", state_->peer_kind(),
                        why_refused(X509_V_ERR_CERT_HAS_EXPIRED));
        }
        state_->established = true;
    }
    return progress;
}

TlsSession::Progress TlsSession::read(std::span<char> into) {
    if (into.empty()) { // SSL_read_ex leaves open what it does then
        return {Status::Done};
    }
    return state_->step(
        [&](std::size_t& bytes) { return SSL_read_ex(state_->ssl.get(), into.data(), into.size(), &bytes); });
}

TlsSession::Progress TlsSession::write(std::span<const char> from) {
    if (from.empty()) {
        return {Status::Done};
    }
    return state_->step([&](std::size_t& bytes) {
        return SSL_write_ex(state_->ssl.get(), from.data(), from.size(), &bytes);
    });
}

void TlsSession::close() noexcept {
    if (!state_->broken) {
        SSL_shutdown(state_->ssl.get());
        ERR_clear_error();
    }
}

std::optional<Certificate> TlsSession::peer() const {
    const X509* const certificate =
        state_->established ? SSL_get0_peer_certificate(state_->ssl.get()) : nullptr;
    if (certificate == nullptr || SSL_get_verify_result(state_->ssl.get()) != X509_V_OK) {
        return std::nullopt;
    }
    return certificate_of(certificate);
}

} // namespace base
