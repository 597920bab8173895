// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "base/download.hpp"

#include "base/descriptor.hpp"
#include "base/files.hpp"
#include "tests/fakes/http_server.hpp"
#include "tests/refusal.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>

#include <fstream>

using base::Digest;
using base::Fault;
using base::FileRequest;
using base::HttpRequest;
using tests::HttpServer;
using tests::refusal;

namespace {

using Answer = HttpServer::Answer;
using Request = HttpServer::Request;

base::Time now() {
    return std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
}

constexpr std::chrono::hours day{24};

std::string text_of(std::size_t bytes) {
    std::string text;
    for (int i = 0; text.size() < bytes; ++i) {
        text += std::to_string(i) + " ";
    }
    text.resize(bytes);
    return text;
}

std::string read(const std::filesystem::path& file) {
    return base::SystemFiles().read(file);
}

void keep(const std::filesystem::path& file, std::string_view bytes) {
    std::ofstream(file, std::ios::binary) << bytes;
}

/// A package to fetch, and the directory where it shall be.
struct Wanted {
    base::TemporaryDirectory room;
    std::string content = text_of(300'000);
    std::filesystem::path to = room.path() / "shop-app-1.0-1.noarch.rpm";
    std::filesystem::path part = room.path() / "shop-app-1.0-1.noarch.rpm.part";

    FileRequest from(const std::string& url) const {
        FileRequest request;
        request.url = url;
        request.to = to;
        request.bytes = content.size();
        request.digest = base::sha256(content);
        return request;
    }
    bool is_there() const { return std::filesystem::exists(to); }
    bool part_is_there() const { return std::filesystem::exists(part); }
};

/// What a good server does with `Range: bytes=N-`.
Answer ranged(const Request& request, const std::string& content) {
    const std::string range = request.header("Range");
    if (range.empty()) {
        return HttpServer::answer("200 OK", content);
    }
    const std::size_t from = std::stoul(range.substr(range.find('=') + 1));
    if (from >= content.size()) {
        return HttpServer::answer("416 Range Not Satisfiable", "");
    }
    return HttpServer::answer("206 Partial Content", content.substr(from),
                              "Content-Range: bytes " + std::to_string(from) + "-" +
                                  std::to_string(content.size() - 1) + "/" + std::to_string(content.size()) +
                                  "\r\n");
}

HttpRequest get(const std::string& url) {
    HttpRequest request;
    request.url = url;
    return request;
}

/// An address of this machine where nobody listens: the port was free a moment ago, and is held without
/// listening.
struct Nobody {
    base::Descriptor socket{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    std::string url;
    Nobody() {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t length = sizeof address;
        REQUIRE(::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), length) == 0);
        REQUIRE(::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &length) == 0);
        url = "http://127.0.0.1:" + std::to_string(ntohs(address.sin_port)) + "/";
    }
};

} // namespace

TEST_CASE("a download appears complete under its name and leaves no partial file") {
    const Wanted wanted;
    const HttpServer server([&](const Request& request) { return ranged(request, wanted.content); });
    base::download(wanted.from(server.url("/pool/a.rpm")));
    CHECK((read(wanted.to) == wanted.content));
    CHECK_FALSE(wanted.part_is_there());
    CHECK(server.requests().at(0).line() == "GET /pool/a.rpm");
    CHECK(server.requests().at(0).header("Range").empty());
}

TEST_CASE("a file that is there and right is not downloaded again, one that is wrong is replaced") {
    const Wanted wanted;
    const HttpServer server([&](const Request& request) { return ranged(request, wanted.content); });
    keep(wanted.to, std::string(wanted.content.size(), 'x'));
    base::download(wanted.from(server.url("/a")));
    CHECK((read(wanted.to) == wanted.content));
    base::download(wanted.from(server.url("/a")));
    CHECK(server.requests().size() == 1);
}

