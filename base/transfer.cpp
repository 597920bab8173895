// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "base/transfer.hpp"

#include "base/trust.hpp"

#include <openssl/x509_vfy.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <csignal>
#include <ctime>

namespace base {
namespace {

/// With CURLOPT_NOSIGNAL libcurl leaves SIGPIPE alone, also where it writes without MSG_NOSIGNAL: this thread
/// blocks it, and takes away the one that came meanwhile.
class PipeSignalHeld {
public:
    PipeSignalHeld() {
        sigset_t pending;
        sigpending(&pending);
        was_pending_ = sigismember(&pending, SIGPIPE) == 1;
        sigemptyset(&pipe_);
        sigaddset(&pipe_, SIGPIPE);
        pthread_sigmask(SIG_BLOCK, &pipe_, &before_);
    }
    ~PipeSignalHeld() {
        if (!was_pending_) {
            const std::timespec at_once{};
            while (sigtimedwait(&pipe_, nullptr, &at_once) < 0 && errno == EINTR) {
            }
        }
        pthread_sigmask(SIG_SETMASK, &before_, nullptr);
    }
    PipeSignalHeld(const PipeSignalHeld&) = delete;
    PipeSignalHeld& operator=(const PipeSignalHeld&) = delete;

private:
    sigset_t pipe_{};
    sigset_t before_{};
    bool was_pending_ = false;
};

std::string scheme_of(std::string_view url) {
    std::string scheme(url.substr(0, std::min(url.find(':'), url.size())));
    std::transform(scheme.begin(), scheme.end(), scheme.begin(),
                   [](unsigned char letter) { return static_cast<char>(std::tolower(letter)); });
    return scheme;
}

bool has_any(std::string_view text, std::string_view letters) {
    return text.find_first_of(letters) != std::string_view::npos;
}

// A client learns that its certificate is refused only after the handshake, and libcurl only as text.
bool tells_of_refused_certificate(std::string_view reason) {
    return reason.find("alert") != std::string_view::npos &&
           (reason.find("certificate") != std::string_view::npos ||
            reason.find("unknown ca") != std::string_view::npos);
}

} // namespace

std::string without_secrets(std::string_view url) {
    url = url.substr(0, url.find_first_of("?#"));
    const std::size_t scheme_end = url.find("://");
    if (scheme_end == std::string_view::npos) {
        return std::string(url);
    }
    const std::string_view scheme = url.substr(0, scheme_end + 3);
    std::string_view rest = url.substr(scheme.size());
    const std::size_t at = rest.substr(0, rest.find('/')).rfind('@');
    if (at != std::string_view::npos) {
        rest.remove_prefix(at + 1);
    }
    return std::string(scheme).append(rest);
}

Transfer::Transfer(const std::string& url, const Trust& trust, Duration connect_timeout)
    : trust_(trust), place_(without_secrets(url)) {
    static const CURLcode ready = curl_global_init(CURL_GLOBAL_DEFAULT);
    if (ready != CURLE_OK) {
        throw Error(Fault::Internal, "libcurl cannot be started: {}", curl_easy_strerror(ready));
    }
    const std::string scheme = scheme_of(url);
    is_file_ = scheme == "file";
    if (!is_file_ && scheme != "http" && scheme != "https") {
        throw Error(Fault::Input,
                    "'{}' is not an address for downloads; it must begin with https, http or file", place_);
    }
    if (scheme == "http" && (trust.ca || trust.identity)) {
        throw Error(Fault::Input, "'{}' cannot prove who it is; it must begin with https", place_);
    }
    handle_.reset(curl_easy_init());
    if (!handle_) {
        throw Error(Fault::Internal, "libcurl gives no handle");
    }
    set(CURLOPT_ERRORBUFFER, reason_.data());
    set(CURLOPT_URL, url.c_str());
    set(CURLOPT_PROTOCOLS_STR, "http,https,file");
    set(CURLOPT_FOLLOWLOCATION, 0L);
    set(CURLOPT_NOSIGNAL, 1L);
    set(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    set(CURLOPT_USERAGENT, "tiercel");
    set(CURLOPT_TCP_KEEPALIVE, 1L);
    set(CURLOPT_TCP_KEEPIDLE, 30L);
    set(CURLOPT_TCP_KEEPINTVL, 15L);
    set(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(std::max<Duration::rep>(1, connect_timeout.count())));
    set(CURLOPT_WRITEFUNCTION, &Transfer::body_came);
    set(CURLOPT_WRITEDATA, static_cast<void*>(this));
    set(CURLOPT_HEADERFUNCTION, &Transfer::head_came);
    set(CURLOPT_HEADERDATA, static_cast<void*>(this));
    set(CURLOPT_SSLVERSION, static_cast<long>(trust.ca ? CURL_SSLVERSION_TLSv1_3 : CURL_SSLVERSION_TLSv1_2));
    if (trust.ca) {
        // The pin says who the other side is; the system's CAs and the host name have no say.
        set(CURLOPT_SSL_VERIFYHOST, 0L);
        set(CURLOPT_CAINFO, static_cast<const char*>(nullptr));
        set(CURLOPT_CAPATH, static_cast<const char*>(nullptr));
    }
    if (trust.ca || trust.identity) {
        set(CURLOPT_SSL_CTX_FUNCTION, &Transfer::tls_begins);
        set(CURLOPT_SSL_CTX_DATA, static_cast<void*>(this));
    }
}

void Transfer::add_header(std::string_view name, std::string_view value) {
    const std::string_view line_ends("\r\n\0", 3);
    if (name.empty() || has_any(name, line_ends) || has_any(name, ": \t;") || has_any(value, line_ends)) {
        throw Error(Fault::Input, "a header for '{}' does not fit on one line", place_);
    }
    // libcurl's way to write a header without a value is a semicolon.
    add_line(value.empty() ? fmt::format("{};", name) : fmt::format("{}: {}", name, value));
}

void Transfer::without_header(std::string_view name) {
    add_line(fmt::format("{}:", name));
}

void Transfer::add_line(const std::string& line) {
    curl_slist* const longer = curl_slist_append(headers_.get(), line.c_str());
    if (longer == nullptr) {
        throw Error(Fault::Internal, "libcurl has no memory for a header");
    }
    static_cast<void>(headers_.release()); // `longer` begins with it
    headers_.reset(longer);
    set(CURLOPT_HTTPHEADER, headers_.get());
}

bool Transfer::perform() {
    const PipeSignalHeld held;
    const CURLcode code = curl_easy_perform(handle_.get());
    if (thrown_) {
        std::rethrow_exception(thrown_);
    }
    if (!stopped_) {
        check(code);
    }
    return !stopped_;
}

int Transfer::status() const {
    if (is_file_) {
        return 200;
    }
    long status = 0;
    curl_easy_getinfo(handle_.get(), CURLINFO_RESPONSE_CODE, &status);
    return static_cast<int>(status);
}

std::optional<std::uint64_t> Transfer::announced_bytes() const {
    curl_off_t bytes = -1;
    curl_easy_getinfo(handle_.get(), CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &bytes);
    return bytes < 0 ? std::nullopt : std::optional(static_cast<std::uint64_t>(bytes));
}

void Transfer::check(CURLcode code) const {
    if (code != CURLE_OK) {
        fail(code);
    }
}

void Transfer::fail(CURLcode code) const {
    const std::string reason = reason_.front() != '\0' ? reason_.data() : curl_easy_strerror(code);
    switch (code) {
    case CURLE_PEER_FAILED_VERIFICATION: {
        long verdict = X509_V_OK;
        curl_easy_getinfo(handle_.get(), CURLINFO_SSL_VERIFYRESULT, &verdict);
        throw Error(Fault::Denied, "the certificate of '{}' is refused: {}", place_,
                    verdict != X509_V_OK ? why_refused(verdict) : reason);
    }
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
        throw Error(Fault::Input, "'{}' is not an address: {}", place_, reason);
    case CURLE_FILE_COULDNT_READ_FILE:
        throw Error(Fault::NotFound, "'{}' cannot be read", place_);
    case CURLE_BAD_DOWNLOAD_RESUME:
        throw Error(Fault::Corrupt, "'{}' is shorter than what came from it before", place_);
    case CURLE_OUT_OF_MEMORY:
    case CURLE_FAILED_INIT:
    case CURLE_UNKNOWN_OPTION:
    case CURLE_NOT_BUILT_IN:
    case CURLE_BAD_FUNCTION_ARGUMENT:
        throw Error(Fault::Internal, "libcurl cannot do what is needed for '{}': {}", place_, reason);
    default:
        break;
    }
    if (code == CURLE_SSL_CLIENTCERT || tells_of_refused_certificate(reason)) {
        throw Error(Fault::Denied, "our certificate is refused by '{}': {}", place_, reason);
    }
    throw Error(Fault::Unavailable, "'{}' does not answer: {}", place_, reason);
}

std::size_t Transfer::body_came(char* bytes, std::size_t, std::size_t count, void* self) noexcept {
    auto* const transfer = static_cast<Transfer*>(self);
    try {
        transfer->stopped_ = transfer->on_body && !transfer->on_body({bytes, count});
    } catch (...) {
        transfer->thrown_ = std::current_exception();
    }
    // Anything but `count` is "stop"; nothing came when `count` is 0, so there is nothing to stop.
    return transfer->stopped_ || transfer->thrown_ ? count + 1 : count;
}

std::size_t Transfer::head_came(char* bytes, std::size_t, std::size_t count, void* self) noexcept {
    auto* const transfer = static_cast<Transfer*>(self);
    try {
        if (transfer->on_head) {
            transfer->on_head({bytes, count});
        }
    } catch (...) {
        transfer->thrown_ = std::current_exception();
    }
    return transfer->thrown_ ? count + 1 : count;
}

CURLcode Transfer::tls_begins(CURL*, void* context, void* self) noexcept {
    auto* const transfer = static_cast<Transfer*>(self);
    try {
        if (transfer->trust_.ca) {
            trust_pinned_ca(static_cast<SSL_CTX*>(context), &*transfer->trust_.ca);
        }
        if (transfer->trust_.identity) {
            present(static_cast<SSL_CTX*>(context), *transfer->trust_.identity);
        }
        return CURLE_OK;
    } catch (...) {
        transfer->thrown_ = std::current_exception();
        return CURLE_SSL_CERTPROBLEM;
    }
}

} // namespace base
