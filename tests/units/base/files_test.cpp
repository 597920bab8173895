// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "base/files.hpp"

#include "tests/fakes/files.hpp"
#include "tests/refusal.hpp"

#include <csignal>
#include <fstream>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

using base::Fault;
using tests::refusal;

namespace {

unsigned mode_of(const std::filesystem::path& path) {
    struct stat status {};
    REQUIRE(::lstat(path.c_str(), &status) == 0);
    return status.st_mode & 07777u;
}

/// What holds for every base::Files, the fake included: the tests of other rooms rely on it.
void keeps_the_contract(base::Files& files, const std::filesystem::path& root) {
    using Names = std::vector<std::string>;
    files.make_directories(root / "a/b");
    files.make_directories(root / "a/b");
    files.write(root / "a/b/file", "one");
    files.write(root / "a/b/file", "two");
    CHECK(files.read(root / "a/b/file") == "two");
    CHECK(files.list(root / "a/b") == Names{"file"});
    CHECK(files.list(root / "nowhere").empty());

    files.write(root / "a/b/File", std::string("\0\n", 2));
    CHECK(files.read(root / "a/b/File").size() == 2);
    CHECK(files.list(root / "a/b") == Names{"File", "file"});

    files.rename(root / "a/b/File", root / "a/b/file");
    CHECK(files.read(root / "a/b/file").size() == 2);
    CHECK_FALSE(files.exists(root / "a/b/File"));

    files.link("b/file", root / "a/link");
    CHECK(files.read(root / "a/link").size() == 2);
    files.write(root / "a/other", "other");
    files.link("other", root / "a/link");
    CHECK(files.read(root / "a/link") == "other");
    files.link("b", root / "a/current");
    CHECK(files.list(root / "a/current") == Names{"file"});
    files.write(root / "a/current/second", "2");
    CHECK(files.read(root / "a/b/second") == "2");

    files.remove(root / "a/current");
    CHECK(files.exists(root / "a/b/second"));
    files.rename(root / "a/b", root / "a/c");
    CHECK(files.list(root / "a/c") == Names{"file", "second"});
    files.remove(root / "a/c");
    files.remove(root / "a/c");
    CHECK_FALSE(files.exists(root / "a/c/file"));
    CHECK(files.list(root / "a") == Names{"link", "other"});
    CHECK(files.free_bytes(root / "a/not/yet/there") > 0);

    const std::string missing = (root / "missing/file").native();
    CHECK(refusal(Fault::NotFound, [&] { files.read(missing); }) ==
          "'" + missing + "' cannot be read: No such file or directory");
    CHECK(refusal(Fault::NotFound, [&] { files.write(missing, "x"); }) ==
          "'" + missing + "' cannot be written: No such file or directory");
    CHECK(refusal(Fault::NotFound, [&] { files.read(root / "a"); }) ==
          "'" + (root / "a").native() + "' cannot be read: Is a directory");
    CHECK(refusal(Fault::NotFound, [&] { files.rename(missing, root / "x"); }) ==
          "'" + missing + "' cannot be renamed to '" + (root / "x").native() +
              "': No such file or directory");
    CHECK(refusal(Fault::Input, [&] { files.read(root / "a/other", 4); }) ==
          "'" + (root / "a/other").native() +
              "' is larger than 4 bytes, the most that is read of such a file");
    CHECK(files.read(root / "a/other", 5) == "other");
}

} // namespace

TEST_CASE("the system's files and the fake ones keep the same contract") {
    const base::TemporaryDirectory directory;
    base::SystemFiles system;
    keeps_the_contract(system, directory.path());
    fakes::Files fake;
    keeps_the_contract(fake, "/");
}

TEST_CASE("files and directories get exactly the mode that was asked for") {
    const base::TemporaryDirectory directory;
    const mode_t before = ::umask(077);
    base::SystemFiles files;
    files.make_directories(directory.path() / "open/inner", 0755);
    files.write(directory.path() / "open/file", "x", 0640);
    files.write(directory.path() / "open/key", "x", 0600);
    ::umask(before);
    CHECK(mode_of(directory.path() / "open") == 0755);
    CHECK(mode_of(directory.path() / "open/inner") == 0755);
    CHECK(mode_of(directory.path() / "open/file") == 0640);
    CHECK(mode_of(directory.path() / "open/key") == 0600);
}

