// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "cli/server.hpp"

#include "base/error.hpp"
#include "base/json.hpp"
#include "dispatcher/protocol/token.hpp"

#include <cstdlib>

namespace cli {

namespace {

std::string given(const Arguments& arguments, const std::string& option, const char* variable,
                  const char* hint) {
    if (const auto text = arguments.maybe(option)) {
        return *text;
    }
    if (const char* text = std::getenv(variable); text != nullptr && *text != '\0') {
        return text;
    }
    throw base::Error(base::Fault::Input, "neither {} nor {} is set; {}", option, variable, hint);
}

/// The answer's document, or the failure that it carries.
base::Value document_of(const base::HttpResponse& response, const std::string& path) {
    base::Value document =
        response.body.empty() ? base::Value(base::Object{}) : base::parse_json(response.body, path);
    if (response.status < 400) {
        return document;
    }
    const base::Object* record = document.object();
    const base::Value* fault = record != nullptr ? record->find("fault") : nullptr;
    const base::Value* message = record != nullptr ? record->find("message") : nullptr;
    if (fault == nullptr || message == nullptr || fault->text() == nullptr || message->text() == nullptr) {
        throw base::Error(base::Fault::Internal, "the dispatcher answered {} to {} without saying why",
                          response.status, path);
    }
    throw base::Error(base::fault_from(*fault->text()), *message->text());
}

} // namespace

std::vector<Option> Server::options(std::vector<Option> own) {
    own.push_back({"--server", "the dispatcher, HOST:PORT (or TIERCEL_SERVER)", Option::Kind::Text, false});
    own.push_back({"--token", "who you are (or TIERCEL_TOKEN)", Option::Kind::Text, false});
    return own;
}

Server Server::from(const Arguments& arguments) {
    Server server;
    server.url_ = "https://" + given(arguments, "--server", "TIERCEL_SERVER",
                                     "give the dispatcher's address as HOST:PORT");
    server.token_ =
        given(arguments, "--token", "TIERCEL_TOKEN",
              "the first one is in the dispatcher's STATE/admin.token, others come from 'tiercel token new'");
    while (!server.token_.empty() && server.token_.back() == '\n') {
        server.token_.pop_back();
    }
    server.trust_.ca = dispatcher::protocol::Token::parse(server.token_).ca;
    return server;
}

base::HttpRequest Server::request(const std::string& method, const std::string& path) const {
    base::HttpRequest request;
    request.method = method;
    request.url = url_ + path;
    request.headers["Authorization"] = "Bearer " + token_;
    request.trust = trust_;
    request.timeout = std::chrono::seconds(120);
    return request;
}

base::Value Server::get(const std::string& path) const {
    return document_of(base::send(request("GET", path)), path);
}

base::Value Server::post(const std::string& path, const base::Value& body) const {
    base::HttpRequest asked = request("POST", path);
    asked.headers["Content-Type"] = "application/json";
    asked.body = base::to_json(body);
    return document_of(base::send(asked), path);
}

void Server::remove(const std::string& path) const {
    document_of(base::send(request("DELETE", path)), path);
}

void Server::stream(const std::string& path, const std::function<bool(const base::Value&)>& each) const {
    const base::HttpResponse response = base::stream(request("GET", path), [&](std::string_view line) {
        return line.empty() || each(base::parse_json(line, path));
    });
    if (response.status >= 400) {
        document_of(response, path);
    }
}

} // namespace cli
