// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "repo/manifest.hpp"

#include "base/json.hpp"
#include "repo/pool.hpp"
#include "tests/catch.hpp"
#include "tests/refusal.hpp"

#include <functional>

using tests::refusal;

namespace {

repo::ManifestPackage package(const std::string& name) {
    repo::ManifestPackage made;
    made.nevra = base::Nevra{name, {0, "1.0", "1"}, "noarch"};
    made.digest = base::sha256(name);
    made.bytes = 1234;
    made.path = repo::pool_path(made.digest, made.nevra);
    return made;
}

repo::Manifest shop() {
    repo::Manifest manifest{base::ReleaseName("shop/1.0"),
                            base::from_rfc3339("2026-11-20T12:00:00.000Z"),
                            "stable",
                            base::Object{{"name", "shop"}, {"components", base::Array{}}},
                            {{"rolling", "return workflow {}"}},
                            {package("shop-app"), package("shop-db")}};
    manifest.packages[0].about = rpm::About{};
    manifest.packages[0].about->name = "shop-app";
    manifest.packages[0].about->kind = "app";
    return manifest;
}

/// What a reader says about the shop's manifest after `change` was made to its record.
std::string refused(const std::function<void(base::Object&)>& change) {
    base::Value document = shop().to_value();
    change(*document.object());
    const std::string text = base::to_json(document);
    return refusal(base::Fault::Input,
                   [&] { repo::Manifest::from_value(base::parse_json(text, "m.json"), "m.json"); });
}

base::Object& first_package(base::Object& manifest) {
    return *manifest.find("packages")->array()->at(0).object();
}

} // namespace

TEST_CASE("a manifest comes back from its own text") {
    const repo::Manifest manifest = shop();
    const std::string text = base::to_json(manifest.to_value());
    const repo::Manifest again = repo::Manifest::from_value(base::parse_json(text, "m.json"), "m.json");
    CHECK(base::to_json(again.to_value()) == text);
    CHECK(again.release.str() == "shop/1.0");
    REQUIRE(again.find("shop-db") != nullptr);
    CHECK(again.find("shop-db")->nevra == manifest.packages[1].nevra);
    CHECK_FALSE(again.find("shop-db")->about.has_value());
    REQUIRE(again.find("shop-app")->about.has_value());
    CHECK(again.find("shop-web") == nullptr);
}

TEST_CASE("members that a newer program added to a manifest are ignored") {
    base::Value document = shop().to_value();
    document.object()->set("sources", base::Array{});
    CHECK(repo::Manifest::from_value(document, "m.json").packages.size() == 2);
}

TEST_CASE("a manifest that is wrong is refused with the place and the reason") {
    CHECK(refused([](auto& m) { m.set("format", 2); }) ==
          "m.json:1: the release manifest has format 2, but this program reads format 1; update it");
    CHECK(refused([](auto& m) { m.set("application", "shop"); }) ==
          "m.json:1: 'application' is a string, but must be a record");
    CHECK(refused([](auto& m) {
              std::erase_if(m.members, [](auto& one) { return one.name == "application"; });
          }).ends_with("'application' is missing"));
    CHECK(refused([](auto& m) { m.set("packages", base::Array{}); }) ==
          "m.json:1: release 'shop/1.0' has no packages");
    CHECK(refused([](auto& m) { first_package(m).set("name", "shop-web"); }) ==
          "m.json:1: package 'shop-web' has the nevra of 'shop-app'");
    CHECK(refused([](auto& m) { first_package(m).set("path", "pool/../../etc/shadow"); })
              .starts_with(
                  "m.json:1: package 'shop-app' lies at 'pool/../../etc/shadow', but its place is 'pool/"));
    CHECK(refused([](auto& m) {
              auto& list = *m.find("packages")->array();
              std::swap(list.at(0), list.at(1));
          }) ==
          "m.json:1: package 'shop-app' stands after 'shop-db'; packages are sorted by name, one of each");
    CHECK(refused([](auto& m) {
              auto& list = *m.find("packages")->array();
              list.push_back(list.at(1));
          }) ==
          "m.json:1: package 'shop-db' stands after 'shop-db'; packages are sorted by name, one of each");
    CHECK(refused([](auto& m) { first_package(m).find("about")->object()->set("name", "shop-db"); }) ==
          "m.json:1: package 'shop-app' carries the description of 'shop-db'");
    // The words of the ground floor, with the place in front.
    CHECK(refused([](auto& m) { m.set("release", "shop"); }).starts_with("m.json:1: "));
    CHECK(refused([](auto& m) { m.set("created", "yesterday"); }).starts_with("m.json:1: "));
    CHECK(refused([](auto& m) { m.set("channel", "a/b"); }).starts_with("m.json:1: "));
    CHECK(refused([](auto& m) { first_package(m).set("sha256", "abc"); }).starts_with("m.json:1: "));
    CHECK(refused([](auto& m) { first_package(m).set("bytes", 0); }).starts_with("m.json:1: "));
}

