// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "base/digest.hpp"

#include "tests/refusal.hpp"

#include <fstream>
#include <set>
#include <stdlib.h>

using base::Fault;
using tests::refusal;

namespace {

constexpr std::string_view abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

} // namespace

TEST_CASE("the SHA-256 of the standard's example is the standard's value, in one piece and in three") {
    CHECK(base::sha256("abc").hex() == abc);
    CHECK(base::sha256("abc").str() == "sha256:" + std::string(abc));
    base::Sha256 hash;
    hash.update("a").update("").update("bc");
    CHECK(hash.finish() == base::sha256("abc"));
    CHECK(base::sha256("").hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

TEST_CASE("a digest is read in its text form and as bare digits") {
    CHECK(base::Digest::parse(abc) == base::sha256("abc"));
    CHECK(base::Digest::parse("sha256:" + std::string(abc)) == base::sha256("abc"));
}

TEST_CASE("a digest that is too short, upper-case or of another algorithm is refused") {
    for (const std::string& text :
         {std::string("sha256:ba78"), std::string(), "sha512:" + std::string(abc),
          std::string(abc).replace(0, 1, "B"), "sha256:" + std::string(abc) + "0"}) {
        CHECK(refusal(Fault::Input, [&] { base::Digest::parse(text); }) ==
              "'" + text.substr(0, 80) +
                  "' is not a digest; write 'sha256:' and 64 lower-case hexadecimal digits");
    }
    CHECK(refusal(Fault::Input, [] { base::Digest::parse("a\x1b[2J\n"); }) ==
          "'a?[2J?' is not a digest; write 'sha256:' and 64 lower-case hexadecimal digits");
}

TEST_CASE("the digest of a file is that of its bytes, and a file that is not there is not found") {
    char name[] = "/tmp/tiercel-digest-XXXXXX";
    const int made = ::mkstemp(name);
    REQUIRE(made >= 0);
    ::close(made);
    std::string content(700'001, 'x');
    std::ofstream(name, std::ios::binary) << content;
    CHECK(base::sha256_of_file(name) == base::sha256(content));
    std::filesystem::remove(name);
    CHECK(refusal(Fault::NotFound, [&] { base::sha256_of_file(name); }) ==
          "'" + std::string(name) + "' cannot be read: No such file or directory");
    CHECK(refusal(Fault::Unavailable, [] { base::sha256_of_file("/tmp"); }) ==
          "'/tmp' cannot be read: Is a directory");
}

TEST_CASE("hexadecimal text and bytes turn into each other") {
    const std::string bytes("\x00\xff\x1a", 3);
    CHECK(base::to_hex(bytes) == "00ff1a");
    CHECK(base::from_hex("00ff1a") == bytes);
    CHECK(base::from_hex("00FF1A") == bytes);
    CHECK(base::from_hex("").empty());
    CHECK(refusal(Fault::Input, [] { base::from_hex("abc"); }) ==
          "hexadecimal text has 3 digits, but must have an even number");
    CHECK(refusal(Fault::Input, [] { base::from_hex("ab0g"); }) ==
          "hexadecimal text has a character that is no digit at position 4");
}

TEST_CASE("base64 follows the vectors of RFC 4648") {
    const std::pair<std::string, std::string> vectors[] = {{"", ""},
                                                           {"f", "Zg=="},
                                                           {"fo", "Zm8="},
                                                           {"foo", "Zm9v"},
                                                           {"foob", "Zm9vYg=="},
                                                           {"fooba", "Zm9vYmE="},
                                                           {"foobar", "Zm9vYmFy"},
                                                           {std::string("\xfb\xff\x00", 3), "+/8A"}};
    for (const auto& [bytes, text] : vectors) {
        CHECK(base::to_base64(bytes) == text);
        CHECK(base::from_base64(text) == bytes);
    }
}

TEST_CASE("base64 has one text for each value: no blanks, no missing padding, no stray bits") {
    CHECK(refusal(Fault::Input, [] { base::from_base64("Zg="); }) ==
          "base64 text has 3 characters, but must have a multiple of 4");
    CHECK(refusal(Fault::Input, [] { base::from_base64("Z g="); }) ==
          "base64 text has a character that is no digit at position 2");
    CHECK(refusal(Fault::Input, [] { base::from_base64("Z==="); }) ==
          "base64 text has a character that is no digit at position 2");
    CHECK(refusal(Fault::Input, [] { base::from_base64("===="); }) ==
          "base64 text has a character that is no digit at position 1");
    CHECK(refusal(Fault::Input, [] { base::from_base64("Zh=="); }) ==
          "base64 text ends in bits that belong to no byte");
    CHECK(refusal(Fault::Input, [] { base::from_base64("Zm9="); }) ==
          "base64 text ends in bits that belong to no byte");
}

TEST_CASE("random bytes have the length asked for and do not repeat") {
    std::set<std::string> seen;
    for (int i = 0; i < 100; ++i) {
        const std::string bytes = base::random_bytes(16);
        CHECK(bytes.size() == 16);
        seen.insert(bytes);
    }
    CHECK(seen.size() == 100);
    CHECK(base::random_bytes(0).empty());
    CHECK(base::random_bytes(1000).size() == 1000);
}

TEST_CASE("secrets are the same only when every byte is") {
    CHECK(base::same_secret("secret", "secret"));
    CHECK(base::same_secret("", ""));
    CHECK_FALSE(base::same_secret("secret", "secreT"));
    CHECK_FALSE(base::same_secret("secret", "secret2"));
    CHECK_FALSE(base::same_secret("secret", ""));
}