TEST_CASE("a download that broke off goes on where it was") {
    const Wanted wanted;
    int asked = 0;
    const HttpServer server([&](const Request& request) {
        Answer answer = ranged(request, wanted.content);
        if (++asked == 1) {
            answer.bytes.resize(100'000);
        }
        return answer;
    });
    CHECK(refusal(Fault::Unavailable, [&] {
              base::download(wanted.from(server.url("/a")));
          }).starts_with("'" + server.url("/a") + "' does not answer: "));
    CHECK_FALSE(wanted.is_there());
    const std::size_t kept = read(wanted.part).size();
    CHECK(kept > 0);
    CHECK(kept < 100'000);
    base::download(wanted.from(server.url("/a")));
    CHECK((read(wanted.to) == wanted.content));
    CHECK(server.requests().at(1).header("Range") == "bytes=" + std::to_string(kept) + "-");
}

TEST_CASE("a server that cannot resume sends the whole again") {
    const Wanted wanted;
    keep(wanted.part, wanted.content.substr(0, 1000));
    const HttpServer server([&](const Request&) { return HttpServer::answer("200 OK", wanted.content); });
    base::download(wanted.from(server.url("/a")));
    CHECK((read(wanted.to) == wanted.content));
}

TEST_CASE("a partial file that was damaged is fetched anew") {
    const Wanted wanted;
    const HttpServer server([&](const Request& request) { return ranged(request, wanted.content); });
    std::string damaged = wanted.content.substr(0, 1000);
    damaged[500] = '\0';
    keep(wanted.part, damaged);
    base::download(wanted.from(server.url("/a")));
    CHECK((read(wanted.to) == wanted.content));
    CHECK(server.requests().size() == 2);

    std::filesystem::remove(wanted.to);
    keep(wanted.part, std::string(wanted.content.size(), 'x')); // complete, but wrong
    base::download(wanted.from(server.url("/a")));
    CHECK((read(wanted.to) == wanted.content));

    std::filesystem::remove(wanted.to);
    keep(wanted.part, wanted.content + "more");
    base::download(wanted.from(server.url("/a")));
    CHECK((read(wanted.to) == wanted.content));
}

TEST_CASE("a partial file that is complete needs no server") {
    const Wanted wanted;
    const Nobody nobody;
    keep(wanted.part, wanted.content);
    base::download(wanted.from(nobody.url));
    CHECK((read(wanted.to) == wanted.content));
}

TEST_CASE("a file that is longer than signed is refused before its end and removed") {
    const Wanted wanted;
    const std::string url_end = " has 300001 bytes, but 300000 are signed";
    {
        const HttpServer server(
            [&](const Request&) { return HttpServer::answer("200 OK", wanted.content + "x"); });
        CHECK(refusal(Fault::Corrupt, [&] { base::download(wanted.from(server.url("/a"))); }) ==
              "'" + server.url("/a") + "'" + url_end);
    }
    { // without a length: endless
        const HttpServer server([&](const Request&) {
            return Answer{"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + wanted.content + wanted.content};
        });
        CHECK(refusal(Fault::Corrupt, [&] { base::download(wanted.from(server.url("/a"))); }) ==
              "'" + wanted.to.string() + "' is longer than the 300000 bytes that are signed");
    }
    { // resumed
        keep(wanted.part, wanted.content.substr(0, 1000));
        const HttpServer server(
            [&](const Request& request) { return ranged(request, wanted.content + "x"); });
        CHECK(refusal(Fault::Corrupt, [&] { base::download(wanted.from(server.url("/a"))); }) ==
              "'" + server.url("/a") + "'" + url_end);
    }
    CHECK_FALSE(wanted.is_there());
    CHECK_FALSE(wanted.part_is_there());
}

TEST_CASE("a file that is shorter than signed is refused and removed") {
    const Wanted wanted;
    const std::string less = wanted.content.substr(0, 500);
    const HttpServer server([&](const Request& request) { return ranged(request, less); });
    CHECK(refusal(Fault::Corrupt, [&] { base::download(wanted.from(server.url("/a"))); }) ==
          "'" + server.url("/a") + "' has 500 bytes, but 300000 are signed");
    CHECK_FALSE(wanted.part_is_there());
    keep(wanted.part, wanted.content.substr(0, 1000));
    CHECK(refusal(Fault::Corrupt, [&] { base::download(wanted.from(server.url("/a"))); }) ==
          "'" + server.url("/a") + "' is shorter than the 300000 bytes that are signed");
    CHECK_FALSE(wanted.part_is_there());
    const HttpServer endless([&](const Request&) { return Answer{"HTTP/1.1 200 OK\r\n\r\n" + less}; });
    CHECK(refusal(Fault::Corrupt, [&] { base::download(wanted.from(endless.url("/a"))); }) ==
          "'" + endless.url("/a") + "' has 500 bytes, but 300000 are signed");
    CHECK_FALSE(wanted.is_there());
}

TEST_CASE("a file of the right length and the wrong digest is refused and removed") {
    const Wanted wanted;
    std::string altered = wanted.content;
    altered[150'000] ^= 1;
    const HttpServer server([&](const Request& request) { return ranged(request, altered); });
    CHECK(refusal(Fault::Corrupt, [&] { base::download(wanted.from(server.url("/a?token=secret"))); }) ==
          "'" + server.url("/a") + "' has not the digest that is signed");
    CHECK_FALSE(wanted.is_there());
    CHECK_FALSE(wanted.part_is_there());
}

TEST_CASE("what a server refuses has its own fault, and the partial file stays") {
    const Wanted wanted;
    keep(wanted.part, wanted.content.substr(0, 1000));
    std::string status;
    const HttpServer server([&](const Request&) { return HttpServer::answer(status, "an explanation"); });
    const std::string url = "'" + server.url("/a") + "'";
    const auto answer_to = [&](const std::string& with, Fault fault) {
        status = with;
        return refusal(fault, [&] { base::download(wanted.from(server.url("/a"))); });
    };
    CHECK(answer_to("404 Not Found", Fault::NotFound) == url + " is not there (HTTP status 404)");
    CHECK(answer_to("403 Forbidden", Fault::Denied) == url + " is not given to us (HTTP status 403)");
    CHECK(answer_to("503 Busy", Fault::Unavailable) == url + " cannot be downloaded (HTTP status 503)");
    CHECK(answer_to("302 Found\r\nLocation: /b", Fault::Unavailable) ==
          url + " cannot be downloaded (HTTP status 302)");
    CHECK(server.requests().size() == 4);
    CHECK(read(wanted.part) == wanted.content.substr(0, 1000));
    CHECK_FALSE(wanted.is_there());
}

TEST_CASE("a server that sends another part than asked for is not believed") {
    const Wanted wanted;
    keep(wanted.part, wanted.content.substr(0, 1000));
    const HttpServer server([&](const Request&) {
        return HttpServer::answer("206 Partial Content", wanted.content.substr(2000),
                                  "Content-Range: bytes 2000-299999/300000\r\n");
    });
    CHECK(refusal(Fault::Unavailable, [&] { base::download(wanted.from(server.url("/a"))); }) ==
          "'" + server.url("/a") + "' sends another part than the one from byte 1000");
    CHECK(read(wanted.part) == wanted.content.substr(0, 1000));
}

TEST_CASE("a server that falls silent is given up, and what came before is kept") {
    const Wanted wanted;
    keep(wanted.part, wanted.content.substr(0, 1000));
    const HttpServer server([](const Request&) { return Answer{"HTTP/1.1 206 Partial Content\r\n", true}; });
    FileRequest request = wanted.from(server.url("/a"));
    request.stall = std::chrono::seconds(1);
    CHECK(refusal(Fault::Unavailable, [&] {
              base::download(request);
          }).starts_with("'" + server.url("/a") + "' does not answer: Operation too slow"));
    CHECK(read(wanted.part) == wanted.content.substr(0, 1000));
}

TEST_CASE("a connection that is refused is unavailable") {
    const Wanted wanted;
    const Nobody nobody;
    CHECK(refusal(Fault::Unavailable, [&] {
              base::download(wanted.from(nobody.url));
          }).starts_with("'" + nobody.url + "' does not answer: "));
    CHECK(refusal(Fault::Unavailable, [&] {
              base::send(get(nobody.url));
          }).starts_with("'" + nobody.url + "' does not answer: "));
}

TEST_CASE("an empty file is downloaded, and a missing directory is said") {
    Wanted wanted;
    wanted.content.clear();
    const Nobody nobody;
    base::download(wanted.from(nobody.url));
    CHECK(read(wanted.to).empty());
    wanted.to = wanted.room.path() / "missing" / "a.rpm";
    CHECK(refusal(Fault::Unavailable, [&] { base::download(wanted.from(nobody.url)); }) ==
          "'" + wanted.to.string() + ".part' cannot be opened: No such file or directory");
}

TEST_CASE("a second download of the same file at the same time is kept out") {
    const Wanted wanted;
    const Nobody nobody;
    const base::Descriptor other(::open(wanted.part.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
    REQUIRE(::flock(other.get(), LOCK_EX | LOCK_NB) == 0);
    CHECK(refusal(Fault::Unavailable, [&] { base::download(wanted.from(nobody.url)); }) ==
          "'" + wanted.to.string() + "' is being downloaded by another process");
}

TEST_CASE("file addresses download, resume and refuse like the others") {
    const Wanted wanted;
    const std::filesystem::path source = wanted.room.path() / "source";
    const std::string url = "file://" + source.string();
    CHECK(refusal(Fault::NotFound, [&] { base::download(wanted.from(url)); }) ==
          "'" + url + "' cannot be read");
    keep(source, wanted.content);
    base::download(wanted.from(url));
    CHECK((read(wanted.to) == wanted.content));

    std::filesystem::remove(wanted.to);
    keep(wanted.part, wanted.content.substr(0, 1000));
    base::download(wanted.from(url));
    CHECK((read(wanted.to) == wanted.content));

    std::filesystem::remove(wanted.to);
    keep(source, wanted.content + "x");
    CHECK(refusal(Fault::Corrupt, [&] { base::download(wanted.from(url)); }) ==
          "'" + url + "' has 300001 bytes, but 300000 are signed");
    keep(source, "short");
    keep(wanted.part, wanted.content.substr(0, 1000));
    CHECK(refusal(Fault::Corrupt, [&] { base::download(wanted.from(url)); }) ==
          "'" + url + "' is shorter than what came from it before");
    CHECK_FALSE(wanted.part_is_there());
}

TEST_CASE("other addresses than https, http and file are refused, without their passwords") {
    const Wanted wanted;
    CHECK(refusal(Fault::Input, [&] {
              base::download(wanted.from("ftp://user:secret@host/a?token=secret"));
          }) == "'ftp://host/a' is not an address for downloads; it must begin with https, http or file");
    CHECK(refusal(Fault::Input, [] { base::send(get("dispatcher")); }) ==
          "'dispatcher' is not an address for downloads; it must begin with https, http or file");
    CHECK(refusal(Fault::Input, [] {
              base::send(get("http://"));
          }).starts_with("'http://' is not an address: "));
    HttpRequest pinned = get("http://127.0.0.1/");
    pinned.trust.ca = Digest();
    CHECK(refusal(Fault::Input, [&] { base::send(pinned); }) ==
          "'http://127.0.0.1/' cannot prove who it is; it must begin with https");
}

TEST_CASE("an exchange carries method, headers and body, and gives status and body back") {
    const HttpServer server([](const Request& request) {
        return HttpServer::answer("409 Conflict", "you said " + request.body, "Location: /elsewhere\r\n");
    });
    HttpRequest request = get(server.url("/runs?limit=1"));
    request.method = "POST";
    request.headers = {{"Authorization", "Bearer t"}, {"Content-Type", "application/json"}};
    request.body = "{\"body\":\"" + std::string(2'000'000, 'x') + "\"}";
    const base::HttpResponse response = base::send(request);
    CHECK(response.status == 409);
    CHECK((response.body == "you said " + request.body));
    const Request seen = server.requests().at(0);
    CHECK(seen.line() == "POST /runs?limit=1");
    CHECK(seen.header("Authorization") == "Bearer t");
    CHECK(seen.header("Content-Type") == "application/json");
    CHECK(seen.head.find("Expect") == std::string::npos);

    request.method = "DELETE";
    request.body.clear();
    CHECK(base::send(request).status == 409);
    CHECK(server.requests().at(1).line() == "DELETE /runs?limit=1");
}

TEST_CASE("a header that would smuggle in a second line, or a strange method, is refused") {
    HttpRequest request = get("http://127.0.0.1:1/?token=secret");
    request.headers = {{"Authorization", "Bearer t\r\nX-Admin: yes"}};
    CHECK(refusal(Fault::Input, [&] { base::send(request); }) ==
          "a header for 'http://127.0.0.1:1/' does not fit on one line");
    request.headers = {{"Author ization", "t"}};
    CHECK(refusal(Fault::Input, [&] { base::send(request); }) ==
          "a header for 'http://127.0.0.1:1/' does not fit on one line");
    request.headers.clear();
    request.method = "GET / HTTP/1.1\r\n";
    CHECK(refusal(Fault::Input, [&] { base::send(request); }) ==
          "an HTTP method for 'http://127.0.0.1:1/' is not a word of capital letters");
}

TEST_CASE("an answer that is longer than the limit is refused, and one that never comes ends in time") {
    const HttpServer server([](const Request& request) {
        return request.line() == "GET /long" ? HttpServer::answer("200 OK", std::string(1001, 'x'))
                                             : Answer{"", true};
    });
    HttpRequest request = get(server.url("/long"));
    request.limit_bytes = 1000;
    CHECK(refusal(Fault::Corrupt, [&] { base::send(request); }) ==
          "the answer of '" + server.url("/long") + "' is longer than 1000 bytes");
    request.limit_bytes = 1001;
    CHECK(base::send(request).body.size() == 1001);
    request.url = server.url("/silent");
    request.timeout = std::chrono::milliseconds(50);
    CHECK(refusal(Fault::Unavailable, [&] {
              base::send(request);
          }).starts_with("'" + server.url("/silent") + "' does not answer: "));
}

TEST_CASE("a stream is given line by line until the receiver or the server ends it") {
    const HttpServer server([](const Request& request) {
        if (request.line() == "GET /refused") {
            return HttpServer::answer("403 Forbidden", "{\"error\":\"no\"}\n");
        }
        Answer answer{"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\none\ntwo\r\n\nfour"};
        answer.hang = request.line() == "GET /endless";
        return answer;
    });
    std::vector<std::string> lines;
    const auto collect = [&](std::string_view line) {
        lines.emplace_back(line);
        return true;
    };
    CHECK(base::stream(get(server.url("/all")), collect).status == 200);
    CHECK(lines == std::vector<std::string>{"one", "two", "", "four"});

    lines.clear();
    const auto first_two = [&](std::string_view line) {
        lines.emplace_back(line);
        return lines.size() < 2;
    };
    CHECK(base::stream(get(server.url("/endless")), first_two).status == 200);
    CHECK(lines == std::vector<std::string>{"one", "two"});

    lines.clear();
    const base::HttpResponse refused = base::stream(get(server.url("/refused")), collect);
    CHECK(refused.status == 403);
    CHECK(refused.body == "{\"error\":\"no\"}\n");
    CHECK(lines.empty());

    CHECK(refusal(Fault::Conflict, [&] {
              base::stream(get(server.url("/all")),
                           [](std::string_view) -> bool { throw base::Error(Fault::Conflict, "enough"); });
          }) == "enough");
    HttpRequest narrow = get(server.url("/all"));
    narrow.limit_bytes = 3;
    CHECK(refusal(Fault::Corrupt, [&] { base::stream(narrow, collect); }) ==
          "the answer of '" + server.url("/all") + "' is longer than 3 bytes");
}

TEST_CASE("over https the pinned CA is demanded and the node shows its certificate") {
    const auto authority = base::CertificateAuthority::create("shop", now());
    const auto other = base::CertificateAuthority::create("shop", now());
    const auto server_key = base::PrivateKey::generate(base::KeyKind::EcdsaP256);
    const auto node_key = base::PrivateKey::generate(base::KeyKind::EcdsaP256);
    const base::NodeName web("web-prod-1");
    const std::string request_pem = base::make_certificate_request(node_key, web);
    const base::Identity dispatcher{authority.sign_server(server_key.public_key(), "main", now(), day).pem,
                                    server_key.pem()};
    const base::Identity node{authority.sign_node(request_pem, web, now(), day).pem, node_key.pem()};
    const base::Identity stranger{other.sign_node(request_pem, web, now(), day).pem, node_key.pem()};
    const Wanted wanted;
    const HttpServer server([&](const Request& request) { return ranged(request, wanted.content); },
                            base::TlsContext::server(dispatcher, authority.certificate().pem));
    const std::string url = server.url("/a");

    HttpRequest request = get(url);
    request.trust.ca = authority.certificate().fingerprint;
    CHECK((base::send(request).body == wanted.content));
    CHECK_FALSE(server.requests().at(0).peer);

    request.trust.identity = node;
    CHECK(base::send(request).status == 200);
    REQUIRE(server.requests().at(1).peer);
    CHECK(server.requests().at(1).peer->node == web);

    FileRequest file = wanted.from(url);
    file.trust = request.trust;
    base::download(file);
    CHECK((read(wanted.to) == wanted.content));

    request.trust.identity = stranger;
    CHECK(refusal(Fault::Denied, [&] {
              base::send(request);
          }).starts_with("our certificate is refused by '" + url + "': "));

    request.trust = {.ca = other.certificate().fingerprint, .identity = std::nullopt};
    CHECK(refusal(Fault::Denied, [&] { base::send(request); }) ==
          "the certificate of '" + url + "' is refused: it does not come with the pinned CA");

    request.trust = {};
    CHECK(refusal(Fault::Denied, [&] {
              base::send(request);
          }).starts_with("the certificate of '" + url + "' is refused: "));

    request.trust = {.ca = authority.certificate().fingerprint,
                     .identity = base::Identity{node.certificate_pem, server_key.pem()}};
    CHECK(refusal(Fault::Input, [&] { base::send(request); }) ==
          "the private key of an identity does not belong to its certificate");

    const HttpServer impostor([&](const Request& asked) { return ranged(asked, wanted.content); },
                              base::TlsContext::server(node, authority.certificate().pem));
    request.url = impostor.url("/a");
    request.trust = {.ca = authority.certificate().fingerprint, .identity = std::nullopt};
    CHECK(refusal(Fault::Denied, [&] { base::send(request); }) ==
          "the certificate of '" + request.url + "' is refused: it is not for this purpose");
}
