// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// A writer is killed with SIGKILL before each of its changes of the file system in turn, in a process of its
// own.
#include "base/error.hpp"
#include "tests/catch.hpp"
#include "tests/units/repo/offered.hpp"
#include "tests/units/repo/shop.hpp"

#include <csignal>
#include <functional>
#include <sys/wait.h>
#include <unistd.h>

namespace fs = std::filesystem;
using base::ChannelName;
using tests::noon;
using tests::offered;
using tests::Shop;
using Set = std::set<std::string>;

namespace {

/// The real file system; the process dies instead of making the n-th change (none when 0), or the n-th change
/// fails.
class MortalFiles final : public base::Files {
public:
    enum class End { Kill, Fail };
    MortalFiles(int nth, End end) : nth_(nth), end_(end) {}

    std::string read(const fs::path& file, std::size_t limit) const override {
        return real_.read(file, limit);
    }
    bool exists(const fs::path& path) const override { return real_.exists(path); }
    std::vector<std::string> list(const fs::path& path) const override { return real_.list(path); }
    std::uint64_t free_bytes(const fs::path& path) const override { return real_.free_bytes(path); }
    void write(const fs::path& file, std::string_view bytes, unsigned mode) override {
        change();
        real_.write(file, bytes, mode);
    }
    void remove(const fs::path& path) override {
        change();
        real_.remove(path);
    }
    void make_directories(const fs::path& path, unsigned mode) override {
        change();
        real_.make_directories(path, mode);
    }
    void rename(const fs::path& from, const fs::path& to) override {
        change();
        real_.rename(from, to);
    }
    void link(const fs::path& target, const fs::path& link) override {
        change();
        real_.link(target, link);
    }

    int changes() const { return changes_; }

private:
    void change() {
        if (++changes_ != nth_) {
            return;
        }
        if (end_ == End::Kill) {
            ::raise(SIGKILL);
        }
        throw base::Error(base::Fault::Unavailable, "the disk is full");
    }

    base::SystemFiles real_;
    int changes_ = 0;
    int nth_;
    End end_;
};

using Work = std::function<void(repo::Repository&)>;

/// False when the work was done before the n-th change came.
bool killed(const Shop& shop, int nth, const Work& work) {
    const pid_t child = ::fork();
    if (child == 0) {
        MortalFiles files(nth, MortalFiles::End::Kill);
        int code = 0;
        try {
            repo::Repository repository = repo::Repository::open(shop.place, files);
            work(repository);
        } catch (const std::exception&) {
            code = 1;
        }
        ::_exit(code);
    }
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    if (WIFSIGNALED(status)) {
        CHECK(WTERMSIG(status) == SIGKILL);
        return true;
    }
    REQUIRE(WEXITSTATUS(status) == 0);
    return false;
}

std::size_t entries(const fs::path& directory) {
    return static_cast<std::size_t>(
        std::distance(fs::directory_iterator(directory), fs::directory_iterator()));
}

std::size_t packages_in_pool(const Shop& shop) {
    std::size_t found = 0;
    for (const auto& entry : fs::recursive_directory_iterator(shop.place / "pool")) {
        found += entry.path().extension() == ".rpm" ? 1 : 0;
    }
    return found;
}

/// What the channel offers and what it lists must agree, and nothing may be wrong.
Set looked_at(const Shop& shop, const std::string& channel) {
    const repo::Repository repository = shop.open();
    CHECK(repository.verify() == std::vector<std::string>{});
    const Set files = offered(shop.place, channel);
    Set listed;
    for (const repo::PoolEntry& entry : repository.list(ChannelName(channel))) {
        listed.insert(entry.nevra.file_name());
    }
    CHECK(listed == files);
    return files;
}

const Set before{"shop-app-1.0-1.noarch.rpm"};
const Set after{"shop-app-1.0-1.noarch.rpm", "shop-app-2.0-1.noarch.rpm", "shop-db-1.0-1.noarch.rpm"};

} // namespace

TEST_CASE(
    "a writer killed before any of its steps leaves the old or the new channel, and the next one cleans up",
    "[law-7]") {
    int steps = 0;
    Set seen_after_last_kill;
    for (int nth = 1; nth < 100; ++nth) {
        CAPTURE(nth);
        const Shop shop;
        shop.add("shop-app", "1.0", "dev");
        const std::vector<fs::path> fresh{shop.app("shop-app", "2.0"), shop.app("shop-db", "1.0")};
        const Work add = [&](repo::Repository& repository) {
            repository.add(fresh, ChannelName("dev"), noon);
        };
        if (!killed(shop, nth, add)) {
            break;
        }
        ++steps;
        seen_after_last_kill = looked_at(shop, "dev");
        CHECK((seen_after_last_kill == before || seen_after_last_kill == after));

        // The next writer, here one that does something else, finds a clean house.
        shop.add("shop-web", "1.0", "test");
        CHECK(looked_at(shop, "dev") == seen_after_last_kill);
        CHECK(packages_in_pool(shop) == seen_after_last_kill.size() + 1);
        CHECK(entries(shop.place / "snapshots") == (seen_after_last_kill == before ? 2 : 3));
        CHECK(entries(shop.place / "channels") == 2);
        CHECK_FALSE(fs::exists(shop.place / "pool/.new"));

        repo::Repository repository = shop.open();
        add(repository);
        CHECK(looked_at(shop, "dev") == after);
    }
    CHECK(steps >= 10);
    CHECK(seen_after_last_kill == before); // the link comes last: before it nothing is visible
}