TEST_CASE("a write that fails leaves the old file and nothing beside it") {
    const base::TemporaryDirectory directory;
    base::SystemFiles files;
    files.write(directory.path() / "file", "the old content");
    // The kernel refuses to let any file grow beyond 4 KiB: a write that breaks off in its middle.
    rlimit before{};
    ::getrlimit(RLIMIT_FSIZE, &before);
    const auto handler = std::signal(SIGXFSZ, SIG_IGN);
    rlimit small{4096, before.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &small);
    const std::string message = refusal(
        Fault::Unavailable, [&] { files.write(directory.path() / "file", std::string(100'000, 'x')); });
    ::setrlimit(RLIMIT_FSIZE, &before);
    std::signal(SIGXFSZ, handler);
    CHECK(message == "'" + (directory.path() / "file").native() + "' cannot be written: File too large");
    CHECK(files.read(directory.path() / "file") == "the old content");
    CHECK(files.list(directory.path()) == std::vector<std::string>{"file"});
}

TEST_CASE("a file that cannot be renamed into place leaves nothing beside it") {
    const base::TemporaryDirectory directory;
    base::SystemFiles files;
    files.make_directories(directory.path() / "taken/full");
    CHECK_THROWS_AS(files.write(directory.path() / "taken", "x"), base::Error);
    CHECK_THROWS_AS(files.link("x", directory.path() / "taken"), base::Error);
    CHECK(files.list(directory.path()) == std::vector<std::string>{"taken"});
}

TEST_CASE("a file whose size the kernel does not know is read whole") {
    base::SystemFiles files;
    CHECK(files.read("/proc/self/status").find("Name:") == 0);
    CHECK_THROWS_AS(files.read("/dev/zero", 100'000), base::Error);
}

TEST_CASE("removing a link leaves what it points to") {
    const base::TemporaryDirectory directory;
    base::SystemFiles files;
    files.make_directories(directory.path() / "kept");
    files.write(directory.path() / "kept/file", "x");
    files.make_directories(directory.path() / "gone");
    files.link("../kept", directory.path() / "gone/link");
    files.remove(directory.path() / "gone");
    CHECK(files.exists(directory.path() / "kept/file"));
}

TEST_CASE("a temporary directory goes with its content") {
    std::filesystem::path path;
    {
        const base::TemporaryDirectory outer;
        const base::TemporaryDirectory inner(outer.path());
        path = inner.path();
        std::ofstream(path / "file") << "x";
        CHECK(mode_of(path) == 0700);
    }
    CHECK_FALSE(std::filesystem::exists(path));
}

TEST_CASE("a lock that is held is refused, and free again when its holder ends") {
    const base::TemporaryDirectory directory;
    const std::filesystem::path file = directory.path() / "lock";
    {
        const base::FileLock held(file);
        CHECK(refusal(Fault::Conflict, [&] { const base::FileLock second(file); }) ==
              "'" + file.native() + "' is held by another process");
    }
    CHECK_NOTHROW(base::FileLock(file));
    CHECK(mode_of(file) == 0600);
    CHECK_THROWS_AS(base::FileLock(directory.path() / "missing/lock"), base::Error);
}

TEST_CASE("a path inside a root cannot leave it") {
    CHECK(base::inside("/srv/root", "etc/app.conf") == "/srv/root/etc/app.conf");
    CHECK(base::inside("/srv/root", "/etc/app.conf") == "/srv/root/etc/app.conf");
    CHECK(base::inside("/srv/root", "etc/./x/../app.conf") == "/srv/root/etc/app.conf");
    CHECK(base::inside("/srv/root", "") == "/srv/root");
    CHECK(base::inside("/srv/root", "/") == "/srv/root");
    CHECK(base::inside("/srv/root", "a/..") == "/srv/root");
    CHECK(refusal(Fault::Input, [] { base::inside("/srv/root", "../x"); }) ==
          "path '../x' leaves '/srv/root'");
    CHECK(refusal(Fault::Input, [] { base::inside("/srv/root", "/../x"); }) ==
          "path '/../x' leaves '/srv/root'");
    CHECK(refusal(Fault::Input, [] { base::inside("/srv/root", "a/../../root/x"); }) ==
          "path 'a/../../root/x' leaves '/srv/root'");
    CHECK(refusal(Fault::Input, [] { base::inside("/srv/root", std::string("a\0b", 3)); }) ==
          "a path below '/srv/root' has a zero byte in it");
}

TEST_CASE("symbolic links below a root are followed as after chroot, and none leads out of it") {
    using base::followed_inside;
    using base::LastLink;
    const base::TemporaryDirectory directory;
    const std::filesystem::path root = directory.path() / "root";
    base::SystemFiles files;
    files.make_directories(root / "opt/shop");
    files.make_directories(root / "etc");
    files.link("/etc", root / "etc/absolute");
    files.link("../../../../opt/./shop/", root / "etc/relative");
    files.link("absolute/relative", root / "etc/both");
    files.link("/nowhere/yet", root / "etc/dangling");
    files.link("two", root / "etc/one");
    files.link("/etc/one", root / "etc/two");
    const auto kept = [&](const char* path) {
        return followed_inside(root, path, LastLink::Kept);
    };
    const auto followed = [&](const char* path) {
        return followed_inside(root, path, LastLink::Followed);
    };
    CHECK(kept("/etc/absolute/passwd") == root / "etc/passwd");
    CHECK(kept("etc/relative/app.conf") == root / "opt/shop/app.conf");
    CHECK(kept("/etc/both/app.conf") == root / "opt/shop/app.conf");
    CHECK(kept("/etc/dangling/app.conf") == root / "nowhere/yet/app.conf");
    CHECK(kept("/etc/absolute") == root / "etc/absolute");
    CHECK(followed("/etc/both") == root / "opt/shop");
    CHECK(followed("/etc/absent") == root / "etc/absent");
    CHECK(kept("/") == root);
    CHECK(kept("/etc/one") == root / "etc/one");
    CHECK(refusal(Fault::Conflict, [&] { kept("/etc/one/app.conf"); })
              .starts_with("'" + (root / "etc/one/app.conf").native() +
                           "' leads through more than 40 symbolic links, '"));
    CHECK(refusal(Fault::Input, [&] { kept("/../x"); }) == "path '/../x' leaves '" + root.native() + "'");
    // The root itself may be behind a link, and may be the whole machine.
    files.link("root", directory.path() / "link");
    CHECK(followed_inside(directory.path() / "link", "etc/absolute/x", LastLink::Kept) ==
          directory.path() / "link/etc/x");
    CHECK(followed_inside("/", (root / "etc/relative/x").native(), LastLink::Kept) == "/opt/shop/x");
}

TEST_CASE("the fake disk fails the change it was told to, and only that one") {
    fakes::Files files;
    files.write("/a", "old");
    files.fail_change(2, {Fault::Denied, "the disk is read-only"});
    files.write("/b", "x");
    CHECK(refusal(Fault::Denied, [&] { files.write("/a", "new"); }) == "the disk is read-only");
    CHECK(files.read("/a") == "old");
    files.write("/a", "new");
    CHECK(files.read("/a") == "new");
    CHECK(files.changes() == 4);
    files.fail_change(1, {Fault::Unavailable, "gone"});
    CHECK_THROWS_AS(files.rename("/a", "/c"), base::Error);
    CHECK(files.exists("/a"));
}

TEST_CASE("the fake disk loses with its power what was not synced") {
    fakes::Files files;
    files.make_directories("/state");
    files.write("/state/journal", "one");
    files.scribble("/state/log", "a line");
    files.lie(true);
    files.write("/state/journal", "two");
    files.rename("/state/journal", "/state/moved");
    files.lie(false);
    files.write("/state/after", "x");
    CHECK(files.read("/state/moved") == "two");
    CHECK(files.read("/state/log") == "a line");
    files.cut_power();
    CHECK(files.read("/state/journal") == "one");
    CHECK(files.list("/state") == std::vector<std::string>{"after", "journal"});
}

TEST_CASE("the fake disk can be full: the write fails, the old file stays") {
    fakes::Files files;
    files.set_capacity(10);
    files.write("/a", "12345");
    CHECK(files.free_bytes("/") == 5);
    CHECK(refusal(Fault::Unavailable, [&] { files.write("/a", "123456"); }) ==
          "'/a' cannot be written: No space left on device");
    CHECK(files.read("/a") == "12345");
    files.remove("/a");
    CHECK_NOTHROW(files.write("/a", "123456"));
}
