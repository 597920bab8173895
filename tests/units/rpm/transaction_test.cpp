// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// What rpm would do silently, with exit code 0, is a problem of the test transaction.
#include "rpm/transaction.hpp"

#include "tests/foreign_package.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <unistd.h>

namespace {

namespace fs = std::filesystem;
using Problems = std::vector<std::string>;

const rpm::SigningKey& key() {
    static const auto key =
        rpm::SigningKey::generate(base::KeyKind::Ed25519, 1690000000, "Shop <shop@example.org>");
    return key;
}

/// An empty root, and a place where the package "tool" is made.
class Host {
public:
    Host() { fs::create_directories(root()); }
    fs::path root() const { return directory_.path() / "root"; }
    void write(const std::string& path, const std::string& text) {
        fs::create_directories((root() / path).parent_path());
        files_.write(root() / path, text);
    }
    void link(const std::string& target, const std::string& path) {
        fs::create_directories((root() / path).parent_path());
        files_.link(target, root() / path);
    }
    /// The problems of a test transaction with a package that has these scriptlets and files.
    Problems problems(const std::string& scriptlets, const std::string& files) {
        const fs::path build = directory_.path() / "build";
        fs::create_directories(build / "buildroot/opt");
        files_.write(build / "buildroot/opt/tool", "a program\n", 0755);
        const fs::path made = tests::rpmbuilt(
            build, "Name: tool\nVersion: 1\nRelease: 1\nSummary: x\nLicense: x\nBuildArch: noarch\n"
                   "%description\nx\n" +
                       scriptlets + "%files\n" + files);
        files_.write(made, tests::signed_by(key(), files_.read(made)));
        rpm::TransactionRequest request;
        request.root = root();
        request.install = {made};
        request.trust = {{key().certificate()}};
        request.test = true;
        return rpm::transact(request).problems;
    }
    std::string missing(const std::string& program) const {
        return fmt::format("package 'tool-1-1.noarch' has a scriptlet for '{}', which is missing in '{}'; "
                           "install it first",
                           program, root().string());
    }
    std::string unknown(const std::string& account) const {
        return fmt::format(
            "package 'tool-1-1.noarch' has files of {}, who is unknown in '{}'; create it first", account,
            root().string());
    }

private:
    base::TemporaryDirectory directory_;
    base::SystemFiles files_;
};

bool has(const Problems& problems, const std::string& problem) {
    INFO(fmt::format("{}", fmt::join(problems, "\n")));
    return std::find(problems.begin(), problems.end(), problem) != problems.end();
}

bool may_chroot() {
    return ::geteuid() == 0;
}

} // namespace

TEST_CASE("a scriptlet whose program is missing in the root is a problem, with its name", "[law-8]") {
    Host host;
    const Problems problems = host.problems("%post -p /usr/bin/no-such\nx\n%preun\ntrue\n"
                                            "%triggerin -p /usr/bin/no-other -- bash\nx\n"
                                            "%pretrans -p <lua>\nx = 1\n",
                                            "/opt/tool\n");
    CHECK(has(problems, host.missing("/usr/bin/no-such")));
    CHECK(has(problems, host.missing("/usr/bin/no-other")));
    CHECK(has(problems, host.missing("/bin/sh"))); // this machine's own does not count
    CHECK_FALSE(has(problems, host.missing("<lua>")));
}

TEST_CASE("a scriptlet's program is looked up behind the links of the root, and nowhere else", "[law-8]") {
    Host host;
    host.write("usr/bin/dash", "a shell");
    host.link("/usr/bin/dash", "usr/bin/sh");
    host.link("usr/bin", "bin");
    CHECK_FALSE(has(host.problems("%post\ntrue\n", "/opt/tool\n"), host.missing("/bin/sh")));
    fs::remove(host.root() / "usr/bin/dash");
    REQUIRE(fs::exists("/usr/bin/dash"));
    CHECK(has(host.problems("%post\ntrue\n", "/opt/tool\n"), host.missing("/bin/sh")));
}

TEST_CASE("a scriptlet's program may come with the package, and rpm's own language is always there") {
    if (!may_chroot()) {
        WARN("needs root for chroot");
        return;
    }
    Host host;
    CHECK(host.problems("%post -p /opt/tool\n%pretrans -p <lua>\nx = 1\n", "/opt/tool\n") == Problems{});
}

TEST_CASE("a file whose owner or group is unknown in the root is a problem: rpm would give it to root",
          "[law-8]") {
    Host host;
    const std::string files = "%attr(-,no-user,no-group) /opt/tool\n";
    CHECK(host.problems("", files) ==
          Problems{host.unknown("user 'no-user'"), host.unknown("group 'no-group'")});
    // daemon is known on this machine, and not there.
    CHECK(host.problems("", "%attr(-,daemon,root) /opt/tool\n") == Problems{host.unknown("user 'daemon'")});

    if (!may_chroot()) {
        WARN("needs root for chroot");
        return;
    }
    host.write("usr/etc/passwd", "no-user:x:4242:4242::/:/bin/false\n");
    host.link("/usr/etc/passwd", "etc/passwd");
    CHECK(host.problems("", files) == Problems{host.unknown("group 'no-group'")});
    host.write("etc/group", "no-group:x:4242:\n");
    CHECK(host.problems("", files) == Problems{});
}

TEST_CASE("an unknown owner is no problem when the package has a scriptlet that may create it") {
    if (!may_chroot()) {
        WARN("needs root for chroot");
        return;
    }
    Host host;
    CHECK(host.problems("%pre -p <lua>\nx = 1\n", "%attr(-,no-user,no-group) /opt/tool\n") == Problems{});
}
