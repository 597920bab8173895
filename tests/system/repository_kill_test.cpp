// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// A writer is killed by strace as it enters its n-th system call of a kind, for every kind that changes a
// disk and every n: also inside SQLite, and between the steps of one durable write.
#include "base/process.hpp"
#include "tests/catch.hpp"
#include "tests/system/programs.hpp"
#include "tests/units/repo/offered.hpp"
#include "tests/units/repo/shop.hpp"

#include <csignal>

namespace fs = std::filesystem;
using tests::noon;
using tests::offered;
using tests::Shop;
using Set = std::set<std::string>;

namespace {

base::Outcome traced(const std::string& injection, const std::vector<std::string>& words) {
    base::Command command;
    command.argv = {"strace", "-f", "-qq", "-o", "/dev/null", "-e", "inject=" + injection};
    command.argv.insert(command.argv.end(), words.begin(), words.end());
    return base::SystemProcesses().run(command);
}

} // namespace

TEST_CASE("a writer killed at any system call that changes the disk leaves the old or the new channel",
          "[system][law-7]") {
    if (!tests::can_run({"strace"})) {
        return;
    }
    const Set before{"shop-app-1.0-1.noarch.rpm"};
    const Set after{"shop-app-1.0-1.noarch.rpm", "shop-app-2.0-1.noarch.rpm"};
    const std::string writer = base::own_program().parent_path() / "repository_writer";
    int kills = 0;
    int new_states = 0;
    for (const std::string call : {"pwrite64", "write", "fdatasync", "fsync", "rename", "unlink", "unlinkat",
                                   "mkdir", "symlink", "ftruncate"}) {
        for (int nth = 1; nth < 300; ++nth) {
            CAPTURE(call, nth);
            const Shop shop;
            shop.add("shop-app", "1.0", "dev");
            const std::string fresh = shop.app("shop-app", "2.0");
            const base::Outcome outcome =
                traced(call + ":signal=KILL:when=" + std::to_string(nth), {writer, shop.place, "dev", fresh});
            if (outcome.exit_code == 0) {
                CHECK(offered(shop.place, "dev") == after);
                break;
            }
            INFO(outcome.errors);
            REQUIRE(outcome.signal == SIGKILL);
            ++kills;
            const Set seen = offered(shop.place, "dev");
            CHECK((seen == before || seen == after));
            new_states += seen == after ? 1 : 0;
            CHECK(shop.open().verify() == std::vector<std::string>{});
            shop.open().add({fresh}, base::ChannelName("dev"), noon);
            CHECK(offered(shop.place, "dev") == after);
            CHECK(shop.open().verify() == std::vector<std::string>{});
            CHECK_FALSE(fs::exists(shop.place / "pool/.new"));
        }
    }
    CHECK(kills > 50);
    CHECK(new_states > 0);
}
