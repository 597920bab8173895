// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "base/error.hpp"
#include "repo/snapshot.hpp"
#include "tests/catch.hpp"
#include "tests/refusal.hpp"
#include "tests/units/repo/shop.hpp"

#include <fstream>

namespace fs = std::filesystem;
using base::ChannelName;
using base::Fault;
using tests::noon;
using tests::refusal;
using tests::Shop;
using List = std::vector<std::string>;

namespace {

void alter(const fs::path& file) {
    std::fstream stream(file, std::ios::in | std::ios::out | std::ios::binary);
    stream.seekg(40);
    const int byte = stream.get();
    stream.seekp(40);
    stream.put(static_cast<char>(byte ^ 1));
}

struct Published : Shop {
    Published() {
        add("shop-app", "1.0", "dev");
        entry = open().newest(ChannelName("dev"), "shop-app").value();
        snapshot = repo::shown_by(place, ChannelName("dev")).value();
        repodata = place / "snapshots" / snapshot / "repodata";
    }
    void release(const std::string& name) const {
        open().store_release(repo::SignedManifest::sign(manifest(name, "dev", {"shop-app"}), release_key),
                             base::ReleaseName(name));
    }
    List verify() const { return open().verify(); }
    fs::path document(const std::string& kind) const {
        for (const auto& file : fs::directory_iterator(repodata)) {
            if (file.path().native().find(kind) != std::string::npos) {
                return file.path();
            }
        }
        return {};
    }

    repo::PoolEntry entry;
    std::string snapshot;
    fs::path repodata;
};

} // namespace

TEST_CASE("verify names a package that is missing or was altered") {
    const Published shop;
    alter(shop.place / shop.entry.path);
    CHECK(shop.verify() == List{"package shop-app-1.0-1.noarch was altered: the digest of '" +
                                shop.entry.path + "' is wrong; add it again"});
    fs::remove(shop.place / shop.entry.path);
    CHECK(shop.verify() == List{"package shop-app-1.0-1.noarch is not in the pool, '" + shop.entry.path +
                                "' is missing; add it again"});
    // The next step that it names helps.
    shop.open().add({shop.packages / "shop-app-1.0-1.noarch.rpm"}, ChannelName("dev"), noon);
    CHECK(shop.verify() == List{});
    alter(shop.place / shop.entry.path);
    shop.open().add({shop.packages / "shop-app-1.0-1.noarch.rpm"}, ChannelName("dev"), noon);
    CHECK(shop.verify() == List{});
}

