// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "base/nevra.hpp"

#include "tests/refusal.hpp"

using base::Fault;
using base::Nevra;
using tests::refusal;

namespace {

std::string refused(std::string_view text) {
    return refusal(Fault::Input, [&] { Nevra::parse(text); });
}

} // namespace

TEST_CASE("a package build is read and written with and without an epoch") {
    const Nevra plain = Nevra::parse("shop-app-config-1.0-1.noarch");
    CHECK(plain.name == "shop-app-config");
    CHECK(plain.evr.epoch == 0);
    CHECK(plain.evr.version == "1.0");
    CHECK(plain.evr.release == "1");
    CHECK(plain.arch == "noarch");
    CHECK(plain.str() == "shop-app-config-1.0-1.noarch");
    CHECK(plain.file_name() == "shop-app-config-1.0-1.noarch.rpm");

    const Nevra epoch = Nevra::parse("gtk+-2:1.0~rc1^git5-3.el9_2.x86_64");
    CHECK(epoch.evr == base::Evr{2, "1.0~rc1^git5", "3.el9_2"});
    CHECK(epoch.str() == "gtk+-2:1.0~rc1^git5-3.el9_2.x86_64");
    CHECK(epoch.file_name() == "gtk+-1.0~rc1^git5-3.el9_2.x86_64.rpm");
    CHECK(Nevra::parse("a-0:1-1.noarch").str() == "a-1-1.noarch");
    CHECK(Nevra::parse(epoch.str()) == epoch);
}

TEST_CASE("a part that is missing from a package build is named") {
    const auto said = [](std::string_view text, std::string_view why) {
        return fmt::format("'{}' is not a package build, {}; write 'name-version-release.arch'", text, why);
    };
    for (const auto& [text, why] : {
             std::pair("", "its architecture is missing"),
             std::pair("shop", "its architecture is missing"),
             std::pair("shop-1.0-1", "its architecture is missing"),
             std::pair("shop.noarch", "its release is missing"),
             std::pair("shop-1.noarch", "its version is missing"),
             std::pair("-1.noarch", "its version is missing"),
             std::pair("-1.0-1.noarch", "its name is missing"),
             std::pair("shop--1.noarch", "its version is missing"),
             std::pair("shop-1.0-.noarch", "its release is missing"),
             std::pair("shop-1.0-1.", "its architecture is missing"),
             std::pair("shop-x:1.0-1.noarch", "its epoch is not a number of 32 bits"),
             std::pair("shop-:1.0-1.noarch", "its epoch is not a number of 32 bits"),
             std::pair("shop-4294967296:1.0-1.noarch", "its epoch is not a number of 32 bits"),
             std::pair("shop-1/0-1.noarch", "its version has a character that rpm does not allow"),
             std::pair("shop-1.0-1 .noarch", "its release has a character that rpm does not allow"),
             std::pair("shop-1.0-1.no/arch", "its architecture has a character that rpm does not allow"),
         }) {
        CHECK(refused(text) == said(text, why));
    }
    CHECK(refused("../shop-1.0-1.noarch") ==
          "package name '../shop' has a '/', but only letters, digits, '-', '_', '.' and '+' are allowed");
}
