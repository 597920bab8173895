// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "base/toml.hpp"
#include "dispatcher/runs/past_environment.hpp"
#include "tests/refusal.hpp"
#include "tests/units/dispatcher/store.hpp"

using namespace dispatcher;
using base::Fault;

namespace {

const auto now = tests::at("12:00:00");

std::string text_with(const std::string& port, const std::string& node = "web-1") {
    return "environment = \"prod\"\nchannel = \"stable\"\n\n[[nodes]]\nname = \"" + node +
           "\"\ncomponents = [\"shop/web\"]\naddresses = { service = \"127.0.0.1\" "
           "}\n\n[settings.shop.web]\nport = " +
           port + "\n";
}

struct House {
    tests::Store store;
    runs::Environments environments{store.database};

    std::int64_t passed(const std::string& release, const std::string& settings = "v1") {
        const auto id = environments.record_known_good({.id = 0,
                                                        .environment = "prod",
                                                        .application = "shop",
                                                        .release = release,
                                                        .manifest = base::sha256(release).str(),
                                                        .environment_version = 1,
                                                        .settings = settings,
                                                        .run = "run-" + release,
                                                        .time = now});
        environments.set_current("prod", "shop", {release, "run-" + release, id, std::nullopt});
        return id;
    }
    /// As a rollback that succeeded leaves it.
    void went_back_to(const runs::KnownGood& goal) {
        environments.went_back(goal.id, "prod", "shop", "run-back");
        environments.set_current("prod", "shop", {goal.release, "run-back", goal.id, std::nullopt});
    }
    runs::KnownGood back(bool undoing = false,
                         const std::optional<std::string>& release = std::nullopt) const {
        return runs::way_back(environments, "prod", "shop", release, undoing);
    }
    void apply(const std::string& text) {
        const auto environment =
            workflows::engine::Environment::from_value(base::parse_toml(text, "prod.toml"), "prod.toml");
        environments.apply(environment, "prod.toml", text, "token:alice", now);
    }
};

} // namespace

TEST_CASE("a rollback goes to the newest known-good that is older than what runs", "[law-9]") {
    House house;
    house.passed("shop/1.0");
    house.passed("shop/2.0");
    house.passed("shop/3.0");
    CHECK(house.back().release == "shop/2.0");
    house.went_back_to(house.back());
    CHECK(house.back().release == "shop/1.0");
}

TEST_CASE("what people went back from is not known to be good any more", "[law-9]") {
    House house;
    house.passed("shop/1.0");
    house.passed("shop/2.0");
    house.went_back_to(house.back());
    house.passed("shop/3.0");
    CHECK(house.back().release == "shop/1.0");
    CHECK(house.back(false, "shop/2.0").release == "shop/2.0");
}

TEST_CASE("after a run that ended half way a rollback goes to what ran before it", "[law-9]") {
    House house;
    const auto id = house.passed("shop/1.0");
    house.environments.set_current("prod", "shop", {"shop/1.0", "run-x", id, "shop/2.0"});
    CHECK(house.back().release == "shop/1.0");
    house.environments.set_current("prod", "shop", {"shop/1.0", "run-x", id, std::nullopt});
    CHECK(house.back(true).release == "shop/1.0");
}

TEST_CASE("other settings make another known-good; the same ones again do not", "[law-9]") {
    House house;
    const auto first = house.passed("shop/1.0", "v1");
    CHECK(house.passed("shop/1.0", "v1") == first);
    CHECK(house.passed("shop/1.0", "v2") != first);
    CHECK(house.back().id == first);
}

TEST_CASE("without an older known-good a rollback is refused and says what there is") {
    House house;
    CHECK(tests::refusal(Fault::NotFound, [&] { house.back(); }) ==
          "environment 'prod' has no known-good release of 'shop' older than what it runs, nothing is known "
          "to be good there");
    house.passed("shop/1.0");
    CHECK(tests::refusal(Fault::NotFound, [&] { house.back(); }) ==
          "environment 'prod' has no known-good release of 'shop' older than 'shop/1.0', known to be good "
          "there: shop/1.0");
    CHECK(tests::refusal(Fault::NotFound, [&] { house.back(false, "shop/9.9"); }) ==
          "release 'shop/9.9' is not known to be good in environment 'prod', known to be good there: "
          "shop/1.0; deploy it instead");
}

TEST_CASE("the same text again is no new version of an environment") {
    House house;
    house.apply(text_with("8080"));
    house.apply(text_with("8080"));
    CHECK(house.environments.find("prod").version == 1);
    house.apply(text_with("8081"));
    CHECK(house.environments.find("prod").version == 2);
    CHECK(house.environments.find("prod", 1).text == text_with("8080"));
    CHECK(house.environments.all().size() == 1);
    CHECK(tests::refusal(Fault::NotFound, [&] { house.environments.find("test"); }) ==
          "environment 'test' does not exist, there are: prod; make it with 'tiercel env apply'");
    CHECK(tests::refusal(Fault::NotFound, [&] { house.environments.find("prod", 7); }) ==
          "version 7 of environment 'prod' does not exist");
}