TEST_CASE("verify names a package whose key is no longer trusted") {
    const Published shop;
    const auto stranger = rpm::SigningKey::generate(base::KeyKind::Ed25519, 1'700'000'000, "Stranger");
    base::SystemFiles().write(shop.place / "keys/packages.asc", stranger.certificate());
    const List wrong = shop.verify();
    REQUIRE(wrong.size() == 2);
    CHECK(wrong[0].find("shop-app-1.0-1.noarch.rpm' is signed by a key that is not trusted") !=
          std::string::npos);
    CHECK(wrong[1] == "snapshot '" + shop.snapshot +
                          "' is not signed by the repository's package keys: its repomd.xml.asc is wrong; "
                          "promote or add to its "
                          "channel again");
    // Keys that follow each other in the file all count: that is how one is replaced.
    base::SystemFiles().write(shop.place / "keys/packages.asc",
                              stranger.certificate() + shop.package_key.certificate());
    CHECK(shop.verify() == List{});
}

TEST_CASE("verify names what does not belong into the pool") {
    const Published shop;
    fs::create_directories(shop.place / "pool/00/strange");
    CHECK(shop.verify() == List{"'pool/00/strange' belongs to no package of the repository; move it away"});
}

TEST_CASE("verify names altered metadata") {
    const Published shop;
    const std::string subject = "snapshot '" + shop.snapshot + "'";
    const std::string step = "; promote or add to its channel again";
    for (const std::string kind : {"primary", "filelists", "other"}) {
        const fs::path file = shop.document(kind);
        alter(file);
        CHECK(shop.verify() == List{subject + " was altered: its " + kind +
                                    " is missing or not the one that was published" + step});
        alter(file);
    }
    alter(shop.repodata / "repomd.xml");
    CHECK(shop.verify() ==
          List{subject + " was altered: its repomd.xml is not the one that was published" + step});
    alter(shop.repodata / "repomd.xml");
    alter(shop.repodata / "repomd.xml.asc");
    CHECK(shop.verify() ==
          List{subject + " is not signed by the repository's package keys: its repomd.xml.asc is wrong" +
               step});
    alter(shop.repodata / "repomd.xml.asc");
    fs::remove(shop.repodata.parent_path() / "Packages");
    CHECK(shop.verify() == List{subject + " has no link to the pool" + step});
}

TEST_CASE("verify names a channel that shows nothing") {
    const Published shop;
    base::SystemFiles().link("../snapshots/none", shop.place / "channels/stable");
    CHECK(shop.verify() ==
          List{"channel 'stable' shows snapshot 'none', which is not there; promote another channel to it"});
    base::SystemFiles().link("../pool", shop.place / "channels/stable");
    CHECK(shop.verify() ==
          List{"channel 'stable' is no link to a snapshot, in repository '" + shop.place.native() + "'"});
}

TEST_CASE("a release is stored once, listed, and comes back as it was signed") {
    const Published shop;
    shop.release("shop/1.0");
    shop.release("shop/1.0"); // the very same is no change
    auto repository = shop.open();
    CHECK(repository.releases() == std::vector{base::ReleaseName("shop/1.0")});
    const repo::Manifest manifest =
        repository.release(base::ReleaseName("shop/1.0")).verified(repository.release_keys());
    CHECK(manifest.find("shop-app")->digest == shop.entry.digest);
    CHECK(repository.verify() == List{});
    CHECK(refusal(Fault::NotFound, [&] { repository.release(base::ReleaseName("shop/2.0")); }) ==
          "release 'shop/2.0' is not in repository '" + shop.place.native() + "'; it has 'shop/1.0'");
    const Shop fresh;
    CHECK(refusal(Fault::NotFound, [&] { fresh.open().release(base::ReleaseName("shop/2.0")); }) ==
          "release 'shop/2.0' is not in repository '" + fresh.place.native() +
              "', which has none yet; make it with 'tiercel release create shop/2.0'");
}

TEST_CASE("a release never changes") {
    const Published shop;
    shop.release("shop/1.0");
    auto other = shop.manifest("shop/1.0", "dev", {"shop-app"});
    other.workflows["rolling"] = "return workflow {}";
    const auto again = repo::SignedManifest::sign(other, shop.release_key);
    CHECK(
        refusal(Fault::Conflict, [&] { shop.open().store_release(again, base::ReleaseName("shop/1.0")); }) ==
        "release 'shop/1.0' exists already with other content; a release never changes, take a new name");
    CHECK(refusal(Fault::Input, [&] { shop.open().store_release(again, base::ReleaseName("shop/1.1")); }) ==
          "the manifest of release 'shop/1.0' cannot be stored as 'shop/1.1'");
}

TEST_CASE("a release that no release key of the repository signed is refused", "[law-11]") {
    const Published shop;
    const auto stranger = base::PrivateKey::generate(base::KeyKind::Ed25519);
    const auto forged = repo::SignedManifest::sign(shop.manifest("shop/1.0", "dev", {"shop-app"}), stranger);
    CHECK(refusal(Fault::Denied, [&] { shop.open().store_release(forged, base::ReleaseName("shop/1.0")); }) ==
          "release 'shop/1.0' is not signed by a trusted release key");
    CHECK(shop.open().releases().empty());
}

TEST_CASE("a release whose package is gone is refused, and verify names it") {
    const Published shop;
    shop.release("shop/1.0");
    fs::remove(shop.place / shop.entry.path);
    const auto manifest = shop.manifest("shop/1.1", "dev", {"shop-app"});
    CHECK(refusal(Fault::NotFound,
                  [&] {
                      shop.open().store_release(repo::SignedManifest::sign(manifest, shop.release_key),
                                                base::ReleaseName("shop/1.1"));
                  }) == "release 'shop/1.1' needs shop-app-1.0-1.noarch, which is not in the pool; add it "
                        "with 'tiercel repo add', then create "
                        "the release again");
    const List wrong = shop.verify();
    REQUIRE(wrong.size() == 2);
    CHECK(wrong[1] == "release 'shop/1.0' needs shop-app-1.0-1.noarch, which is not in the pool; add it "
                      "again or make a new release "
                      "without it");

    auto other = manifest;
    other.packages[0].digest = base::sha256("another build");
    other.packages[0].path = repo::pool_path(other.packages[0].digest, other.packages[0].nevra);
    CHECK(refusal(Fault::NotFound,
                  [&] {
                      shop.open().store_release(repo::SignedManifest::sign(other, shop.release_key),
                                                base::ReleaseName("shop/1.1"));
                  }) == "release 'shop/1.1' needs shop-app-1.0-1.noarch, which is in the pool with other "
                        "content; create the release anew "
                        "from a channel that has it");
}

TEST_CASE("verify names a release that was altered or stands under another's name") {
    const Published shop;
    shop.release("shop/1.0");
    fs::copy_file(shop.place / "releases/shop/1.0.json", shop.place / "releases/shop/2.0.json");
    CHECK(shop.verify() ==
          List{"the file of release 'shop/2.0' holds release 'shop/1.0'; put the right one back"});
    std::string text = base::SystemFiles().read(shop.place / "releases/shop/2.0.json");
    text.replace(text.find("dev"), 3, "pro");
    base::SystemFiles().write(shop.place / "releases/shop/2.0.json", text);
    CHECK(shop.verify() == List{"release 'shop/1.0' is not signed by a trusted release key"});
}
