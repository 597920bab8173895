// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "builder/tree.hpp"
#include "tests/units/builder/project.hpp"

#include <sys/stat.h>

namespace {

using builder_tests::Project;
namespace fs = std::filesystem;

/// "path mode owner:group flags" of every entry.
std::vector<std::string> listing(const Project& project, const std::string& rest) {
    const auto recipe = project.recipe(rest);
    builder::Tree tree(recipe);
    builder::add_files(recipe, tree);
    std::vector<std::string> lines;
    for (const auto& entry : std::move(tree).finish()) {
        lines.push_back(fmt::format("{} {} {:o} {}:{} {}{}", entry.file.type, entry.file.path,
                                    entry.file.mode, entry.file.owner, entry.file.group, entry.file.flags,
                                    entry.file.link_target.empty() ? "" : " -> " + entry.file.link_target));
    }
    return lines;
}

using Lines = std::vector<std::string>;

} // namespace

TEST_CASE("a tree is packaged with its modes, links and directories, sorted bytewise") {
    const Project project;
    project.write("dist/bin/run", "#!/bin/sh\n", 0755);
    project.write("dist/a-b", "x");
    project.write("dist/a/b", "x", 0600);
    project.write("dist/.hidden", "x");
    fs::create_symlink("bin/run", project.packages() / "dist/link");
    fs::create_symlink("nowhere", project.packages() / "dist/dangling");
    CHECK(listing(project, "[[files]]\nfrom = 'dist/'\nto = '/opt/app/'\n") ==
          Lines{"d /opt/app 40755 root:root 0", "f /opt/app/.hidden 100644 root:root 0",
                "d /opt/app/a 40755 root:root 0", "f /opt/app/a-b 100644 root:root 0",
                "f /opt/app/a/b 100600 root:root 0", "d /opt/app/bin 40755 root:root 0",
                "f /opt/app/bin/run 100755 root:root 0", "l /opt/app/dangling 120777 root:root 0 -> nowhere",
                "l /opt/app/link 120777 root:root 0 -> bin/run"});
}

TEST_CASE("modes, owners, flags and excludes of an entry hold for all that it brings") {
    const Project project;
    project.write("dist/keep", "x", 0600);
    project.write("dist/sub/drop.pyc", "x");
    project.write("dist/sub/keep", "x");
    project.write("dist/cache/x", "x");
    project.write("dist/sub/cache/x", "x");
    CHECK(listing(project,
                  "[[files]]\nfrom = 'dist/'\nto = '/opt/app/'\nfile_mode = '0640'\ndir_mode = '0750'\n"
                  "owner = 'shop'\ngroup = 'web'\nconfig = true\nexclude = ['*.pyc', 'sub/cache']\n") ==
          Lines{"d /opt/app 40750 shop:web 0", "d /opt/app/cache 40750 shop:web 0",
                "f /opt/app/cache/x 100640 shop:web 1", "f /opt/app/keep 100640 shop:web 1",
                "d /opt/app/sub 40750 shop:web 0", "f /opt/app/sub/keep 100640 shop:web 1"});
}

TEST_CASE("files, globs, directories, links and ghosts go where they are told") {
    const Project project;
    project.write("one.jar", "1");
    project.write("two.jar", "2");
    project.write(".three.jar", "3");
    project.write("lib/x/y", "4");
    fs::create_symlink("one.jar", project.packages() / "latest");
    CHECK(listing(project, "[[files]]\nfrom = '*.jar'\nto = '/opt/jars/'\n") ==
          Lines{"f /opt/jars/one.jar 100644 root:root 0", "f /opt/jars/two.jar 100644 root:root 0"});
    CHECK(listing(project, "[[files]]\nfrom = 'one.jar'\nto = '/opt/'\n") ==
          Lines{"f /opt/one.jar 100644 root:root 0"});
    CHECK(listing(project, "[[files]]\nfrom = 'one.jar'\nto = '/opt/uno'\n") ==
          Lines{"f /opt/uno 100644 root:root 0"});
    // A link that is named itself is followed, one that a glob finds is not.
    CHECK(listing(project, "[[files]]\nfrom = 'latest'\nto = '/opt/uno'\n") ==
          Lines{"f /opt/uno 100644 root:root 0"});
    CHECK(listing(project, "[[files]]\nfrom = 'lates?'\nto = '/opt/'\n") ==
          Lines{"l /opt/latest 120777 root:root 0 -> one.jar"});
    CHECK(listing(project, "[[files]]\nfrom = 'lib'\nto = '/opt/'\n") ==
          Lines{"d /opt/lib 40755 root:root 0", "d /opt/lib/x 40755 root:root 0",
                "f /opt/lib/x/y 100644 root:root 0"});
    CHECK(listing(project, "[[files]]\nfrom = 'lib'\nto = '/opt/new'\n")[0] ==
          "d /opt/new 40755 root:root 0");
    CHECK(listing(project, "[[files]]\nfrom = 'lib/*/y'\nto = '/opt/'\n") ==
          Lines{"f /opt/y 100644 root:root 0"});
    CHECK(listing(project, "[[files]]\ndirectory = '/var/lib/app/'\ndir_mode = '0700'\n") ==
          Lines{"d /var/lib/app 40700 root:root 0"});
    CHECK(listing(project, "[[files]]\nsymlink = '/opt/now'\ntarget = 'one'\n") ==
          Lines{"l /opt/now 120777 root:root 0 -> one"});
    CHECK(listing(project, "[[files]]\nto = '/var/log/app'\nghost = true\nfile_mode = '0640'\n") ==
          Lines{"g /var/log/app 100640 root:root 64"});
}

