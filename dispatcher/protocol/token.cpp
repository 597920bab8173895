// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/protocol/token.hpp"

#include "base/error.hpp"
#include "base/fields.hpp"
#include "base/json.hpp"

#include <algorithm>

namespace dispatcher::protocol {

namespace {

constexpr std::string_view prefix = "tiercel1.";
constexpr std::size_t max_bytes = 16U << 10;

std::string base64url(std::string_view bytes) {
    std::string text = base::to_base64(bytes);
    std::replace(text.begin(), text.end(), '+', '-');
    std::replace(text.begin(), text.end(), '/', '_');
    text.erase(text.find_last_not_of('=') + 1);
    return text;
}

std::string from_base64url(std::string_view text) {
    std::string standard(text);
    if (standard.find_first_of("+/=") != std::string::npos) {
        throw base::Error(base::Fault::Input, std::string("not base64url"));
    }
    std::replace(standard.begin(), standard.end(), '-', '+');
    std::replace(standard.begin(), standard.end(), '_', '/');
    standard.append((4 - standard.size() % 4) % 4, '=');
    return base::from_base64(standard);
}

std::vector<std::string> texts(const std::vector<base::Digest>& digests) {
    std::vector<std::string> texts;
    for (const base::Digest& digest : digests) {
        texts.push_back(digest.str());
    }
    return texts;
}

std::vector<base::Digest> digests(const std::vector<std::string>& texts) {
    std::vector<base::Digest> digests;
    for (const std::string& text : texts) {
        digests.push_back(base::Digest::parse(text));
    }
    return digests;
}

} // namespace

std::string Token::text() const {
    const base::Object record{{"id", id},
                              {"secret", secret},
                              {"kind", kind},
                              {"ca", ca.str()},
                              {"release_keys", texts(release_keys)},
                              {"package_keys", texts(package_keys)}};
    return std::string(prefix) + base64url(base::to_json(record));
}

Token Token::parse(std::string_view text) {
    try {
        if (text.substr(0, prefix.size()) != prefix || text.size() > max_bytes) {
            throw base::Error(base::Fault::Input, std::string("no token"));
        }
        const base::Value document = base::parse_json(from_base64url(text.substr(prefix.size())), "token");
        const base::Fields fields(document, "token");
        Token token;
        token.id = fields.text("id");
        token.secret = fields.text("secret");
        token.kind = fields.text("kind");
        token.ca = base::Digest::parse(fields.text("ca"));
        token.release_keys = digests(fields.texts("release_keys"));
        token.package_keys = digests(fields.texts("package_keys"));
        return token;
    } catch (const base::Error&) {
        // What was wrong with it may quote it.
        throw base::Error(base::Fault::Input,
                          "this is not a tiercel token; it begins with '{}', and all of it must be given",
                          prefix);
    }
}

} // namespace dispatcher::protocol
