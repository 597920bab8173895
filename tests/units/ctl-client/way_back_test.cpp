// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// What a node keeps, and how it goes back.
#include "tests/units/ctl-client/node.hpp"

namespace {

using namespace ctl_client_tests;

} // namespace

TEST_CASE("undo brings back packages, config and services from what the node holds, without network",
          "[law-9]") {
    Node node;
    node.deploy(node.release("shop/1.0", shop("1.0")), "run-1");
    const std::string packages = node.installed();
    const Report before = node.prepare(node.release("shop/1.0", shop("1.0")));
    // Somebody changed the file by hand: what was there comes back, not what should have been.
    base::SystemFiles().write(node.root() / "etc/shop/app.conf", "by hand\n", 0600);

    auto two = shop("2.0", "port {{ settings.port }}, two\n");
    rpm::Template more = two[1].about.templates[0];
    more.to = "/etc/shop/more/more.conf";
    two[1].about.templates.push_back(more);
    two.push_back({"shop-extra-1-1.noarch", {}, {}});
    two.back().about.name = "shop-extra";
    two.back().about.kind = "app";
    node.deploy(node.release("shop/2.0", two), "run-2");
    CHECK(node.config("/etc/shop/more/more.conf") == "port 8080, two\n");

    node.packages.network_gone = true;
    node.packages.served.clear();
    node.services.log.clear();
    const Report undone = node.send("undo", {{"run", "run-2"}}, "run-2");
    REQUIRE(undone.ok);
    CHECK(member(undone, "undone") == "true");
    CHECK(node.installed() == packages);
    CHECK(node.config("/etc/shop/app.conf") == "by hand\n");
    CHECK((fs::status(node.root() / "etc/shop/app.conf").permissions() & fs::perms::mask) == fs::perms(0600));
    CHECK_FALSE(fs::exists(node.root() / "etc/shop/more"));
    CHECK(node.services.log == std::vector<std::string>{"stop app", "start app"});
    const Report again = node.send("undo", {{"run", "run-2"}}, "run-2");
    CHECK(again.ok);
    CHECK(member(again, "undone") == "false");
    // Back to nothing at all.
    REQUIRE(node.send("undo", {{"run", "run-1"}}, "run-1").ok);
    CHECK(node.installed().empty());
    CHECK(node.config("/etc/shop/app.conf") == "absent");
    CHECK(node.services.log.back() == "stop app");
}

TEST_CASE("undo of a run takes back all that it applied, and is refused after another run") {
    Node node;
    node.deploy(node.release("shop/1.0", shop("1.0")), "run-1");
    const std::string packages = node.installed();
    node.deploy(node.release("shop/2.0", shop("2.0")), "run-2");
    node.deploy(node.release("shop/3.0", shop("3.0")), "run-2");
    const Report refused = node.send("undo", {{"run", "run-1"}}, "run-1");
    CHECK(refused.code == "refused");
    CHECK(refused.reason ==
          "component 'shop/app' was changed by another run after run 'run-1'; undo that one first");
    REQUIRE(node.send("undo", {{"run", "run-2"}}, "run-2").ok);
    CHECK(node.installed() == packages);
}

TEST_CASE("a service whose restart failed is restarted by undo", "[law-9]") {
    Node node;
    node.deploy(node.release("shop/1.0", shop("1.0")), "run-1");
    const std::string two = node.release("shop/2.0", shop("2.0"));
    REQUIRE(node.prepare(two).ok);
    REQUIRE(node.send("apply", node.apply_body(two), "run-2").ok);
    node.services.broken = {"app"};
    const Report report = node.send("restart", {}, "run-2");
    CHECK(report.code == "failed");
    CHECK(report.reason == "service 'app' did not start");
    node.services.broken.clear();
    node.services.log.clear();
    CHECK(member(node.send("undo", {{"run", "run-2"}}, "run-2"), "started") == R"(["app"])");
    CHECK(node.services.log == std::vector<std::string>{"start app"});
}

TEST_CASE("an apply that was never restarted is undone without touching the service", "[law-9]") {
    Node node;
    node.deploy(node.release("shop/1.0", shop("1.0")), "run-1");
    const std::string two = node.release("shop/2.0", shop("2.0"));
    REQUIRE(node.prepare(two).ok);
    REQUIRE(node.send("apply", node.apply_body(two), "run-2").ok);
    node.services.log.clear();
    REQUIRE(node.send("undo", {{"run", "run-2"}}, "run-2").ok);
    CHECK(node.services.log.empty());
}

