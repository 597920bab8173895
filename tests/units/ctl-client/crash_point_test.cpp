// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// Real rpm transactions, killed at chosen system calls together with the client that asked for them. What
// comes after is judged from outside: by rpm, by the file system, and by `ctl-client verify`.
// TIERCEL_CRASH_POINTS=all kills at every call instead of at a choice of them.
#include "base/error.hpp"
#include "tests/units/ctl-client/shelf.hpp"

#include <cstdlib>
#include <functional>

namespace {

using namespace ctl_client_tests;

bool possible() {
    if (!may_chroot()) {
        WARN("needs root for chroot");
        return false;
    }
    try {
        base::Command command;
        command.argv = {"strace", "-o", "/dev/null", "true"};
        if (base::SystemProcesses().run(command).exit_code == 0) {
            return true;
        }
    } catch (const base::Error&) {
        // Said below.
    }
    WARN("needs strace, and the right to trace");
    return false;
}

const std::string template_part = R"(
[[templates]]
source = "app.conf"
to     = "/etc/shop/app.conf"
)";

/// One node whose state and root can be put back to what they were.
class Node {
public:
    Node() {
        fs::create_directories(here_ / "root");
        fs::create_directories(here_ / "libexec");
        fs::create_symlink(CTL_KEEP, here_ / "libexec" / "ctl-keep");
        for (const char* version : {"1.0", "2.0"}) {
            shelf_.source("shop-conf", version, "app.conf", "release {{ release }}\n");
            releases_.push_back(
                shelf_.release(version, {shelf_.package("shop-app", version, "app", 12, ""),
                                         shelf_.package("shop-conf", version, "config", 2, template_part)}));
        }
        arm("rename", 65535);
        keep();
    }

    fs::path root() const { return here_ / "root"; }
    const fs::path& release(std::size_t which) const { return releases_.at(which); }

    void keep() {
        fs::remove_all(here_ / "kept");
        fs::create_directories(here_ / "kept");
        tool({"cp", "-a", root().string(), (here_ / "kept").string()});
        if (fs::exists(here_ / "state")) {
            tool({"cp", "-a", (here_ / "state").string(), (here_ / "kept").string()});
        }
    }
    void put_back() {
        fs::remove_all(root());
        fs::remove_all(here_ / "state");
        tool({"cp", "-a", (here_ / "kept" / "root").string(), here_.string()});
        if (fs::exists(here_ / "kept" / "state")) {
            tool({"cp", "-a", (here_ / "kept" / "state").string(), here_.string()});
        }
    }

    /// From now on the first transaction dies at the n-th of these calls, and takes the client with it.
    void arm(const std::string& calls, int nth) {
        const std::string mark = (here_ / "killed").string();
        fs::remove(mark);
        base::SystemFiles().write(
            here_ / "libexec" / "ctl-transact",
            fmt::format(
                "#!/bin/sh\n"
                "if [ -e {0} ]; then exec {1}; fi\n"
                "request=$(cat)\n"
                "case $request in *'\"verb\":\"run\"'*) ;; *) printf '%s' \"$request\" | {1}; exit;; esac\n"
                "printf '%s' \"$request\" | strace -f -qq -o /dev/null -e trace={2} -e "
                "inject={2}:signal=KILL:when={3} {1}\n"
                "code=$?\n"
                "if [ $code -ge 128 ]; then touch {0}; kill -KILL $PPID; fi\n"
                "exit $code\n",
                mark, CTL_TRANSACT, calls, nth),
            0755);
    }
    bool killed() const { return fs::exists(here_ / "killed"); }

    base::Outcome run(std::vector<std::string> words) const {
        base::Command command;
        command.argv = {"env", "TIERCEL_LIBEXEC=" + (here_ / "libexec").string(), CTL_CLIENT};
        command.argv.insert(command.argv.end(), words.begin(), words.end());
        command.argv.insert(command.argv.end(), {"--state", (here_ / "state").string()});
        base::Outcome outcome = base::SystemProcesses().run(command);
        UNSCOPED_INFO(outcome.output << outcome.errors);
        return outcome;
    }
    base::Outcome apply(std::size_t which) const {
        const fs::path shelf = shelf_.directory();
        return run({"apply", release(which).string(), "--component", "shop/app", "--root", root().string(),
                    "--release-key", (shelf / "release.pub").string(), "--package-key",
                    (shelf / "package.asc").string(), "--packages", (shelf / "rpms").string()});
    }
    /// Everything that a change touches, as others see it: packages with their headers, every file, no
    /// leftovers, no duplicates.
    std::string look() const {
        return tool({"rpm", "--root", root().string(), "--define", "_dbpath /var/lib/rpm", "-qa", "--qf",
                     "%{NEVRA} %{SHA256HEADER}\n"}) +
               tool({"/bin/sh", "-c",
                     "cd " + root().string() +
                         " && find . -path ./var -prune -o -type f -exec sha256sum {} + | sort -k 2"}) +
               tool({"rpm", "--root", root().string(), "--define", "_dbpath /var/lib/rpm", "-Va"});
    }

private:
    base::TemporaryDirectory directory_;
    fs::path here_ = directory_.path();
    Shelf shelf_{here_ / "shelf"};
    std::vector<fs::path> releases_;
};

/// Kills `change` at each chosen point; afterwards `recover` must have made the node exactly `before` or
/// `after`.
void crash(Node& node, const std::string& before, const std::string& after,
           const std::function<void()>& change) {
    const bool all = std::getenv("TIERCEL_CRASH_POINTS") != nullptr;
    int forward = 0;
    int kills = 0;
    for (const std::string calls :
         {"rename", "fsync,fdatasync", "unlink,unlinkat,rmdir", "pwrite64", "fchmod,chmod,fchmodat"}) {
        for (int nth = 1;; nth += all ? 1 : 29) {
            node.put_back();
            node.arm(calls, nth);
            change();
            if (!node.killed()) {
                break;
            }
            ++kills;
            INFO("killed at call " << nth << " of " << calls);
            CHECK(node.run({"recover"}).exit_code == 0);
            const std::string there = node.look();
            CHECK((there == before || there == after));
            forward += there == after ? 1 : 0;
            CHECK(node.run({"verify"}).exit_code == 0);
        }
    }
    CHECK(kills > 5);
    CHECK(forward == kills); // a change that was begun is finished
}

} // namespace

TEST_CASE("killed at any system call of a first install, a node recovers exactly", "[law-7][crash]") {
    if (!possible()) {
        return;
    }
    Node node;
    const std::string nothing = node.look();
    REQUIRE(node.apply(0).exit_code == 0);
    const std::string one = node.look();
    crash(node, nothing, one, [&] { node.apply(0); });
}

TEST_CASE("killed at any system call of an upgrade, a node recovers exactly", "[law-7][crash]") {
    if (!possible()) {
        return;
    }
    Node node;
    REQUIRE(node.apply(0).exit_code == 0);
    const std::string one = node.look();
    node.keep();
    REQUIRE(node.apply(1).exit_code == 0);
    const std::string two = node.look();
    REQUIRE(one != two);
    crash(node, one, two, [&] { node.apply(1); });
}

TEST_CASE("killed at any system call of an undo, a node recovers exactly", "[law-7][law-9][crash]") {
    if (!possible()) {
        return;
    }
    Node node;
    REQUIRE(node.apply(0).exit_code == 0);
    const std::string one = node.look();
    REQUIRE(node.apply(1).exit_code == 0);
    const std::string two = node.look();
    node.keep();
    crash(node, two, one, [&] { node.run({"undo"}); });
}