TEST_CASE("settings of then with the nodes of now", "[law-9]") {
    House house;
    house.apply(text_with("8080", "web-1"));
    house.apply(text_with("8081", "web-2"));
    const auto environment =
        runs::with_settings_of(house.environments.find("prod", 1), house.environments.find("prod", 2).read());
    REQUIRE(environment.nodes.size() == 1);
    CHECK(environment.nodes[0].name.str() == "web-2");
    const auto settings = environment.settings(base::ComponentName("shop/web"), environment.nodes[0]);
    CHECK(settings.at("port").value == base::Value(8080));
}

TEST_CASE("settings of then may speak of a node and an application that have left since", "[law-9]") {
    House house;
    house.apply(text_with("8080", "web-1") +
                "[[nodes]]\nname = \"mail-1\"\ncomponents = [\"mail/all\"]\n"
                "addresses = { service = \"127.0.0.9\" }\n[settings.mail.all]\nport = 25\n"
                "[[override]]\nwhere = \"node=web-1\"\nsettings.shop.web.port = 8082\n");
    house.apply(text_with("8081", "web-2"));
    const auto environment =
        runs::with_settings_of(house.environments.find("prod", 1), house.environments.find("prod", 2).read());
    REQUIRE(environment.nodes.size() == 1);
    CHECK(environment.settings(base::ComponentName("shop/web"), environment.nodes[0]).at("port").value ==
          base::Value(8080));
}

TEST_CASE("components of then: one that came since is left out, one that lost its nodes is where it was",
          "[law-9]") {
    House house;
    const auto node = [](const std::string& name, const std::string& components, const std::string& address) {
        return "[[nodes]]\nname = \"" + name + "\"\ncomponents = [" + components +
               "]\naddresses = { service = \"127.0.0." + address + "\" }\n";
    };
    const std::string head = "environment = \"prod\"\nchannel = \"stable\"\n";
    house.apply(head + node("one", R"("shop/db", "mail/all")", "1") +
                node("two", R"("shop/web", "shop/old")", "2") + node("three", R"("shop/old")", "3") +
                "[external.smtp]\naddress = \"then\"\n[external.dns]\naddress = \"then\"\n");
    house.apply(
        head + node("one", R"("shop/db", "shop/new")", "11") + node("two", R"("mail/all")", "12") +
        node("four", R"("shop/web", "news/all")", "14") +
        "[external.smtp]\naddress = \"now\"\n[settings.shop.new]\nport = 1\n[settings.shop.db]\nport = 2\n"
        "[[override]]\nwhere = \"node=one\"\nsettings.shop.new.port = 3\n");
    const auto environment = runs::with_components_of(house.environments.find("prod", 1),
                                                      house.environments.find("prod", 2), "shop");
    const auto there = [&](const std::string& component) {
        std::string text;
        for (const auto* on : environment.nodes_of(base::ComponentName(component))) {
            text += on->name.str() + " " + on->addresses.at("service") + " ";
        }
        return text;
    };
    CHECK(there("shop/db") == "one 127.0.0.11 ");
    CHECK(there("shop/web") == "four 127.0.0.14 ");
    CHECK(there("shop/new").empty());
    CHECK(there("shop/old") == "three 127.0.0.3 two 127.0.0.12 ");
    CHECK(there("mail/all") == "two 127.0.0.12 "); // another application is as it is
    CHECK(there("news/all") == "four 127.0.0.14 ");
    const base::Value& external = *environment.document.object()->find("external");
    CHECK(*external.object()->find("smtp")->object()->find("address") == base::Value("now"));
    CHECK(*external.object()->find("dns")->object()->find("address") == base::Value("then"));
    CHECK(*environment.document.object()->find("settings") ==
          base::Value(base::Object{{"shop", base::Object{{"db", base::Object{{"port", 2}}}}}}));
}

TEST_CASE("a digest of settings does not depend on the order in which they were written, nor on nodes") {
    const auto digest = [](const std::string& text) {
        return runs::Environments::settings_digest(base::parse_toml(text, "prod.toml")).str();
    };
    CHECK(digest(text_with("8080", "web-1")) == digest(text_with("8080", "web-2")));
    CHECK(digest(text_with("8080")) != digest(text_with("8081")));
    CHECK(digest("[settings.a.b]\nx = 1\ny = 2\n") == digest("[settings.a.b]\ny = 2\nx = 1\n"));
}

TEST_CASE("a release that changed since it was first seen is refused") {
    House house;
    const base::ReleaseName release("shop/1.0");
    house.environments.saw_release(release, base::sha256("a"), "signed", now);
    house.environments.saw_release(release, base::sha256("a"), "signed", now);
    CHECK(
        tests::refusal(Fault::Denied,
                       [&] { house.environments.saw_release(release, base::sha256("b"), "signed", now); }) ==
        "release 'shop/1.0' has another content than at 2026-11-20T12:00:00.000Z when it was first seen; a "
        "release never changes, "
        "create a new one");
}
