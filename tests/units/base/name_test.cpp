// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "base/name.hpp"

#include "tests/refusal.hpp"

#include <unordered_set>

using base::Fault;
using tests::refusal;

namespace {

template <class Name> std::string refused(std::string text) {
    return refusal(Fault::Input, [&] { Name name(text); });
}

} // namespace

TEST_CASE("names that people choose are taken") {
    CHECK(base::NodeName("web-prod-1").str() == "web-prod-1");
    CHECK(base::NodeName("10.12.30.20").str() == "10.12.30.20");
    CHECK(base::PackageName("libstdc++").str() == "libstdc++");
    CHECK(base::PackageName("_hidden").str() == "_hidden");
    const base::ComponentName web("shop/web");
    CHECK(base::before_slash(web) == "shop");
    CHECK(base::after_slash(web) == "web");
    CHECK(base::ReleaseName("shop/1.0").str() == "shop/1.0");
    CHECK(fmt::format("{} on {}", web, base::NodeName("web-1")) == "shop/web on web-1");
    CHECK(std::unordered_set<base::NodeName>{base::NodeName("a"), base::NodeName("a")}.size() == 1);
    CHECK_NOTHROW(base::NodeName(std::string(128, 'a')));
}

TEST_CASE("a name that is no word is refused with what is wrong") {
    CHECK(refused<base::NodeName>("") == "node name is empty");
    CHECK(refused<base::NodeName>("-web") ==
          "node name '-web' begins with '-', but must begin with a letter or digit");
    CHECK(refused<base::NodeName>(".hidden") ==
          "node name '.hidden' begins with '.', but must begin with a letter or digit");
    CHECK(refused<base::NodeName>("web 1") ==
          "node name 'web 1' has a ' ', but only letters, digits, '-', '_' and '.' are allowed");
    CHECK(refused<base::EnvironmentName>("../etc") ==
          "environment name '../etc' has a '/', but only letters, digits, '-', '_' and '.' are allowed");
    CHECK(refused<base::PackageName>("shop$") ==
          "package name 'shop$' has a '$', but only letters, digits, '-', '_', '.' and '+' are allowed");
    CHECK(refused<base::ChannelName>(std::string(129, 'a')) ==
          "channel name '" + std::string(128, 'a') + "...' has 129 bytes, but at most 128 are allowed");
}

TEST_CASE("what stands in the error of a name cannot steer a terminal") {
    CHECK(refused<base::NodeName>("a\x1b[2J") ==
          "node name 'a?[2J' has a '?', but only letters, digits, '-', '_' and '.' are allowed");
    CHECK(refused<base::NodeName>("\xc3\xa4") ==
          "node name '?\?' has a '?', but only letters, digits, '-', '_' and '.' are allowed");
    CHECK(refused<base::NodeName>(std::string("a\0b", 3)) ==
          "node name 'a?b' has a '?', but only letters, digits, '-', '_' and '.' are allowed");
}

TEST_CASE("a component or release is two words with one slash") {
    CHECK(refused<base::ComponentName>("web") ==
          "component 'web' is not two words with one '/' between them; write for example 'shop/web'");
    CHECK(refused<base::ReleaseName>("a/b/c") ==
          "release 'a/b/c' is not two words with one '/' between them; write for example 'shop/1.0'");
    CHECK(refused<base::ComponentName>("/web") == "component '/web' lacks the word before its '/'");
    CHECK(refused<base::ComponentName>("shop/") == "component 'shop/' lacks the word after its '/'");
    CHECK(refused<base::ComponentName>("shop/..") ==
          "component '..' begins with '.', but must begin with a letter or digit");
}
