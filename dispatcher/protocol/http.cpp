// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/protocol/http.hpp"

#include "base/error.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>

#include <algorithm>

namespace dispatcher::protocol {

namespace http = boost::beast::http;

namespace {

template <class Text> std::string owned(const Text& text) {
    return std::string(text.data(), text.size());
}

std::string lower(std::string text) {
    std::transform(text.begin(), text.end(), text.begin(), [](char letter) {
        return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter + 32) : letter;
    });
    return text;
}

/// The size of the head at the front of `buffer`, or nothing when its blank line has not come yet.
std::optional<std::size_t> head_size(const std::string& buffer, std::size_t limit_bytes, base::Fault fault) {
    const std::size_t end = buffer.find("\r\n\r\n");
    if (end == std::string::npos ? buffer.size() >= limit_bytes : end + 4 > limit_bytes) {
        throw base::Error(fault, "head of the message is larger than {} bytes", limit_bytes);
    }
    return end == std::string::npos ? std::nullopt : std::optional<std::size_t>(end + 4);
}

template <bool IsRequest, class Head> void parse(std::string_view text, Head& head, base::Fault fault) {
    http::parser<IsRequest, http::empty_body> parser;
    parser.header_limit(static_cast<std::uint32_t>(max_head_bytes));
    parser.body_limit(boost::none);
    boost::system::error_code error;
    parser.put(boost::asio::buffer(text.data(), text.size()), error);
    if ((error && error != http::error::need_more) || !parser.is_header_done()) {
        throw base::Error(fault, "head of the message is not HTTP/1.1: {}",
                          error ? error.message() : "it has no end");
    }
    if (parser.get().version() != 11) {
        throw base::Error(fault, "message is of HTTP version {}, but only 1.1 is spoken",
                          parser.get().version());
    }
    for (const auto& field : parser.get()) {
        head.fields.push_back({lower(owned(field.name_string())), owned(field.value())});
    }
    if (const auto length = parser.content_length()) {
        head.content_length = *length;
    }
    head.keep_alive = parser.keep_alive();
    head.upgrade = parser.upgrade();
    if constexpr (IsRequest) {
        head.method = owned(parser.get().method_string());
        head.target = owned(parser.get().target());
    } else {
        head.status = parser.get().result_int();
    }
}

std::string fields_text(const std::vector<HttpField>& fields, std::optional<std::uint64_t> content_length) {
    std::string text;
    for (const HttpField& field : fields) {
        text += field.name + ": " + field.value + "\r\n";
    }
    if (content_length) {
        text += fmt::format("Content-Length: {}\r\n", *content_length);
    }
    return text;
}

} // namespace

const std::string* HttpHead::find(std::string_view name) const noexcept {
    const auto found = std::find_if(fields.begin(), fields.end(),
                                    [&](const HttpField& field) { return field.name == name; });
    return found == fields.end() ? nullptr : &found->value;
}

std::optional<RequestHead> take_request_head(std::string& buffer, std::size_t limit_bytes) {
    const auto size = head_size(buffer, limit_bytes, base::Fault::Input);
    if (!size) {
        return std::nullopt;
    }
    RequestHead head;
    parse<true>(std::string_view(buffer).substr(0, *size), head, base::Fault::Input);
    for (const std::string_view once : {"authorization", "content-length", "host"}) {
        if (std::count_if(head.fields.begin(), head.fields.end(),
                          [&](const HttpField& field) { return field.name == once; }) > 1) {
            throw base::Error(base::Fault::Input,
                              "head of the request has the field '{}' more than once; send one", once);
        }
    }
    if (head.find("transfer-encoding") != nullptr) {
        throw base::Error(base::Fault::Input,
                          "body of the request is sent in chunks; send its Content-Length");
    }
    buffer.erase(0, *size);
    return head;
}

std::optional<ResponseHead> take_response_head(std::string& buffer, std::size_t limit_bytes) {
    const auto size = head_size(buffer, limit_bytes, base::Fault::Corrupt);
    if (!size) {
        return std::nullopt;
    }
    ResponseHead head;
    parse<false>(std::string_view(buffer).substr(0, *size), head, base::Fault::Corrupt);
    buffer.erase(0, *size);
    return head;
}

std::string request_head(std::string_view method, std::string_view target, std::string_view host,
                         const std::vector<HttpField>& fields, std::optional<std::uint64_t> content_length) {
    return fmt::format("{} {} HTTP/1.1\r\nHost: {}\r\n{}\r\n", method, target, host,
                       fields_text(fields, content_length));
}

std::string response_head(unsigned status, const std::vector<HttpField>& fields,
                          std::optional<std::uint64_t> content_length, bool keep_alive) {
    const auto reason = http::obsolete_reason(http::int_to_status(status));
    return fmt::format("HTTP/1.1 {} {}\r\n{}{}\r\n", status, owned(reason),
                       fields_text(fields, content_length), keep_alive ? "" : "Connection: close\r\n");
}

std::string chunk(std::string_view bytes) {
    return fmt::format("{:x}\r\n{}\r\n", bytes.size(), bytes);
}

} // namespace dispatcher::protocol
