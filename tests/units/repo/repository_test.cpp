// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "repo/repository.hpp"

#include "base/error.hpp"
#include "repo/snapshot.hpp"
#include "repo/writer_lock.hpp"
#include "tests/catch.hpp"
#include "tests/refusal.hpp"
#include "tests/units/repo/offered.hpp"
#include "tests/units/repo/shop.hpp"

#include <fstream>
#include <sys/wait.h>
#include <unistd.h>

namespace fs = std::filesystem;
using base::ChannelName;
using base::Fault;
using tests::names;
using tests::noon;
using tests::offered;
using tests::refusal;
using tests::Shop;
using Set = std::set<std::string>;
using List = std::vector<std::string>;

TEST_CASE("a package that was added is offered to package managers and listed") {
    const Shop shop;
    auto repository = shop.open();
    const auto added =
        repository.add({shop.app("shop-app", "1.0"), shop.app("shop-db", "1.0")}, ChannelName("dev"), noon);
    CHECK(names(added) == List{"shop-app-1.0-1.noarch", "shop-db-1.0-1.noarch"});
    CHECK(offered(shop.place, "dev") == Set{"shop-app-1.0-1.noarch.rpm", "shop-db-1.0-1.noarch.rpm"});
    CHECK(repository.channels() == List{"dev"});
    const auto entry = repository.newest(ChannelName("dev"), "shop-app").value();
    CHECK(entry.digest == base::sha256_of_file(shop.packages / "shop-app-1.0-1.noarch.rpm"));
    CHECK(entry.bytes == fs::file_size(shop.packages / "shop-app-1.0-1.noarch.rpm"));
    CHECK(entry.about.value().kind == "app");
    CHECK(repository.package_file(entry.digest) == shop.place / entry.path);
    CHECK_FALSE(repository.package_file(base::sha256("none")).has_value());
    CHECK_FALSE(repository.newest(ChannelName("dev"), "shop-web").has_value());
    CHECK(repository.verify() == List{});
}

TEST_CASE("versions stay beside each other, newest first by rpm's own order") {
    const Shop shop;
    for (const char* version : {"1.9", "1.10", "1.10~rc1", "1.10^git1"}) {
        shop.add("shop-app", version, "dev");
    }
    shop.add("a", "1", "dev");
    const auto repository = shop.open();
    CHECK(names(repository.list(ChannelName("dev"))) ==
          List{"a-1-1.noarch", "shop-app-1.10^git1-1.noarch", "shop-app-1.10-1.noarch",
               "shop-app-1.10~rc1-1.noarch", "shop-app-1.9-1.noarch"});
    CHECK(repository.newest(ChannelName("dev"), "shop-app")->nevra.evr.version == "1.10^git1");
    CHECK(offered(shop.place, "dev").size() == 5);
}

TEST_CASE("adding again changes nothing, and a package of one channel can be added to another") {
    const Shop shop;
    shop.add("shop-app", "1.0", "dev");
    const auto before = repo::shown_by(shop.place, ChannelName("dev"));
    shop.add("shop-app", "1.0", "dev");
    CHECK(repo::shown_by(shop.place, ChannelName("dev")) == before);
    shop.add("shop-app", "1.0", "test");
    CHECK(offered(shop.place, "test") == offered(shop.place, "dev"));
    auto repository = shop.open();
    const fs::path file = shop.packages / "shop-app-1.0-1.noarch.rpm";
    CHECK(repository.add({file, file}, ChannelName("dev"), noon).size() == 1);
    CHECK(repository.verify() == List{});
}

TEST_CASE("the same build with other content is refused and changes nothing") {
    const Shop shop;
    shop.add("shop-app", "1.0", "dev");
    const auto other =
        tests::make_package(shop.packages, "shop-app", "1.0", &shop.package_key, {{"/etc/other", "x"}});
    auto repository = shop.open();
    CHECK(refusal(Fault::Conflict,
                  [&] {
                      repository.add({shop.app("shop-db", "1.0"), other}, ChannelName("dev"), noon);
                  }) == "package 'shop-app-1.0-1.noarch' is already in the repository with other content; a "
                        "published package never changes, "
                        "build it with a new version or release");
    CHECK(offered(shop.place, "dev") == Set{"shop-app-1.0-1.noarch.rpm"});

    fs::create_directory(shop.packages / "a");
    const auto twice =
        tests::make_package(shop.packages / "a", "shop-db", "1.0", &shop.package_key, {{"/etc/other", "x"}});
    CHECK(refusal(Fault::Conflict,
                  [&] {
                      repository.add({shop.app("shop-db", "1.0"), twice}, ChannelName("dev"), noon);
                  }) == "package 'shop-db-1.0-1.noarch' was given twice with other content; a published "
                        "package never changes, build it with a "
                        "new version or release");
    CHECK(repository.verify() == List{});
}

