// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "ctl-client/http_get.hpp"

#include "base/error.hpp"
#include "base/handle.hpp"
#include "dispatcher/protocol/http.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <optional>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace ctl_client {
namespace {

using Addresses = base::Handle<addrinfo, ::freeaddrinfo>;

struct HostPort {
    std::string host;
    std::string port;
};

HostPort split(std::string_view address) {
    const std::size_t colon = address.rfind(':');
    std::string_view host = address.substr(0, std::min(colon, address.size()));
    const std::string_view port =
        colon == std::string_view::npos ? std::string_view() : address.substr(colon + 1);
    if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
        host = host.substr(1, host.size() - 2);
    }
    unsigned number = 0;
    const auto [end, problem] = std::from_chars(port.data(), port.data() + port.size(), number);
    if (host.empty() || port.empty() || problem != std::errc() || end != port.data() + port.size() ||
        number == 0 || number > 65535) {
        throw base::Error(base::Fault::Input, "'{}' is no address; write host:port", address);
    }
    return {std::string(host), std::string(port)};
}

/// Whether a failed connect says something about the other side, rather than about this machine.
bool about_the_other_side(int problem) {
    constexpr std::array<int, 8> theirs{ECONNREFUSED, ECONNRESET, ETIMEDOUT, EHOSTUNREACH,
                                        ENETUNREACH,  EHOSTDOWN,  ENETDOWN,  EPIPE};
    return std::find(theirs.begin(), theirs.end(), problem) != theirs.end();
}

[[noreturn]] void refuse(std::string_view address, int problem) {
    throw base::Error(about_the_other_side(problem) ? base::Fault::Unavailable : base::Fault::Internal,
                      "no connection to '{}': {}", address, base::system_reason(problem));
}

} // namespace

