// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "builder/recipe.hpp"

#include "base/error.hpp"
#include "base/files.hpp"
#include "tests/catch.hpp"

#include <functional>

namespace {

std::string input_error(const std::function<void()>& doing) {
    try {
        doing();
    } catch (const base::Error& error) {
        CHECK(error.fault() == base::Fault::Input);
        return error.message();
    }
    return "no error";
}

const std::string head = "name = 'shop-app'\nkind = 'app'\nsummary = 'Orders'\nlicense = 'Apache-2.0'\n";

builder::Recipe recipe_of(const std::string& text) {
    return builder::parse_recipe(text, "p/package.toml");
}

/// The error of a recipe whose first four lines are right.
std::string error_of(const std::string& rest) {
    return input_error([&] { recipe_of(head + rest); });
}

std::string error_of_all(const std::string& text) {
    return input_error([&] { recipe_of(text); });
}

} // namespace

TEST_CASE("a recipe says what is packaged, with defaults where it is silent") {
    const auto recipe = recipe_of(R"toml(
name    = "shop-app"
kind    = "app"
summary = "Order service of the shop"
license = "Apache-2.0"
arch    = "x86_64"
vendor  = "Shop"
url     = "https://shop.example"
epoch   = 2
release = "3.el9"
requires = ["redis >= 7", "(haproxy or nginx)"]
suggests = ["shop-docs"]

[[files]]
from = "dist/"
to   = "/opt/shop-app/"
exclude = ["*.pyc"]
owner = "shop"

[[files]]
directory = "/var/lib/shop-app"
dir_mode  = "0750"

[[files]]
symlink = "/opt/shop-app/current"
target  = "releases/1"

[[files]]
from = "app.conf"
to   = "/etc/shop-app.conf"
noreplace = true
file_mode = "0640"

[[files]]
ghost = true
to = "/var/log/shop-app.log"
)toml");
    CHECK(recipe.name == "shop-app");
    CHECK(recipe.description == "Order service of the shop");
    CHECK(recipe.arch == "x86_64");
    CHECK(recipe.epoch == 2);
    CHECK(recipe.release == "3.el9");
    REQUIRE(recipe.requires_.size() == 2);
    CHECK((recipe.requires_[0] == rpm::Dependency{"redis", ">=", "7"}));
    REQUIRE(recipe.files.size() == 5);
    CHECK(recipe.files[0].kind == builder::FilesEntry::Kind::From);
    CHECK(recipe.files[0].line == 14);
    CHECK(recipe.files[0].owner == "shop");
    CHECK(recipe.files[0].group == "root");
    CHECK(recipe.files[1].dir_mode == 0750u);
    CHECK(recipe.files[2].target == "releases/1");
    CHECK(recipe.files[3].flags == (rpm::Config | rpm::NoReplace));
    CHECK(recipe.files[3].file_mode == 0640u);
    CHECK(recipe.files[4].kind == builder::FilesEntry::Kind::Ghost);

    const auto least = recipe_of(head);
    CHECK(least.arch == "noarch");
    CHECK(least.release == "1");
    CHECK(least.epoch == 0);
}

TEST_CASE("a recipe can bring hooks") {
    const auto recipe = recipe_of(head + R"toml(
[[hooks]]
at  = "before-drain"
run = ["{{ node.root }}/opt/shop-app/leave-balancer"]
)toml");
    REQUIRE(recipe.about.hooks.size() == 1);
    CHECK(recipe.about.hooks[0].at == "before-drain");
}

TEST_CASE("a slip in a recipe is answered with its place and what was meant") {
    CHECK(error_of_all("name = 'a'\nkind = 'app'\nsumary = 'x'\nlicense = 'x'\n") ==
          "p/package.toml:3: unknown key 'sumary'; did you mean 'summary'?");
    CHECK(error_of_all("kind = 'app'\nsummary = 'x'\nlicense = 'x'\n") ==
          "p/package.toml: 'name' is missing");
    CHECK(error_of_all("name = 'a'\nkind = 'app'\nsummary = 5\nlicense = 'x'\n") ==
          "p/package.toml:3: 'summary' is a number, but must be a string");
    CHECK(error_of_all("name = 'a'\nkind = 'app'\nsummary = \"a\\nb\"\nlicense = 'x'\n") ==
          "p/package.toml:3: 'summary' must be one line of text");
    CHECK(error_of_all("name = 'a'\nkind = 'confg'\nsummary = 'x'\nlicense = 'x'\n") ==
          "p/package.toml:2: 'confg' is no kind of package; did you mean 'config'?");
    CHECK(error_of_all("name = 'a'\nkind = 'daemon'\nsummary = 'x'\nlicense = 'x'\n") ==
          "p/package.toml:2: 'daemon' is no kind of package; there are app, config, application, meta");
    CHECK(
        error_of_all("name = 'a b'\nkind = 'app'\nsummary = 'x'\nlicense = 'x'\n") ==
        "p/package.toml:1: package name 'a b' has a ' ', but only letters, digits, '-', '_', '.' and '+' are "
        "allowed");
    CHECK(error_of("arch = 'x86-64'\n") ==
          "p/package.toml:5: 'x86-64' is no architecture; did you mean 'x86_64'?");
    CHECK(error_of("release = '1-2'\n") ==
          "p/package.toml:5: '1-2' is no release; use letters, digits and . _ + ~ ^");
    CHECK(error_of("epoch = -1\n") == "p/package.toml:5: 'epoch' is -1, but must be from 0 to 2147483647");
    CHECK(error_of("requires = ['redis > = 7']\n") == "p/package.toml:5: 'redis > = 7' is no dependency; "
                                                      "write a name, or a name, a comparison and a version: "
                                                      "'redis >= 7'");
    CHECK(error_of("[[file]]\nfrom = 'a'\n") ==
          "p/package.toml:5: unknown key 'file'; did you mean 'files'?");
    CHECK(error_of("name == 5\n").starts_with("p/package.toml:5:"));
}