TEST_CASE("settle keeps two generations and the last known-good, with their package files", "[law-9]") {
    Node node;
    const auto settle = [&](const std::string& version, bool good) {
        node.deploy(node.release("shop/" + version, shop(version)), "run-" + version);
        REQUIRE(
            node.send("settle", {{"release", "shop/" + version}, {"known_good", good}}, "run-" + version).ok);
    };
    settle("1.0", true);
    for (const char* version : {"2.0", "3.0", "4.0", "5.0"}) {
        settle(version, false);
    }
    // 1.0 is the known-good, 5.0 is there, 4.0 before it; 3.0 is what the change to 4.0 came from.
    CHECK(std::distance(fs::directory_iterator(node.state.stage()), fs::directory_iterator()) == 8);
    // As when the pool has lost the packages: the dispatcher gives the manifest, the node must have the rest.
    const auto prepares = [&](const std::string& version) {
        const std::string envelope = node.release("shop/" + version, shop(version));
        std::erase_if(node.packages.served, [&](const auto& served) { return served.second != envelope; });
        return node.prepare(envelope).ok;
    };
    CHECK(prepares("1.0"));
    CHECK_FALSE(prepares("2.0"));
    const Report report = node.send("settle", {{"release", "shop/4.0"}, {"known_good", true}});
    CHECK(report.reason == "component 'shop/app' is release 'shop/5.0' here, not release 'shop/4.0'");
}

TEST_CASE("a transaction that fails half-way is repeated, and goes back when it does not succeed",
          "[law-9]") {
    Node node;
    node.deploy(node.release("shop/1.0", shop("1.0")), "run-1");
    const std::string packages = node.installed();
    const std::string two = node.release("shop/2.0", shop("2.0"));
    REQUIRE(node.prepare(two).ok);
    SECTION("the second try succeeds") {
        node.packages.failures = 1;
        CHECK(node.send("apply", node.apply_body(two), "run-2").ok);
        CHECK(node.installed().find("shop-app-2.0") == 0);
    }
    SECTION("no try succeeds") {
        node.packages.failures = 3;
        const Report report = node.send("apply", node.apply_body(two), "run-2");
        CHECK(report.code == "failed");
        CHECK(report.reason.find("No space left on device") != std::string::npos);
        CHECK(node.installed() == packages);
        CHECK(node.config("/etc/shop/app.conf") == "port 8080\n");
    }
    CHECK(node.packages.leftovers().empty());
}

TEST_CASE("another build of the same version replaces it, and undo brings the first build back") {
    Node node;
    node.deploy(node.release("shop/1.0", shop("1.0")), "run-1");
    const std::string packages = node.installed();
    auto rebuilt = shop("1.0");
    rebuilt[0].salt = "rebuilt";
    node.deploy(node.release("shop/1.1", rebuilt), "run-2");
    CHECK(node.installed() != packages);
    REQUIRE(node.send("undo", {{"run", "run-2"}}, "run-2").ok);
    CHECK(node.installed() == packages);
}

TEST_CASE("[codedeploy-agent-57] clean-up takes nothing that is there, is known to be good or is prepared") {
    Node node;
    const auto settle = [&](const std::string& version, bool good) {
        node.deploy(node.release("shop/" + version, shop(version)), "run-" + version);
        return [&node, version, good] {
            return node
                .send("settle", {{"release", "shop/" + version}, {"known_good", good}}, "run-" + version)
                .ok;
        };
    };
    REQUIRE(settle("1.0", true)());
    REQUIRE(settle("2.0", false)());
    REQUIRE(settle("3.0", false)());
    REQUIRE(settle("4.0", false)());
    const auto settle_five = settle("5.0", false);
    // Another component of this node has its packages, and waits for its turn.
    MadePackage page{"shop-web-1.0-1.noarch", {}, {}};
    page.about.name = "shop-web";
    page.about.kind = "app";
    const std::string web = node.release("shop/6.0", {page});
    const base::Object desired = node.desired(web, {}, std::nullopt, "shop/web");
    REQUIRE(
        node.send("prepare", {{"desired", desired}, {"manifest", Node::name_of(web)}}, "run-6", "shop/web")
            .ok);
    REQUIRE(settle_five());
    node.packages.network_gone = true;
    node.packages.served.clear();
    CHECK(node.send("apply", {{"desired_digest", base::sha256(base::to_json(desired)).str()}}, "run-6",
                    "shop/web")
              .ok);
    // What is there, and the last one that was good, with no network.
    std::set<std::string> held;
    base::Statement rows = node.database().prepare("SELECT nevra, file FROM held_packages");
    while (rows.step()) {
        CHECK(fs::exists(node.state.stage(base::Digest::parse(rows.text(1)))));
        held.insert(rows.text(0));
    }
    for (const char* nevra : {"shop-app-5.0-1.noarch", "shop-conf-5.0-1.noarch", "shop-app-1.0-1.noarch",
                              "shop-conf-1.0-1.noarch", "shop-web-1.0-1.noarch"}) {
        CHECK(held.contains(nevra));
    }
    CHECK_FALSE(held.contains("shop-app-2.0-1.noarch"));
}