void wait_for(int socket, short events, Deadline deadline) {
    while (true) {
        const auto left =
            std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now()).count();
        if (left <= 0) {
            throw base::Error(base::Fault::Unavailable, "no answer in time");
        }
        pollfd wanted{socket, events, 0};
        const int ready = ::poll(&wanted, 1, static_cast<int>(std::min<std::int64_t>(left, 60'000)));
        if (ready > 0) {
            return;
        }
        if (ready < 0 && errno != EINTR) {
            throw base::Error(base::Fault::Internal, "a socket cannot be waited for: {}",
                              base::system_reason(errno));
        }
    }
}

base::Descriptor connect_tcp(std::string_view address, Deadline deadline) {
    const HostPort parts = split(address);
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    hints.ai_flags = AI_NUMERICSERV;
    addrinfo* found = nullptr;
    if (const int problem = ::getaddrinfo(parts.host.c_str(), parts.port.c_str(), &hints, &found);
        problem != 0) {
        throw base::Error(base::Fault::Input, "host '{}' is not known: {}", parts.host,
                          ::gai_strerror(problem));
    }
    const Addresses addresses(found);
    int last = 0;
    for (const addrinfo* one = found; one != nullptr; one = one->ai_next) {
        base::Descriptor socket(
            ::socket(one->ai_family, one->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, one->ai_protocol));
        if (!socket) {
            last = errno;
            continue;
        }
        const int on = 1;
        ::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        if (::connect(socket.get(), one->ai_addr, one->ai_addrlen) == 0) {
            return socket;
        }
        last = errno;
        if (last == EINPROGRESS) {
            wait_for(socket.get(), POLLOUT, deadline);
            socklen_t length = sizeof last;
            ::getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &last, &length);
            if (last == 0) {
                return socket;
            }
        }
    }
    refuse(address, last);
}

namespace {

struct Asked {
    base::Descriptor socket;
    std::string host; ///< as in the URL
};

/// Connects and sends the request. HTTP/1.0 for a body: then it does not come in chunks.
Asked ask(std::string_view url, std::string_view version, Deadline deadline) {
    constexpr std::string_view scheme = "http://";
    if (!url.starts_with(scheme)) {
        throw base::Error(base::Fault::Input, "'{}' is no http:// URL", url);
    }
    const std::string_view rest = url.substr(scheme.size());
    const std::size_t slash = std::min(rest.find('/'), rest.size());
    const std::string host(rest.substr(0, slash));
    const std::string path = slash == rest.size() ? "/" : std::string(rest.substr(slash));
    if (path.find_first_of(" \r\n") != std::string::npos) {
        throw base::Error(base::Fault::Input, "'{}' is no URL: it has a blank", url);
    }
    const bool has_port = host.rfind(':') != std::string::npos && host.back() != ']';
    Asked asked{connect_tcp(has_port ? host : host + ":80", deadline), host};
    const std::string request = fmt::format(
        "GET {} {}\r\nHost: {}\r\nUser-Agent: ctl-client\r\nAccept: */*\r\nConnection: close\r\n\r\n", path,
        version, host);
    for (std::size_t at = 0; at < request.size();) {
        const ssize_t sent =
            ::send(asked.socket.get(), request.data() + at, request.size() - at, MSG_NOSIGNAL);
        if (sent < 0 && errno == EAGAIN) {
            wait_for(asked.socket.get(), POLLOUT, deadline);
        } else if (sent < 0 && errno != EINTR) {
            refuse(host, errno);
        } else if (sent > 0) {
            at += static_cast<std::size_t>(sent);
        }
    }
    return asked;
}

/// Adds what has arrived to the answer; false: the other side has closed.
bool receive(const Asked& asked, std::string& answer, Deadline deadline) {
    while (true) {
        std::array<char, 16384> block;
        const ssize_t got = ::recv(asked.socket.get(), block.data(), block.size(), 0);
        if (got > 0) {
            answer.append(block.data(), static_cast<std::size_t>(got));
            return true;
        }
        if (got == 0) {
            return false;
        }
        if (errno == EAGAIN) {
            wait_for(asked.socket.get(), POLLIN, deadline);
        } else if (errno != EINTR) {
            refuse(asked.host, errno);
        }
    }
}

} // namespace

std::string http_body(std::string_view url, Deadline deadline, std::size_t limit_bytes) {
    const Asked asked = ask(url, "HTTP/1.0", deadline);
    std::string answer;
    std::optional<dispatcher::protocol::ResponseHead> head;
    const auto complete = [&] {
        return head && head->content_length && answer.size() >= *head->content_length;
    };
    while (!complete() && receive(asked, answer, deadline)) {
        if (!head) {
            head = dispatcher::protocol::take_response_head(answer);
        }
        if (answer.size() > limit_bytes) {
            throw base::Error(base::Fault::Unavailable, "'{}' answers with more than {} bytes", url,
                              limit_bytes);
        }
    }
    if (!head || (head->content_length && !complete())) {
        throw base::Error(base::Fault::Unavailable, "'{}' closed the connection before its answer was whole",
                          url);
    }
    constexpr unsigned well = 200;
    if (head->status != well) {
        throw base::Error(base::Fault::Unavailable, "'{}' answers {}", url, head->status);
    }
    return answer;
}

int http_status(std::string_view url, Deadline deadline) {
    const Asked asked = ask(url, "HTTP/1.1", deadline);
    // "HTTP/1.1 200" is all that counts.
    constexpr std::size_t status_at = 9;
    constexpr std::size_t needed = 12;
    std::string answer;
    while (answer.size() < needed) {
        if (!receive(asked, answer, deadline)) {
            throw base::Error(base::Fault::Unavailable, "'{}' closed the connection without an answer",
                              asked.host);
        }
    }
    int status = 0;
    if (!answer.starts_with("HTTP/1.") ||
        std::from_chars(answer.data() + status_at, answer.data() + needed, status).ec != std::errc()) {
        throw base::Error(base::Fault::Unavailable, "'{}' does not answer in HTTP", asked.host);
    }
    return status;
}

} // namespace ctl_client