TEST_CASE("a signed release verifies with its key and no other", "[law-11]") {
    const auto key = base::PrivateKey::generate(base::KeyKind::Ed25519);
    const auto other = base::PrivateKey::generate(base::KeyKind::Ed25519);
    const auto made = repo::SignedManifest::sign(shop(), key);
    const auto again = repo::SignedManifest::parse(made.json(), "1.0.json");
    CHECK(again.payload == made.payload);
    CHECK(again.digest() == base::sha256(made.payload));
    CHECK(again.verified({other.public_key(), key.public_key()}).packages.size() == 2);

    const std::string sentence = "release 'shop/1.0' is not signed by a trusted release key";
    CHECK(refusal(base::Fault::Denied, [&] { again.verified({}); }) == sentence);
    CHECK(refusal(base::Fault::Denied, [&] { again.verified({other.public_key()}); }) == sentence);

    auto unsigned_one = again;
    unsigned_one.signatures.clear();
    CHECK(refusal(base::Fault::Denied, [&] { unsigned_one.verified({key.public_key()}); }) == sentence);

    auto altered = again;
    altered.payload += " ";
    CHECK(refusal(base::Fault::Denied, [&] { altered.verified({key.public_key()}); }) == sentence);

    auto garbage = again;
    garbage.payload = "{";
    CHECK(refusal(base::Fault::Denied, [&] { garbage.verified({key.public_key()}); }) ==
          "the release manifest is not signed by a trusted release key");

    // The name of a trusted key beside a signature that another key made.
    auto forged = repo::SignedManifest::sign(shop(), other);
    forged.signatures[0].key = key.public_key().fingerprint();
    CHECK(refusal(base::Fault::Denied, [&] { forged.verified({key.public_key()}); }) == sentence);
}

TEST_CASE("a signature counts only over the words that say it is over a release") {
    const auto key = base::PrivateKey::generate(base::KeyKind::Ed25519);
    auto made = repo::SignedManifest::sign(shop(), key);
    made.signatures[0].signature = key.sign(made.payload);
    CHECK(refusal(base::Fault::Denied, [&] { made.verified({key.public_key()}); }) ==
          "release 'shop/1.0' is not signed by a trusted release key");
}

TEST_CASE("only an Ed25519 key signs a release, and only a manifest that can be read") {
    const auto rsa = base::PrivateKey::generate(base::KeyKind::EcdsaP256);
    CHECK(
        refusal(base::Fault::Input, [&] { repo::SignedManifest::sign(shop(), rsa); }) ==
        "release 'shop/1.0' cannot be signed with this key: a release key is of kind ed25519; make one with "
        "'tiercel key new'");
    auto wrong = shop();
    wrong.packages.clear();
    CHECK(refusal(base::Fault::Input, [&] {
              repo::SignedManifest::sign(wrong, base::PrivateKey::generate(base::KeyKind::Ed25519));
          }) == "release 'shop/1.0': release 'shop/1.0' has no packages");
}

TEST_CASE("an envelope that is none is refused") {
    CHECK(refusal(base::Fault::Input, [] { repo::SignedManifest::parse("[]", "1.0.json"); }) ==
          "1.0.json: this is a list, but must be a record");
    CHECK(refusal(base::Fault::Input, [] { repo::SignedManifest::parse("{}", "1.0.json"); }) ==
          "1.0.json: 'payload' is missing");
    CHECK(refusal(base::Fault::Input, [] {
              repo::SignedManifest::parse(R"({"payload": "", "signatures": [{"key": "x", "signature": ""}]})",
                                          "1.0.json");
          }).starts_with("1.0.json:1: "));
}