TEST_CASE("directories that every host has are not owned by a package") {
    const Project project;
    project.write("root/etc/app/app.conf", "x");
    project.write("root/usr/bin/app", "x", 0755);
    CHECK(listing(project, "[[files]]\nfrom = 'root/'\nto = '/usr/'\n") ==
          Lines{"d /usr/etc 40755 root:root 0", "d /usr/etc/app 40755 root:root 0",
                "f /usr/etc/app/app.conf 100644 root:root 0", "d /usr/usr 40755 root:root 0",
                "d /usr/usr/bin 40755 root:root 0", "f /usr/usr/bin/app 100755 root:root 0"});
    CHECK(listing(project, "[[files]]\nfrom = 'root/usr/'\nto = '/usr/'\n") ==
          Lines{"f /usr/bin/app 100755 root:root 0"});
}

TEST_CASE("two entries that own one path are refused, naming both lines") {
    const Project project;
    project.write("a/x", "1");
    project.write("b/x", "1");
    CHECK(
        project.error_of("[[files]]\nfrom = 'a/'\nto = '/opt/'\n[[files]]\nfrom = 'b/x'\nto = '/opt/x'\n") ==
        "P/package.toml:8: '/opt/x' is already packaged by the entry in line 5; a path has one owner");
    CHECK(project.error_of("[[files]]\nfrom = 'a/x'\nto = '/usr/share/tiercel/shop-app.json'\n") ==
          "P/package.toml: '/usr/share/tiercel/shop-app.json' is already packaged by the entry in line 5; a "
          "path has one owner");
    CHECK(project.error_of("[[files]]\ndirectory = '/opt/a'\n[[files]]\ndirectory = '/opt/a'\n") ==
          "P/package.toml:7: '/opt/a' is already packaged by the entry in line 5; a path has one owner");
    CHECK(project.error_of(
              "[[files]]\nfrom = 'a/x'\nto = '/opt/a'\n[[files]]\nfrom = 'b/x'\nto = '/opt/a/b'\n") ==
          "P/package.toml:8: '/opt/a/b' lies below '/opt/a', which is no directory but a file of the entry "
          "in line 5");
}

TEST_CASE("a declared directory wins over one that came along with a tree") {
    const Project project;
    project.write("a/data/x", "1");
    const std::string tree = "[[files]]\nfrom = 'a/'\nto = '/opt/'\n";
    const std::string directory = "[[files]]\ndirectory = '/opt/data'\ndir_mode = '0700'\nowner = 'shop'\n";
    const Lines expected{"d /opt/data 40700 shop:root 0", "f /opt/data/x 100644 root:root 0"};
    CHECK(listing(project, tree + directory) == expected);
    CHECK(listing(project, directory + tree) == expected);
    // Two trees may share a directory when they agree about it.
    project.write("b/data/y", "1");
    CHECK(listing(project, tree + "[[files]]\nfrom = 'b/'\nto = '/opt/'\n").size() == 3);
    CHECK(project.error_of(tree + "[[files]]\nfrom = 'b/'\nto = '/opt/'\ndir_mode = '0700'\n") ==
          "P/package.toml:8: '/opt/data' is already packaged by the entry in line 5; a path has one owner");
}

TEST_CASE("what is not there or cannot be carried is refused with the line that asks for it") {
    const Project project;
    project.write("file", "1");
    fs::create_directories(project.packages() / "empty");
    const auto from = [&](const std::string& source, const std::string& to) {
        return project.error_of("[[files]]\nfrom = '" + source + "'\nto = '" + to + "'\n");
    };
    CHECK(from("dist/", "/opt/") == "P/package.toml:5: 'dist/' does not exist in 'P'");
    CHECK(from("*.war", "/opt/") == "P/package.toml:5: '*.war' matches nothing in 'P'");
    CHECK(from("file/", "/opt/") ==
          "P/package.toml:5: 'file/' is no directory; leave the '/' at its end away");
    CHECK(from("empty/", "/opt/app/") ==
          "P/package.toml:5: 'empty/' is empty; build what it shall hold first");
    CHECK(from("empty/", "/opt/app") ==
          "P/package.toml:5: 'empty/' is not one file, so 'to' must be a directory; write '/opt/app/'");
    CHECK(from("f*", "/opt/app") ==
          "P/package.toml:5: 'f*' is not one file, so 'to' must be a directory; write '/opt/app/'");

    REQUIRE(::mkfifo((project.packages() / "pipe").c_str(), 0600) == 0);
    CHECK(from("pipe", "/opt/") ==
          "P/package.toml:5: 'P/pipe' is a device, pipe or socket, which packages do not carry");
    project.write("odd/a\nb", "1");
    CHECK(from("odd/", "/opt/") ==
          "P/package.toml:5: 'P/odd/a\nb' cannot be packaged: its path has a control character in it");
    project.write("latin/\xe4", "1");
    CHECK(from("latin/", "/opt/") ==
          "P/package.toml:5: 'P/latin/\xe4' cannot be packaged: its path is not UTF-8");

    project.write("large", "");
    fs::resize_file(project.packages() / "large", 0xffffffff);
    CHECK(from("large", "/opt/") == "P/package.toml:5: 'P/large' has 4294967295 bytes, but packages carry "
                                    "files below 4 GiB only; split it or "
                                    "leave it to a download");
}
