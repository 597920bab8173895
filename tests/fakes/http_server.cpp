// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "tests/fakes/http_server.hpp"

#include "base/descriptor.hpp"
#include "base/error.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cstdlib>
#include <mutex>
#include <thread>

namespace tests {
namespace {

using base::Descriptor;
using Status = base::TlsSession::Status;

constexpr int patience_ms = 10'000;

struct Gone {};

/// Waits until `descriptor` is ready; Gone when the server shall end, or after ten seconds.
void wait_for(int descriptor, short events, int stop) {
    std::array<pollfd, 2> waiting{{{descriptor, events, 0}, {stop, POLLIN, 0}}};
    if (::poll(waiting.data(), waiting.size(), patience_ms) <= 0 || waiting[1].revents != 0) {
        throw Gone();
    }
}

/// One accepted connection, plain or TLS.
class Connection {
public:
    Connection(int socket, int stop, const std::optional<base::TlsContext>& tls)
        : socket_(socket), stop_(stop) {
        if (tls) {
            session_.emplace(*tls, socket, true);
            steps([&] { return session_->handshake(); });
        }
    }
    std::string receive() {
        std::array<char, 8192> buffer{};
        if (session_) {
            const std::size_t got = steps([&] { return session_->read(buffer); });
            return {buffer.data(), got};
        }
        wait_for(socket_, POLLIN, stop_);
        const ssize_t got = ::recv(socket_, buffer.data(), buffer.size(), 0);
        return {buffer.data(), static_cast<std::size_t>(std::max<ssize_t>(got, 0))};
    }
    void send(std::string_view bytes) {
        while (!bytes.empty()) {
            if (session_) {
                bytes.remove_prefix(steps([&] { return session_->write(bytes); }));
                continue;
            }
            wait_for(socket_, POLLOUT, stop_);
            const ssize_t sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
            if (sent <= 0) {
                throw Gone();
            }
            bytes.remove_prefix(static_cast<std::size_t>(sent));
        }
    }
    void close() {
        if (session_) {
            session_->close();
        }
        ::shutdown(socket_, SHUT_WR);
    }
    std::optional<base::Certificate> peer() const { return session_ ? session_->peer() : std::nullopt; }

private:
    int socket_;
    int stop_;
    std::optional<base::TlsSession> session_;

    template <class Step> std::size_t steps(Step step) {
        while (true) {
            const base::TlsSession::Progress progress = step();
            if (progress.status == Status::Done) {
                return progress.bytes;
            }
            if (progress.status == Status::Closed) {
                throw Gone();
            }
            wait_for(socket_, progress.status == Status::WantRead ? POLLIN : POLLOUT, stop_);
        }
    }
};

HttpServer::Request read_request(Connection& connection) {
    std::string text;
    std::size_t end = std::string::npos;
    while ((end = text.find("\r\n\r\n")) == std::string::npos) {
        const std::string more = connection.receive();
        if (more.empty()) {
            throw Gone();
        }
        text += more;
    }
    HttpServer::Request request{text.substr(0, end + 4), text.substr(end + 4), connection.peer()};
    const std::string length = request.header("Content-Length");
    while (!length.empty() && request.body.size() < std::stoul(length)) {
        const std::string more = connection.receive();
        if (more.empty()) {
            throw Gone();
        }
        request.body += more;
    }
    return request;
}

} // namespace

struct HttpServer::State {
    Answerer answerer;
    std::optional<base::TlsContext> tls;
    Descriptor listening{-1};
    Descriptor stop_read{-1};
    Descriptor stop_write{-1};
    int port = 0;
    mutable std::mutex lock;
    std::vector<Request> requests;
    std::thread thread;

    void run() {
        while (true) {
            try {
                std::array<pollfd, 2> waiting{{{listening.get(), POLLIN, 0}, {stop_read.get(), POLLIN, 0}}};
                if (::poll(waiting.data(), waiting.size(), -1) < 0 || waiting[1].revents != 0) {
                    return;
                }
                const Descriptor socket(
                    ::accept4(listening.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
                if (socket) {
                    serve(socket.get());
                }
            } catch (const Gone&) {
            }
        }
    }
    void serve(int socket) {
        try {
            answer_on(socket);
        } catch (const base::Error&) { // a client that broke off, or that TLS refused
            // Closing with unread bytes resets the connection, and the client would never read why it was
            // refused.
            ::shutdown(socket, SHUT_WR);
            std::array<char, 8192> ignored{};
            do {
                wait_for(socket, POLLIN, stop_read.get());
            } while (::recv(socket, ignored.data(), ignored.size(), 0) > 0);
        }
    }
    void answer_on(int socket) {
        Connection connection(socket, stop_read.get(), tls);
        const Request request = read_request(connection);
        {
            const std::lock_guard guard(lock);
            requests.push_back(request);
        }
        const Answer answer = answerer(request);
        connection.send(answer.bytes);
        if (!answer.hang) {
            connection.close();
        }
        while (!connection.receive()
                    .empty()) { // until the client has gone: closing earlier could tear what it still reads
        }
    }
};

std::string HttpServer::Request::header(const std::string& name) const {
    const std::size_t at = head.find("\r\n" + name + ": ");
    if (at == std::string::npos) {
        return {};
    }
    const std::size_t value = at + name.size() + 4;
    return head.substr(value, head.find("\r\n", value) - value);
}

std::string HttpServer::Request::line() const {
    return head.substr(0, head.find(" HTTP/"));
}

HttpServer::HttpServer(Answerer answerer, std::optional<base::TlsContext> tls)
    : state_(std::make_unique<State>()) {
    ::setenv("no_proxy", "127.0.0.1", 1); // a proxy of the one who runs the tests is none of their business
    state_->answerer = std::move(answerer);
    state_->tls = std::move(tls);
    state_->listening = Descriptor(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    std::array<int, 2> ends{};
    if (::bind(state_->listening.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
        ::listen(state_->listening.get(), 16) != 0 ||
        ::getsockname(state_->listening.get(), reinterpret_cast<sockaddr*>(&address), &length) != 0 ||
        ::pipe2(ends.data(), O_CLOEXEC) != 0) {
        throw base::Error(base::Fault::Unavailable, "the test's web server cannot listen");
    }
    state_->port = ntohs(address.sin_port);
    state_->stop_read = Descriptor(ends[0]);
    state_->stop_write = Descriptor(ends[1]);
    state_->thread = std::thread([this] { state_->run(); });
}

HttpServer::~HttpServer() {
    state_->stop_write.reset();
    state_->thread.join();
}

std::string HttpServer::url(const std::string& path) const {
    return (state_->tls ? "https" : "http") + std::string("://127.0.0.1:") + std::to_string(state_->port) +
           path;
}

std::vector<HttpServer::Request> HttpServer::requests() const {
    const std::lock_guard guard(state_->lock);
    return state_->requests;
}

HttpServer::Answer HttpServer::answer(const std::string& status, const std::string& body,
                                      const std::string& more) {
    return {"HTTP/1.1 " + status + "\r\nContent-Length: " + std::to_string(body.size()) +
            "\r\nConnection: close\r\n" + more + "\r\n" + body};
}

} // namespace tests
