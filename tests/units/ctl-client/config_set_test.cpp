// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "tests/units/ctl-client/node.hpp"

namespace {

using namespace ctl_client_tests;

} // namespace

TEST_CASE("config behind an absolute link of the root lies in the root: what is outside is neither shown nor "
          "changed",
          "[law-9]") {
    Node node;
    const fs::path outside = node.directory.path() / "outside";
    fs::create_directories(outside);
    base::SystemFiles().write(outside / "app.conf", "the machine's own\n");
    fs::create_directories(node.root() / "etc");
    fs::create_symlink(outside, node.root() / "etc/shop");

    const std::string envelope = node.release("shop/1.0", shop("1.0"));
    const Report prepared = node.prepare(envelope);
    REQUIRE(prepared.ok);
    CHECK(member(prepared, "config").find("own") == std::string::npos);
    node.deploy(envelope, "run-1");
    CHECK(node.config((outside / "app.conf").string()) == "port 8080\n");
    REQUIRE(node.send("undo", {}, "run-1").ok);
    CHECK(node.config((outside / "app.conf").string()) == "absent");
    CHECK_FALSE(fs::exists(node.root() / outside.relative_path()));
    CHECK(base::SystemFiles().list(outside) == std::vector<std::string>{"app.conf"});
    CHECK(base::SystemFiles().read(outside / "app.conf") == "the machine's own\n");
}

TEST_CASE("config behind links that lead to each other is refused before anything is changed", "[law-8]") {
    Node node;
    fs::create_directories(node.root() / "etc");
    fs::create_symlink("/etc/also", node.root() / "etc/shop");
    fs::create_symlink("shop", node.root() / "etc/also");
    const Report report = node.prepare(node.release("shop/1.0", shop("1.0")));
    CHECK(report.code == "refused");
    CHECK(report.reason.starts_with("'" + (node.root() / "etc/shop/app.conf").string() +
                                    "' leads through more than 40 symbolic links, '"));
    CHECK(report.reason.ends_with("among them; mend them"));
    CHECK(node.packages.transactions == 0);
}

TEST_CASE(
    "the owner of a config is looked up in the root's accounts, which may be behind a link of the root") {
    Node node;
    fs::create_directories(node.root() / "usr/etc");
    fs::create_directories(node.root() / "etc");
    base::SystemFiles().write(node.root() / "usr/etc/passwd", "shop:x:4242:4242::/:/bin/false\n");
    fs::create_symlink("/usr/etc/passwd", node.root() / "etc/passwd");
    auto made = shop("1.0");
    made[1].about.templates[0].owner = "shop";
    CHECK(node.prepare(node.release("shop/1.0", made)).ok);
}
