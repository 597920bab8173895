// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "base/tls.hpp"

#include "base/error.hpp"
#include "base/openssl.hpp"
#include "base/trust.hpp"

#include <openssl/err.h>

#include <sys/socket.h>

#include <cerrno>
#include <cstdint>
#include <mutex>

namespace base {
namespace {

using Context = Handle<SSL_CTX, SSL_CTX_free>;
using Ssl = Handle<SSL, SSL_free>;
using Resumable = Handle<SSL_SESSION, SSL_SESSION_free>;

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

Context new_context(const SSL_METHOD* method) {
    Context context(SSL_CTX_new(method));
    if (!context) {
        fail_internally("a TLS context cannot be made");
    }
    SSL_CTX_set_mode(context.get(), SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                        SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_NO_AUTO_CHAIN);
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
    if (SSL_CTX_add1_chain_cert(context, ca.get()) != 1) {
        fail_internally("the CA cannot be used");
    }
    trust_clients_of(context, ca.get());

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