TEST_CASE("a build that never became visible can be replaced by another one of the same version", "[law-7]") {
    const Shop alive;
    MortalFiles files(0, MortalFiles::End::Kill);
    repo::Repository::open(alive.place, files).add({alive.app("shop-app", "1.0")}, ChannelName("dev"), noon);

    const Shop again;
    REQUIRE(killed(again, files.changes(), [&](repo::Repository& repository) {
        repository.add({again.app("shop-app", "1.0")}, ChannelName("dev"), noon);
    }));
    CHECK(offered(again.place, "dev").empty());
    const auto other =
        tests::make_package(again.packages, "shop-app", "1.0", &again.package_key, {{"/etc/other", "x"}});
    again.open().add({other}, ChannelName("dev"), noon);
    CHECK(offered(again.place, "dev").size() == 1);
    CHECK(packages_in_pool(again) == 1);
    CHECK(again.open().verify() == std::vector<std::string>{});
}

TEST_CASE("many packages at once survive a kill as few do", "[law-7]") {
    for (int nth = 1; nth < 100; ++nth) {
        CAPTURE(nth);
        const Shop shop;
        std::vector<fs::path> fresh;
        for (int at = 0; at < 12; ++at) {
            fresh.push_back(
                tests::make_package(shop.packages, "many", std::to_string(at), &shop.package_key));
        }
        if (!killed(shop, nth,
                    [&](repo::Repository& repository) { repository.add(fresh, ChannelName("dev"), noon); })) {
            CHECK(nth > 5);
            break;
        }
        CHECK(offered(shop.place, "dev").empty());
        shop.add("shop-web", "1.0", "dev");
        CHECK(looked_at(shop, "dev") == Set{"shop-web-1.0-1.noarch.rpm"});
        CHECK(packages_in_pool(shop) == 1);
    }
}

TEST_CASE("a promotion killed before any of its steps leaves the old or the new channel", "[law-7]") {
    const std::vector<std::vector<std::string>> choices{{}, {"shop-app"}};
    for (const std::vector<std::string>& names : choices) {
        int steps = 0;
        for (int nth = 1; nth < 100; ++nth) {
            CAPTURE(nth, names);
            const Shop shop;
            shop.add("shop-app", "1.0", "stable");
            shop.add("shop-app", "2.0", "dev");
            const Work promote = [&](repo::Repository& repository) {
                repository.promote(ChannelName("dev"), ChannelName("stable"), names, noon);
            };
            const bool died = killed(shop, nth, promote);
            const Set seen = looked_at(shop, "stable");
            if (!died) {
                CHECK(seen.contains("shop-app-2.0-1.noarch.rpm"));
                break;
            }
            ++steps;
            CHECK(seen == before);
            shop.open().promote(ChannelName("dev"), ChannelName("stable"), names, noon);
            CHECK(looked_at(shop, "stable").contains("shop-app-2.0-1.noarch.rpm"));
            CHECK(looked_at(shop, "dev") == Set{"shop-app-2.0-1.noarch.rpm"});
        }
        CHECK(steps >= 1);
    }
}

TEST_CASE("a disk that fills up at any step leaves the old channel and a sentence") {
    for (int nth = 1; nth < 100; ++nth) {
        CAPTURE(nth);
        const Shop shop;
        shop.add("shop-app", "1.0", "dev");
        MortalFiles files(nth, MortalFiles::End::Fail);
        repo::Repository repository = repo::Repository::open(shop.place, files);
        std::string sentence;
        try {
            repository.add({shop.app("shop-app", "2.0"), shop.app("shop-db", "1.0")}, ChannelName("dev"),
                           noon);
        } catch (const base::Error& error) {
            sentence = error.message();
        }
        if (sentence.empty()) {
            CHECK(nth > 10);
            break;
        }
        CHECK(sentence == "the disk is full");
        CHECK(looked_at(shop, "dev") == before);
        // The same object goes on as if nothing had been.
        repository.add({shop.app("shop-app", "2.0"), shop.app("shop-db", "1.0")}, ChannelName("dev"), noon);
        CHECK(looked_at(shop, "dev") == after);
    }
}