TEST_CASE("a files entry that cannot be packaged is refused with its line") {
    CHECK(error_of("[[files]]\nto = '/opt/a'\n") ==
          "p/package.toml:5: this entry has none of from, directory and symlink, but must have exactly one");
    CHECK(
        error_of("[[files]]\nfrom = 'a'\ndirectory = '/opt/a'\n") ==
        "p/package.toml:5: this entry has several of from, directory and symlink, but must have exactly one");
    CHECK(error_of("[[files]]\nfrom = 'a'\n") == "p/package.toml:5: 'files[0].to' is missing");
    CHECK(error_of("[[files]]\nfrom = 'a'\nto = 'opt/a'\n") == "p/package.toml:7: 'opt/a' is not absolute");
    CHECK(error_of("[[files]]\nfrom = 'a'\nto = '/opt/../etc/a'\n") ==
          "p/package.toml:7: '/opt/../etc/a' has '..' in it");
    CHECK(error_of("[[files]]\nfrom = 'a'\nto = '/opt//a'\n") ==
          "p/package.toml:7: '/opt//a' has an empty part in it");
    CHECK(error_of("[[files]]\nfrom = 'a'\nto = \"/opt/a\\u0007\"\n")
              .ends_with("has a control character in it"));
    CHECK(error_of("[[files]]\ndirectory = '/'\n") ==
          "p/package.toml:6: '/' is the root directory, which belongs to no package");
    CHECK(error_of("[[files]]\nfrom = '/etc/passwd'\nto = '/opt/a'\n") ==
          "p/package.toml:6: '/etc/passwd' is not relative to the recipe");
    CHECK(error_of("[[files]]\nfrom = 'a'\nto = '/opt/a'\nfile_mode = '0999'\n") ==
          "p/package.toml:8: '0999' is no file mode; write it in octal, such as '0644'");
    CHECK(error_of("[[files]]\nfrom = 'a'\nto = '/opt/a'\nfile_mode = 644\n") ==
          "p/package.toml:8: 'files[0].file_mode' is a number, but must be a string");
    CHECK(error_of("[[files]]\nsymlink = '/opt/a/'\ntarget = 'b'\n") ==
          "p/package.toml:5: '/opt/a/' is a directory's path, but this entry is a file");
    CHECK(error_of("[[files]]\nsymlink = '/opt/a'\ntarget = ''\n") == "p/package.toml:7: 'target' is empty");
    CHECK(error_of("[[files]]\nfrom = 'a'\nto = '/opt/a'\ncaps = 'cap_net_raw=ep'\n")
              .starts_with("p/package.toml:8: unknown key 'files[0].caps'"));
}

TEST_CASE("a kind of package has its own parts only") {
    const auto of_kind = [](const std::string& kind, const std::string& rest) {
        return error_of_all("name = 'a'\nkind = '" + kind + "'\nsummary = 'x'\nlicense = 'x'\n" + rest);
    };
    CHECK(of_kind("application", "") ==
          "p/package.toml:2: a package of kind application must have [application] with its model");
    CHECK(of_kind("application", "[application]\nmodel = 'app.lua'\n") == "no error");
    CHECK(of_kind("application", "[application]\nmodel = 'app.lua'\nworkflow = []\n") ==
          "p/package.toml:7: unknown key 'application.workflow'; did you mean 'workflows'?");
    CHECK(of_kind("app", "[application]\nmodel = 'app.lua'\n") ==
          "p/package.toml:5: 'application' is for packages of kind application, not app");
    CHECK(of_kind("application", "[application]\nmodel = 'app.lua'\n[settings]\na = { type = 'int' }\n") ==
          "p/package.toml:7: 'settings' is for packages of kind app or config, not application");
    CHECK(of_kind("meta", "[[files]]\ndirectory = '/opt/a'\n") ==
          "p/package.toml:5: 'files' is not for packages of kind meta: they bring other packages only");
    CHECK(of_kind("meta", "requires = ['b']\n") == "no error");
}
