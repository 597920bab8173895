// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "base/error.hpp"
#include "rpm/package.hpp"
#include "tests/catch.hpp"

namespace {

std::string error_of(const std::string& text) {
    try {
        rpm::Dependency::parse(text);
    } catch (const base::Error& error) {
        CHECK(error.fault() == base::Fault::Input);
        return error.message();
    }
    return "no error";
}

} // namespace

TEST_CASE("a dependency is read as people write it") {
    CHECK((rpm::Dependency::parse("redis") == rpm::Dependency{"redis", "", ""}));
    CHECK((rpm::Dependency::parse("  redis  >=  7 ") == rpm::Dependency{"redis", ">=", "7"}));
    CHECK((rpm::Dependency::parse("a = 1:2.0~rc1-3") == rpm::Dependency{"a", "=", "1:2.0~rc1-3"}));
    CHECK((rpm::Dependency::parse("/usr/bin/python3") == rpm::Dependency{"/usr/bin/python3", "", ""}));
    CHECK((rpm::Dependency::parse("libc.so.6(GLIBC_2.34)(64bit)").name == "libc.so.6(GLIBC_2.34)(64bit)"));
    CHECK((rpm::Dependency::parse("font(:lang=en)").name == "font(:lang=en)"));
    CHECK((rpm::Dependency::parse("(haproxy >= 2 or nginx)").name == "(haproxy >= 2 or nginx)"));
}

TEST_CASE("a dependency that rpm would not understand is refused") {
    const std::string grammar =
        " is no dependency; write a name, or a name, a comparison and a version: 'redis >= 7'";
    CHECK(error_of("") == "''" + grammar);
    CHECK(error_of("redis 7") == "'redis 7'" + grammar);
    CHECK(error_of("redis>= 7") == "'redis>= 7'" + grammar);
    CHECK(error_of("redis>=7") == "'redis>=7'" + grammar);
    CHECK(error_of("redis > = 7") == "'redis > = 7'" + grammar);
    CHECK(error_of("redis, haproxy") == "'redis, haproxy'" + grammar);
    CHECK(error_of("redis => 7") ==
          "'=>' in dependency 'redis => 7' is no comparison; there are =, <, <=, > and >=");
    CHECK(error_of("redis >= 7/2") == "'7/2' in dependency 'redis >= 7/2' is no version");
    CHECK(error_of("(haproxy or") == "'(haproxy or' is no dependency: Name required");
    CHECK(error_of("(a or b) c") ==
          "'(a or b) c' is no dependency: something follows the closing parenthesis");
}