TEST_CASE("a package that is unsigned, altered or signed by a stranger is refused, and nothing of its "
          "company is kept",
          "[law-11]") {
    const Shop shop;
    auto repository = shop.open();
    const auto good = shop.app("shop-db", "1.0");
    const auto refuse = [&](Fault fault, const fs::path& file) {
        const std::string sentence = refusal(fault, [&] {
            repository.add({good, file}, ChannelName("dev"), noon);
        });
        CHECK(repository.channels().empty());
        CHECK(offered(shop.place, "dev").empty());
        CHECK(repository.verify() == List{});
        return sentence;
    };
    const auto bare = tests::make_package(shop.packages, "bare", "1.0", nullptr);
    CHECK(refuse(Fault::Denied, bare).starts_with("package 'bare-1.0-1.noarch.rpm' is not signed"));

    const auto stranger = rpm::SigningKey::generate(base::KeyKind::Ed25519, 1'700'000'000, "Stranger");
    const auto foreign = tests::make_package(shop.packages, "foreign", "1.0", &stranger);
    CHECK(refuse(Fault::Denied, foreign)
              .starts_with("package 'foreign-1.0-1.noarch.rpm' is signed by a key that is not trusted"));

    const auto altered = shop.app("altered", "1.0");
    std::fstream(altered, std::ios::in | std::ios::out | std::ios::binary).seekp(-20, std::ios::end).put('x');
    CHECK(refuse(Fault::Corrupt, altered).find("altered-1.0-1.noarch.rpm") != std::string::npos);

    CHECK(refuse(Fault::NotFound, shop.packages / "none.rpm") ==
          "package file '" + (shop.packages / "none.rpm").native() +
              "' cannot be read: No such file or directory");
    CHECK(refusal(Fault::Input, [&] { repository.add({}, ChannelName("dev"), noon); }) ==
          "no package was given for channel 'dev'; name at least one .rpm file");
}

TEST_CASE("promotion without names makes a channel hold exactly what another holds") {
    const Shop shop;
    shop.add("shop-app", "1.0", "dev");
    auto repository = shop.open();
    CHECK(names(repository.promote(ChannelName("dev"), ChannelName("stable"), {}, noon)) ==
          List{"shop-app-1.0-1.noarch"});
    shop.add("shop-app", "2.0", "dev");
    CHECK(offered(shop.place, "stable") == Set{"shop-app-1.0-1.noarch.rpm"});
    CHECK(names(repository.promote(ChannelName("dev"), ChannelName("stable"), {}, noon)) ==
          List{"shop-app-2.0-1.noarch"});
    CHECK(offered(shop.place, "stable") == offered(shop.place, "dev"));
    CHECK(repo::shown_by(shop.place, ChannelName("stable")) ==
          repo::shown_by(shop.place, ChannelName("dev")));
    CHECK(repository.promote(ChannelName("dev"), ChannelName("stable"), {}, noon).empty());
    CHECK(repository.verify() == List{});
}

TEST_CASE("a package that moved on by promotion survives the next writers") {
    const Shop shop;
    shop.add("shop-old", "1.0", "stable");
    shop.add("shop-app", "1.0", "dev");
    // The snapshot that brought shop-old is shown by no channel any more.
    shop.open().promote(ChannelName("dev"), ChannelName("stable"), {}, noon);
    shop.add("shop-app", "2.0", "dev");
    shop.add("shop-app", "3.0", "dev");
    auto repository = shop.open();
    CHECK(repository.package_file(base::sha256_of_file(shop.packages / "shop-old-1.0-1.noarch.rpm"))
              .has_value());
    CHECK(repository.verify() == List{});
}

TEST_CASE("promotion with names moves the newest of each name and leaves the rest") {
    const Shop shop;
    for (const char* version : {"1.0", "2.0"}) {
        shop.add("shop-app", version, "dev");
        shop.add("shop-db", version, "dev");
    }
    shop.add("shop-web", "1.0", "stable");
    auto repository = shop.open();
    CHECK(names(repository.promote(ChannelName("dev"), ChannelName("stable"), {"shop-db", "shop-db"},
                                   noon)) == List{"shop-db-2.0-1.noarch"});
    CHECK(offered(shop.place, "stable") == Set{"shop-db-2.0-1.noarch.rpm", "shop-web-1.0-1.noarch.rpm"});
    CHECK(repository.promote(ChannelName("dev"), ChannelName("stable"), {"shop-db"}, noon).empty());
    CHECK(refusal(Fault::NotFound, [&] {
              repository.promote(ChannelName("dev"), ChannelName("stable"), {"shop-app", "shop-cache"}, noon);
          }) == "package 'shop-cache' is not in channel 'dev'; see 'tiercel repo list --channel dev'");
    CHECK(offered(shop.place, "stable").size() == 2);
    CHECK(refusal(Fault::Input, [&] {
              repository.promote(ChannelName("dev"), ChannelName("dev"), {}, noon);
          }) == "channel 'dev' cannot be promoted to itself; name another channel");
    CHECK(repository.verify() == List{});
}

TEST_CASE("a channel that is not there is named together with those that are") {
    const Shop shop;
    const std::string place = shop.place.native();
    CHECK(refusal(Fault::NotFound, [&] { shop.open().list(ChannelName("dev")); }) ==
          "channel 'dev' is not in repository '" + place +
              "', which has none yet; 'tiercel repo add --channel dev' makes it");
    shop.add("shop-app", "1.0", "dev");
    shop.add("shop-app", "1.0", "test");
    CHECK(refusal(Fault::NotFound, [&] {
              shop.open().promote(ChannelName("prod"), ChannelName("x"), {}, noon);
          }) == "channel 'prod' is not in repository '" + place + "'; it has 'dev', 'test'");
}

TEST_CASE("hundreds of packages, one by one or at once, give the same offer") {
    const Shop shop;
    std::vector<fs::path> all;
    for (int at = 0; at < 300; ++at) {
        all.push_back(tests::make_package(shop.packages, "many", std::to_string(at), &shop.package_key));
    }
    auto repository = shop.open();
    repository.add({all.begin(), all.begin() + 290}, ChannelName("one-by-one"), noon);
    for (auto at = all.begin() + 290; at != all.end(); ++at) {
        repository.add({*at}, ChannelName("one-by-one"), noon);
    }
    repository.add(all, ChannelName("at-once"), noon);
    CHECK(offered(shop.place, "one-by-one").size() == 300);
    CHECK(offered(shop.place, "one-by-one") == offered(shop.place, "at-once"));
    CHECK(repository.newest(ChannelName("at-once"), "many")->nevra.evr.version == "299");
    CHECK(repository.verify() == List{});
}

TEST_CASE("a repository begins in a directory of its own, with keys that fit") {
    const Shop shop;
    const auto create = [&](const fs::path& where, const std::string& pem) {
        repo::Repository::create(where, shop.directory.path() / "keys/package.key", {pem}, noon);
    };
    const std::string pem = shop.release_key.public_key().pem();
    CHECK(refusal(Fault::Conflict, [&] { create(shop.packages.parent_path(), pem); }) ==
          "'" + shop.packages.parent_path().native() +
              "' is not empty; a repository begins in a directory of its own");
    CHECK(refusal(Fault::Input,
                  [&] {
                      create(shop.directory.path() / "b",
                             base::PrivateKey::generate(base::KeyKind::EcdsaP256).public_key().pem());
                  }) == "a release key is of kind ed25519, but one of those given for '" +
                            (shop.directory.path() / "b").native() +
                            "' is not; make one with 'tiercel key new'");
    CHECK_FALSE(fs::exists(shop.directory.path() / "b"));
    CHECK(refusal(Fault::NotFound, [&] { repo::Repository::open(shop.directory.path() / "b"); }) ==
          "'" + (shop.directory.path() / "b").native() +
              "' is no repository; make one with 'tiercel repo init " +
              (shop.directory.path() / "b").native() + "'");
    fs::create_directory(shop.directory.path() / "c");
    create(shop.directory.path() / "c/", pem); // an empty directory and a slash are as good
    CHECK(repo::Repository::open(shop.directory.path() / "c").release_keys().at(0).pem() == pem);
}

TEST_CASE("repository.toml is read strictly") {
    const Shop shop;
    const fs::path file = shop.place / "repository.toml";
    CHECK(base::SystemFiles().read(file).ends_with("key = \"../keys/package.key\"\n"));
    base::SystemFiles().write(file, "format = 2\n");
    CHECK(refusal(Fault::Input, [&] { shop.open(); }) ==
          file.native() + ":1: the repository has format 2, but this program knows format 1; update it");
    base::SystemFiles().write(file, "format = 1\nkey = \"k\"\nkeys = 1\n");
    CHECK(refusal(Fault::Input, [&] { shop.open(); }) ==
          file.native() + ":3: unknown key 'keys'; did you mean 'key'?");
}

TEST_CASE("a project that is moved as a whole still publishes") {
    const Shop shop;
    shop.add("shop-app", "1.0", "dev");
    const fs::path moved = shop.directory.path() / "moved";
    fs::create_directory(moved);
    fs::rename(shop.place, moved / "repository");
    fs::rename(shop.directory.path() / "keys", moved / "keys");
    auto repository = repo::Repository::open(moved / "repository");
    repository.add({shop.app("shop-app", "2.0")}, ChannelName("dev"), noon);
    CHECK(offered(moved / "repository", "dev").size() == 2);
}

TEST_CASE("a second writer waits no longer than it may and says who holds the repository") {
    const Shop shop;
    const repo::WriterLock lock(shop.place);
    CHECK(refusal(Fault::Conflict, [&] { const repo::WriterLock second(shop.place, base::Duration(0)); }) ==
          "repository '" + shop.place.native() + "' is being changed by process " +
              std::to_string(::getpid()) + " (test_repo); try again when it is done");
    CHECK(shop.open().channels().empty()); // a reader does not wait
}

TEST_CASE("two processes that publish at the same time take turns and lose nothing") {
    const Shop shop;
    const auto publish = [&](const std::string& name) {
        for (int version = 1; version <= 5; ++version) {
            shop.add(name, std::to_string(version), "dev");
        }
    };
    const pid_t child = ::fork();
    if (child == 0) {
        int code = 0;
        try {
            publish("theirs");
        } catch (const std::exception&) {
            code = 1;
        }
        ::_exit(code);
    }
    publish("ours");
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    CHECK(status == 0);
    CHECK(offered(shop.place, "dev").size() == 10);
    CHECK(shop.open().list(ChannelName("dev")).size() == 10);
    CHECK(shop.open().verify() == List{});
}

TEST_CASE("a program that has the repository open sees what another one publishes") {
    const Shop shop;
    const auto reader = shop.open();
    CHECK(reader.channels().empty());
    shop.add("shop-app", "1.0", "dev");
    CHECK(reader.newest(ChannelName("dev"), "shop-app").has_value());
    shop.add("shop-app", "2.0", "dev");
    CHECK(reader.newest(ChannelName("dev"), "shop-app")->nevra.evr.version == "2.0");
}

TEST_CASE("who adds packages sees each before anything is published, and may refuse it") {
    const Shop shop;
    repo::Repository repository = shop.open();
    const std::vector<std::filesystem::path> fresh{shop.app("shop-app", "1.0"), shop.app("shop-db", "1.0")};
    std::vector<std::string> seen;
    CHECK_THROWS_AS(repository.add(fresh, ChannelName("dev"), noon,
                                   [&](const repo::PoolEntry& package) {
                                       seen.push_back(package.nevra.name);
                                       if (package.nevra.name == "shop-db") {
                                           throw base::Error(base::Fault::Input, std::string("no"));
                                       }
                                   }),
                    base::Error);
    CHECK(seen == std::vector<std::string>{"shop-app", "shop-db"});
    CHECK(repository.channels().empty());
}
