// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "base/error.hpp"
#include "dispatcher/protocol/token.hpp"
#include "tests/catch.hpp"

#include <string>

using dispatcher::protocol::Token;

namespace {

Token token() {
    return {"01J00000000000000000000001",
            "s3cret?>~",
            "enroll",
            base::sha256("ca"),
            {base::sha256("release key")},
            {base::sha256("package key"), base::sha256("older package key")}};
}

std::string refusal_of(const std::string& text) {
    try {
        Token::parse(text);
    } catch (const base::Error& error) {
        return std::string(base::word(error.fault())) + ": " + error.message();
    }
    return "nothing was refused";
}

constexpr const char* no_token =
    "input: this is not a tiercel token; it begins with 'tiercel1.', and all of it must be given";

} // namespace

TEST_CASE("a token reads back as it was written, and is one word for a shell and a URL") {
    const std::string text = token().text();
    CHECK(text.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.") ==
          std::string::npos);
    const Token read = Token::parse(text);
    CHECK(read.id == token().id);
    CHECK(read.secret == token().secret);
    CHECK(read.kind == "enroll");
    CHECK(read.ca == token().ca);
    CHECK(read.release_keys == token().release_keys);
    CHECK(read.package_keys == token().package_keys);
}

TEST_CASE("what is no token is refused without being quoted", "[law-12]") {
    const std::string text = token().text();
    CHECK(refusal_of("") == no_token);
    CHECK(refusal_of("hunter2") == no_token);
    CHECK(refusal_of(text.substr(0, text.size() - 5)) == no_token);
    CHECK(refusal_of(text.substr(9)) == no_token);
    CHECK(refusal_of(text + "=") == no_token);
    CHECK(refusal_of("tiercel1." + std::string(20000, 'A')) == no_token);
}
