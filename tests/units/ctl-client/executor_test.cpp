// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "dispatcher/protocol/messages.hpp"
#include "tests/units/ctl-client/node.hpp"

namespace {

using namespace ctl_client_tests;

} // namespace

TEST_CASE("a first release is prepared, applied and started") {
    Node node;
    const std::string envelope = node.release("shop/1.0", shop("1.0"));
    const Report prepared = node.prepare(envelope);
    REQUIRE(prepared.ok);
    CHECK(member(prepared, "changed") == "true");
    CHECK(member(prepared, "installed") == "false");
    CHECK(member(prepared, "packages") ==
          R"([{"name":"shop-app","from":null,"to":"shop-app-1.0-1.noarch"},)"
          R"({"name":"shop-conf","from":null,"to":"shop-conf-1.0-1.noarch"}])");
    CHECK(
        member(prepared, "config") ==
        R"([{"path":"/etc/shop/app.conf","diff":"--- /etc/shop/app.conf\n+++ /etc/shop/app.conf\n@@ -0,0 +1 @@\n+port 8080\n"}])");
    CHECK(member(prepared, "start") == R"(["app"])");
    // Nothing is touched before apply.
    CHECK(node.installed().empty());
    CHECK(node.config("/etc/shop/app.conf") == "absent");
    CHECK(member(node.send("drain"), "drained") == "false");

    base::Object body = node.apply_body(envelope);
    body.set("present", *prepared.detail.object()->find("present"));
    const Report applied = node.send("apply", body);
    REQUIRE(applied.ok);
    CHECK(node.config("/etc/shop/app.conf") == "port 8080\n");
    CHECK(node.services.log.empty());
    CHECK(member(node.send("restart"), "started") == R"(["app"])");
    CHECK(node.services.log == std::vector<std::string>{"start app"});
    CHECK(member(node.send("restart"), "started") == "[]");

    const Report drained = node.send("drain");
    CHECK(member(drained, "drained") == "true");
    CHECK(node.paused == std::chrono::seconds(5));
}

TEST_CASE("a changed package, definition or text restarts its service, and the plan says why") {
    Node node;
    node.deploy(node.release("shop/1.0", shop("1.0")), "run-1");

    SECTION("the text of a template") {
        const Report report = node.prepare(node.release("shop/1.1", shop("1.0")), {{"port", 9090}});
        CHECK(member(report, "restart") == R"(["app"])");
        CHECK(member(report, "restart_why") == R"({"app":"config '/etc/shop/app.conf' changed"})");
        CHECK(member(report, "packages") == "[]");
    }
    SECTION("the package that brings it") {
        const Report report = node.prepare(node.release("shop/2.0", {shop("2.0")[0], shop("1.0")[1]}));
        CHECK(member(report, "restart_why") ==
              R"({"app":"package 'shop-app-1.0-1.noarch' became 'shop-app-2.0-1.noarch'"})");
        CHECK(member(report, "config") == "[]");
    }
    SECTION("its definition") {
        auto made = shop("1.0");
        made[0].about.kind = "config"; // else the package itself is the reason
        node.deploy(node.release("shop/1.1", made), "run-2");
        made[0].about.services[0].start = {"/opt/app", "--fast"};
        const Report report = node.prepare(node.release("shop/1.2", made));
        CHECK(member(report, "restart_why") == R"({"app":"its definition changed"})");
    }
    SECTION("nothing of it") {
        const Report report = node.prepare(node.release("shop/1.1", shop("1.0")));
        CHECK(member(report, "changed") == "false");
        CHECK(member(report, "restart") == "[]");
    }
}

TEST_CASE(
    "a template that names a service for reload reloads it, and one that cannot be reloaded is restarted") {
    Node node;
    const auto made = [](const std::string& version, bool can_reload) {
        auto packages = shop(version, "release {{ release }}\n");
        packages[0].about.kind = "config";
        if (can_reload) {
            packages[0].about.services[0].reload = rpm::Signal{"HUP"};
        }
        packages[1].about.templates[0].restart.clear();
        packages[1].about.templates[0].reload = {"app"};
        return packages;
    };
    const bool can_reload = GENERATE(true, false);
    node.deploy(node.release("shop/1.0", made("1.0", can_reload)), "run-1");
    node.services.log.clear();
    const std::string two = node.release("shop/2.0", made("2.0", can_reload));
    CHECK(member(node.prepare(two), can_reload ? "reload" : "restart") == R"(["app"])");
    REQUIRE(node.send("apply", node.apply_body(two)).ok);
    CHECK(member(node.send("restart"), can_reload ? "reloaded" : "restarted") == R"(["app"])");
    CHECK(node.services.log == (can_reload ? std::vector<std::string>{"reload app"}
                                           : std::vector<std::string>{"stop app", "start app"}));
}

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

TEST_CASE("only what a pinned release key signed is prepared", "[law-11]") {
    Node node;
    const base::PrivateKey stranger = base::PrivateKey::generate(base::KeyKind::Ed25519);
    const std::string good = node.release("shop/1.0", shop("1.0"));
    const std::string foreign = node.release("shop/1.0", shop("1.0"), &stranger);
    const auto prepare = [&](base::Object desired, const std::string& envelope) {
        const Report report =
            node.send("prepare", {{"desired", std::move(desired)}, {"manifest", Node::name_of(envelope)}});
        CHECK(report.code == "refused");
        CHECK(fs::is_empty(node.state.stage())); // no package was fetched
        return report.reason;
    };
    CHECK(prepare(node.desired(foreign), foreign).find("is not signed by a trusted release key") !=
          std::string::npos);
    // A signed manifest and an order that do not agree: either alone is not enough.
    base::Object other = node.desired(good);
    other.set("packages", std::vector<std::string>{"evil-1-1.noarch"});
    CHECK(prepare(other, good) == "package 'evil-1-1.noarch' is not in the signed manifest of release "
                                  "'shop/1.0'; the order is refused");
    other.set("packages", std::vector<std::string>{"shop-app-6.6-1.noarch"});
    CHECK(prepare(other, good) == "package 'shop-app-6.6-1.noarch' is not in the signed manifest of release "
                                  "'shop/1.0'; the order is refused");
    other = node.desired(good);
    other.set("manifest", base::sha256("another").str());
    CHECK(prepare(other, good) == "the order wants release 'shop/1.0' by another manifest than the signed "
                                  "one it names; it is refused");
    other = node.desired(good, {}, std::nullopt, "bank/app");
    const Report report =
        node.send("prepare", {{"desired", other}, {"manifest", Node::name_of(good)}}, "run-1", "bank/app");
    CHECK(report.reason ==
          "component 'bank/app' is not of the application of release 'shop/1.0'; the order is refused");
}

TEST_CASE("a release whose manifest is larger than a message is prepared, and its signature is checked",
          "[law-11]") {
    Node node;
    auto made = shop("1.0");
    for (int number = 0; number < 8000; ++number) {
        MadePackage package{fmt::format("shop-part-{:04}-1.0-1.noarch", number), {}, {}};
        package.about.name = fmt::format("shop-part-{:04}", number);
        package.about.kind = "app";
        made.push_back(std::move(package));
    }
    const base::PrivateKey stranger = base::PrivateKey::generate(base::KeyKind::Ed25519);
    const auto prepare = [&](const std::string& envelope) {
        REQUIRE(envelope.size() > 2 * dispatcher::protocol::max_frame_bytes);
        const base::Object desired =
            node.desired(envelope, {}, std::vector<std::string>{"shop-app", "shop-conf"});
        const Order order =
            node.make_order("prepare", {{"desired", desired}, {"manifest", Node::name_of(envelope)}});
        // Over the wire and back.
        dispatcher::protocol::FrameReader frames;
        frames.add(dispatcher::protocol::frame(
            dispatcher::protocol::encode(dispatcher::protocol::OrderSent{order.text()})));
        const auto message = dispatcher::protocol::decode(*frames.next());
        return node.send(Order::parse(std::get<dispatcher::protocol::OrderSent>(message).text));
    };
    const Report foreign = prepare(node.release("shop/1.0", made, &stranger));
    CHECK(foreign.code == "refused");
    CHECK(foreign.reason.find("is not signed by a trusted release key") != std::string::npos);
    CHECK(fs::is_empty(node.state.stage()));
    CHECK(prepare(node.release("shop/1.0", made)).ok);
}

TEST_CASE("a manifest that is held is not fetched again, and goes with the run", "[law-9]") {
    Node node;
    const std::string envelope = node.release("shop/1.0", shop("1.0"));
    const base::Object body{{"desired", node.desired(envelope)}, {"manifest", Node::name_of(envelope)}};
    base::Object plan = body;
    plan.set("plan", true);
    REQUIRE(node.send("prepare", plan).ok);
    node.packages.network_gone = true;
    REQUIRE(node.send("prepare", body).ok);
    REQUIRE(node.send("apply", node.apply_body(envelope)).ok);
    CHECK_FALSE(fs::is_empty(node.state.manifests()));
    REQUIRE(node.send("settle", {{"release", "shop/1.0"}, {"known_good", true}}).ok);
    CHECK(fs::is_empty(node.state.manifests()));
}

TEST_CASE("a prepare without the name of a manifest, or with an impossible one, is refused in a sentence") {
    Node node;
    const base::Object desired = node.desired(node.release("shop/1.0", shop("1.0")));
    const Report none = node.send("prepare", {{"desired", desired}});
    CHECK(none.reason.find("'manifest' is missing") != std::string::npos);
    const Report large = node.send("prepare", {{"desired", desired},
                                               {"manifest", base::Object{{"digest", base::sha256("x").str()},
                                                                         {"bytes", std::int64_t{1} << 40}}}});
    CHECK(large.reason.find("'body.manifest.bytes' is 1099511627776, but must be from 1 to 16777216") !=
          std::string::npos);
    CHECK(node.packages.fetched == 0);
}

TEST_CASE("a package that calls itself otherwise than the signed manifest is refused", "[law-11]") {
    Node node;
    auto made = shop("1.0");
    const std::string envelope = node.release("shop/1.0", made);
    repo::Manifest manifest = repo::SignedManifest::parse(envelope, "m").verified(node.trusted);
    manifest.packages[0].nevra.evr.version = "0.9";
    manifest.packages[0].path = repo::pool_path(manifest.packages[0].digest, manifest.packages[0].nevra);
    const std::string wrong = repo::SignedManifest::sign(manifest, node.release_key).json();
    node.packages.served["net:" + base::sha256(wrong).str()] = wrong;
    const Report report = node.prepare(wrong);
    CHECK(report.code == "refused");
    CHECK(report.reason == "the signed manifest calls a package 'shop-app-0.9-1.noarch', but the package "
                           "calls itself 'shop-app-1.0-1.noarch'; it is refused");
}

TEST_CASE("apply is refused when it was not prepared, or when something else is there than was planned for",
          "[law-13]") {
    Node node;
    const std::string one = node.release("shop/1.0", shop("1.0"));
    CHECK(node.send("apply", node.apply_body(one)).reason ==
          "component 'shop/app' was not prepared for this; prepare it first");
    node.deploy(one, "run-1");
    const std::string two = node.release("shop/2.0", shop("2.0"));
    const Report prepared = node.prepare(two);
    base::SystemFiles().write(node.root() / "etc/shop/app.conf", "moved since\n");
    base::Object body = node.apply_body(two);
    body.set("present", *prepared.detail.object()->find("present"));
    const Report report = node.send("apply", body);
    CHECK(report.code == "refused");
    CHECK(report.reason == "component 'shop/app' is not as it was when this was planned; plan again");
    CHECK(node.config("/etc/shop/app.conf") == "moved since\n");
}

TEST_CASE("a preparation that fails changes nothing and says what to do", "[law-8]") {
    Node node;
    node.deploy(node.release("shop/1.0", shop("1.0")), "run-1");
    const std::string installed = node.installed();
    const auto reason = [&](const std::string& envelope, base::Object settings = {}) {
        const Report report = node.prepare(envelope, std::move(settings));
        CHECK_FALSE(report.ok);
        CHECK(node.installed() == installed);
        CHECK(node.config("/etc/shop/app.conf") == "port 8080\n");
        return report.reason;
    };
    const std::string two = node.release("shop/2.0", shop("2.0"));
    SECTION("the disk is full") {
        node.files.set_free_bytes(1000);
        CHECK(reason(two).find("has 1000 free of which 16777216 stay reserved; make room") !=
              std::string::npos);
        CHECK(node.packages.fetched == 3); // of 1.0: a manifest and two packages
    }
    SECTION("the network is gone") {
        node.packages.network_gone = true;
        CHECK(reason(two).find("no answer from") != std::string::npos);
    }
    SECTION("rpm objects") {
        node.packages.objections = {"installing package shop-app needs 4MB more space on the / filesystem"};
        CHECK(reason(two) == "installing package shop-app needs 4MB more space on the / filesystem");
    }
    SECTION("a name in a template is undefined") {
        CHECK(reason(node.release("shop/2.0", shop("2.0", "{{ settings.prot }}\n"))).find("prot") !=
              std::string::npos);
    }
    SECTION("a setting is unknown or out of bounds") {
        CHECK(reason(two, {{"prot", 1}}).find("did you mean 'port'?") != std::string::npos);
        CHECK(reason(two, {{"port", 70000}}).find("setting 'port' is 70000, but must be a port") !=
              std::string::npos);
    }
    SECTION("a setting without a default is missing") {
        auto made = shop("2.0");
        made[0].about.settings[0].absent = {};
        CHECK(reason(node.release("shop/2.0", made))
                  .find("setting 'port' of package 'shop-app' is missing; set it in the environment") !=
              std::string::npos);
    }
    SECTION("a config is not valid") {
        auto made = shop("2.0");
        made[1].about.templates[0].validate = {{"lint", "{{ file }}"}};
        node.programs.answer("lint", fakes::ended(1, "", "line 1: no such word\n"));
        const std::string said = reason(node.release("shop/2.0", made));
        CHECK(said.find("config '/etc/shop/app.conf' of package 'shop-conf-2.0-1.noarch' is not valid") !=
              std::string::npos);
        CHECK(said.find("ended with 1: line 1: no such word") != std::string::npos);
        CHECK(node.programs.commands().back().argv.at(1).ends_with("/candidate/etc/shop/app.conf"));
    }
    SECTION("the validator is not installed") {
        auto made = shop("2.0");
        made[1].about.templates[0].validate = {{"lint", "{{ file }}"}};
        CHECK(reason(node.release("shop/2.0", made)) ==
              "config '/etc/shop/app.conf' of package 'shop-conf-2.0-1.noarch' cannot be validated: program "
              "'lint' is not installed");
    }
    SECTION("a template names a service that nobody brings") {
        auto made = shop("2.0");
        made[1].about.templates[0].restart = {"nginx"};
        CHECK(reason(node.release("shop/2.0", made)) ==
              "config '/etc/shop/app.conf' restarts or reloads service 'nginx', which no package of "
              "component 'shop/app' brings");
    }
    SECTION("two packages bring one config or one service") {
        auto made = shop("2.0");
        made[0].about.templates = made[1].about.templates;
        made[0].templates = made[1].templates;
        CHECK(reason(node.release("shop/2.0", made)) ==
              "config '/etc/shop/app.conf' is brought by two packages of component 'shop/app'");
        made = shop("2.0");
        made[1].about.services = made[0].about.services;
        CHECK(reason(node.release("shop/2.0", made)) ==
              "service 'app' is defined by two packages of component 'shop/app'");
    }
    SECTION("the owner of a config is unknown") {
        auto made = shop("2.0");
        made[1].about.templates[0].owner = "nobody-here";
        CHECK(reason(node.release("shop/2.0", made)).find("user 'nobody-here' is unknown in") !=
              std::string::npos);
    }
    SECTION("the way back is not held any more") {
        for (const auto& entry : fs::directory_iterator(node.state.stage())) {
            base::SystemFiles().write(entry.path(), "damaged");
        }
        CHECK(reason(two).find("which the way back needs, is missing or damaged in") != std::string::npos);
    }
    SECTION("a package was installed by somebody else") {
        auto made = shop("2.0");
        made.push_back({"tool-2-1.noarch", {}, {}});
        made.back().about.name = "tool";
        made.back().about.kind = "app";
        node.packages.install_by_hand({base::Nevra::parse("tool-1-1.noarch"), "somebody's"});
        const Report report = node.prepare(node.release("shop/2.0", made));
        CHECK(report.code == "refused");
        CHECK(report.reason.find("package 'tool-1-1.noarch' was installed in") != std::string::npos);
    }
}

TEST_CASE("a package that two components need stays until the last of them goes") {
    Node node;
    auto made = shop("1.0");
    MadePackage common{"common-1-1.noarch", {}, {}};
    common.about.name = "common";
    common.about.kind = "app";
    made.push_back(common);
    const std::string envelope = node.release("shop/1.0", made);
    node.deploy(envelope, "run-1");
    const base::Object web = node.desired(envelope, {}, std::vector<std::string>{"common"}, "shop/web");
    REQUIRE(
        node.send("prepare", {{"desired", web}, {"manifest", Node::name_of(envelope)}}, "run-2", "shop/web")
            .ok);
    REQUIRE(
        node.send("apply", {{"desired_digest", base::sha256(base::to_json(web)).str()}}, "run-2", "shop/web")
            .ok);
    REQUIRE(node.send("undo", {{"run", "run-1"}}, "run-1").ok);
    CHECK(node.installed().starts_with("common-1-1.noarch"));
    CHECK(node.installed().find("shop-app") == std::string::npos);
    REQUIRE(node.send("undo", {{"run", "run-2"}}, "run-2", "shop/web").ok);
    CHECK(node.executor().generations().components().empty());
}

TEST_CASE("another application's component keeps its version of a package") {
    Node node;
    MadePackage common{"common-1-1.noarch", {}, {}};
    common.about.name = "common";
    common.about.kind = "app";
    const std::string bank = node.release("bank/1.0", {common});
    const base::Object desired = node.desired(bank, {}, std::nullopt, "bank/app");
    REQUIRE(
        node.send("prepare", {{"desired", desired}, {"manifest", Node::name_of(bank)}}, "run-1", "bank/app")
            .ok);
    REQUIRE(node.send("apply", {{"desired_digest", base::sha256(base::to_json(desired)).str()}}, "run-1",
                      "bank/app")
                .ok);
    common.nevra = "common-2-1.noarch";
    const Report report = node.prepare(node.release("shop/1.0", {common}));
    CHECK(report.code == "refused");
    CHECK(report.reason == "package 'common-1-1.noarch' is needed by component 'bank/app' on this node, "
                           "which 'shop/app' would change to "
                           "'common-2-1.noarch'");
}

TEST_CASE("a node on which a release changes nothing is of that release once the run has settled",
          "[law-9]") {
    Node node;
    node.deploy(node.release("shop/1.0", shop("1.0")), "run-1");
    REQUIRE(node.send("settle", {{"release", "shop/1.0"}, {"known_good", true}}, "run-1").ok);
    const Report prepared = node.prepare(node.release("shop/1.1", shop("1.0")), {}, "run-2");
    REQUIRE(member(prepared, "changed") == "false");
    const auto settled = [&](const std::string& run) {
        return node.send("settle", {{"release", "shop/1.1"}, {"known_good", true}}, run);
    };

    SECTION("as if it had been applied") {
        const std::string before = node.installed();
        REQUIRE(settled("run-2").ok);
        CHECK(node.installed() == before);
        const auto status = node.executor().status();
        REQUIRE(status.size() == 1);
        CHECK(status[0].release == "shop/1.1");
        CHECK(status[0].state == "known-good");
    }
    SECTION("but not by a run that did not prepare it") {
        CHECK_FALSE(settled("run-3").ok);
    }
    SECTION("nor when it was changed since") {
        base::SystemFiles().write(node.root() / "etc/shop/app.conf", "port 1\n", 0644);
        CHECK(settled("run-2").reason ==
              "component 'shop/app' is release 'shop/1.0' here, not release 'shop/1.1'");
    }
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

TEST_CASE(
    "a component that is neither here nor there after all tries is quarantined, and undo is the way out") {
    Node node;
    node.deploy(node.release("shop/1.0", shop("1.0")), "run-1");
    const std::string packages = node.installed();
    const std::string two = node.release("shop/2.0", shop("2.0"));
    REQUIRE(node.prepare(two).ok);
    node.packages.failures = 100;
    const Report report = node.send("apply", node.apply_body(two), "run-2");
    CHECK(report.code == "quarantined");
    CHECK(report.reason.find("component 'shop/app' is neither here nor there and is quarantined: unpacking "
                             "of archive failed") == 0);
    CHECK(node.prepare(two).code == "quarantined");
    node.packages.failures = 0;
    REQUIRE(node.send("undo", {{"run", "run-2"}}, "run-2").ok);
    CHECK(node.installed() == packages);
    CHECK(node.prepare(two).ok);
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

TEST_CASE("a plan prepares nothing that could be applied") {
    Node node;
    const std::string envelope = node.release("shop/1.0", shop("1.0"));
    const Report report = node.send(
        "prepare",
        {{"desired", node.desired(envelope)}, {"manifest", Node::name_of(envelope)}, {"plan", true}});
    CHECK(report.ok);
    CHECK(node.send("apply", node.apply_body(envelope)).code == "refused");
}

TEST_CASE("probes that failed, and probes that could not run, are told apart", "[law-15]") {
    Node node;
    auto made = shop("1.0");
    rpm::Probe probe;
    probe.name = "ready";
    probe.exec = rpm::Argv{"/opt/check"};
    probe.deadline = std::chrono::milliseconds(1);
    made[0].about.health = {probe};
    node.deploy(node.release("shop/1.0", made), "run-1");
    CHECK(node.send("probe").code == "inconclusive");
    CHECK(node.send("probe").reason.find("check 'ready': program '/opt/check' is not installed") == 0);
    node.programs.answer("check", fakes::ended(7));
    CHECK(node.send("probe").code == "failed");
    node.programs.uninstall("check");
    node.programs.answer("check", fakes::ended(0));
    CHECK(member(node.send("probe"), "checks") == R"([{"name":"ready","ok":true,"reason":""}])");
}

// ---- what went wrong in other systems, by the reference of the complaint (docs/complaints.md) ----

TEST_CASE("[ansible-handlers] a restart that is due stays due after a failure: it is shown, and the next run "
          "does it") {
    Node node;
    node.deploy(node.release("shop/1.0", shop("1.0")), "run-1");
    const std::string two = node.release("shop/1.1", shop("1.0"));
    const base::Object settings{{"port", 9090}};
    REQUIRE(node.prepare(two, settings).ok);
    REQUIRE(node.send("apply", node.apply_body(two, settings), "run-2").ok);
    node.services.broken = {"app"};
    CHECK(node.send("restart", {}, "run-2").code == "failed");
    // The run is over, and so is the client: the config is new, the service is not.
    node.restart_client();
    node.executor().recover();
    CHECK(node.config("/etc/shop/app.conf") == "port 9090\n");
    CHECK(node.executor().status().at(0).pending ==
          std::vector<std::string>{"service 'app': config '/etc/shop/app.conf' changed"});
    // Nothing of packages and config is left to change; what is due counts as a change all the same.
    node.services.broken.clear();
    const Report repair = node.prepare(two, settings);
    CHECK(member(repair, "packages") == "[]");
    CHECK(member(repair, "config") == "[]");
    CHECK(member(repair, "changed") == "true");
    CHECK(member(repair, "restart") == R"(["app"])");
    REQUIRE(node.send("apply", node.apply_body(two, settings), "run-3").ok);
    REQUIRE(node.send("restart", {}, "run-3").ok);
    CHECK(node.services.log.back() == "start app");
    CHECK(node.executor().status().at(0).pending.empty());
}

TEST_CASE("[ansible-check-mode] a plan says what apply then does, by what is on the node, and runs nothing") {
    Node node;
    node.deploy(node.release("shop/1.0", shop("1.0")), "run-1");
    base::SystemFiles().write(node.root() / "etc/shop/app.conf", "by hand\n");
    const std::string two = node.release("shop/2.0", shop("2.0", "port {{ settings.port }}, two\n"));
    node.services.log.clear();
    const Report planned = node.send(
        "prepare", {{"desired", node.desired(two)}, {"manifest", Node::name_of(two)}, {"plan", true}});
    REQUIRE(planned.ok);
    CHECK(node.services.log.empty());
    CHECK(node.packages.transactions == 1);
    CHECK(member(planned, "packages") ==
          R"([{"name":"shop-app","from":"shop-app-1.0-1.noarch","to":"shop-app-2.0-1.noarch"},)"
          R"({"name":"shop-conf","from":"shop-conf-1.0-1.noarch","to":"shop-conf-2.0-1.noarch"}])");
    // The difference is to what is there, not to what should be there.
    CHECK(member(planned, "config").find("-by hand") != std::string::npos);
    CHECK(member(planned, "config").find("+port 8080, two") != std::string::npos);
    CHECK(member(planned, "restart") == R"(["app"])");
    const Report prepared = node.prepare(two);
    for (const char* what : {"packages", "config", "restart", "reload", "start", "stop", "present"}) {
        CHECK(member(prepared, what) == member(planned, what));
    }
    REQUIRE(node.send("apply", node.apply_body(two), "run-2").ok);
    CHECK(node.installed().find("shop-app-2.0-1.noarch") == 0);
    CHECK(node.config("/etc/shop/app.conf") == "port 8080, two\n");
    CHECK(member(node.send("restart", {}, "run-2"), "restarted") == member(planned, "restart"));
}

TEST_CASE(
    "[codedeploy-agent-80] [codedeploy-agent-348] an order is of one run, one text and one content, and runs "
    "no other one's programs") {
    Node node;
    // Two applications, both with a program of the same name at the same point.
    auto made = shop("1.0");
    rpm::Hook hook;
    hook.at = "before-restart";
    hook.run = {"/opt/shop/stop.sh"};
    made[0].about.hooks = {hook};
    hook.run = {"/opt/bank/stop.sh"};
    MadePackage teller{"bank-app-1.0-1.noarch", {}, {}};
    teller.about.name = "bank-app";
    teller.about.kind = "app";
    teller.about.hooks = {hook};
    node.programs.answer("stop.sh", fakes::ended(0));
    const std::string bank = node.release("bank/1.0", {teller});
    const base::Object desired = node.desired(bank, {}, std::nullopt, "bank/app");
    const std::string digest = base::sha256(base::to_json(desired)).str();
    REQUIRE(
        node.send("prepare", {{"desired", desired}, {"manifest", Node::name_of(bank)}}, "run-1", "bank/app")
            .ok);
    REQUIRE(node.send("apply", {{"desired_digest", digest}}, "run-1", "bank/app").ok);
    node.epoch = 2;
    const std::string one = node.release("shop/1.0", made);
    node.deploy(one, "run-2");
    CHECK(node.programs.commands().back().argv == std::vector<std::string>{"/opt/shop/stop.sh"});
    REQUIRE(node.send("restart", {}, "run-2", "bank/app").ok);
    CHECK(node.programs.commands().back().argv == std::vector<std::string>{"/opt/bank/stop.sh"});

    SECTION("content that was not prepared for it is not applied") {
        CHECK(node.send("apply", {{"desired_digest", digest}}, "run-2").reason ==
              "component 'shop/app' was not prepared for this; prepare it first");
    }
    SECTION("an older run has no say any more") {
        node.epoch = 1;
        const Report report = node.send("restart", {}, "run-1");
        CHECK(report.code == "stale");
        CHECK(report.reason.find("is of epoch 1, but component 'shop/app' has seen 2") != std::string::npos);
    }
    SECTION("another text under a known id is refused, and the report names the text that it is about") {
        const Order order = node.make_order("restart", {}, "run-2");
        const Report first = node.send(order);
        CHECK(first.order_digest == base::sha256(order.text()));
        Order other = order;
        other.body = base::Object{{"all", true}};
        node.services.log.clear();
        CHECK(node.send(other).reason ==
              fmt::format("order '{}' came before with another text; the first one counts", order.id));
        CHECK(node.services.log.empty());
    }
    SECTION("what another run changed is not undone") {
        const Report report = node.send("undo", {{"run", "run-1"}}, "run-2");
        CHECK(report.ok);
        CHECK(member(report, "undone") == "false");
        CHECK(node.executor().status().size() == 2);
    }
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

TEST_CASE("[octopus-3358] what somebody changed by hand is shown by a plan, and a run brings it back") {
    Node node;
    const std::string one = node.release("shop/1.0", shop("1.0"));
    node.deploy(one, "run-1");
    base::SystemFiles().write(node.root() / "etc/shop/app.conf", "port 1\n");
    const Report shown = node.send(
        "prepare", {{"desired", node.desired(one)}, {"manifest", Node::name_of(one)}, {"plan", true}});
    REQUIRE(shown.ok);
    CHECK(member(shown, "changed") == "true");
    CHECK(member(shown, "config").find("-port 1\\n+port 8080") != std::string::npos);
    node.deploy(one, "run-2");
    CHECK(node.config("/etc/shop/app.conf") == "port 8080\n");
    CHECK(member(node.prepare(one), "changed") == "false");
}

TEST_CASE("[ansible-19243] [ansible-modules-core-5784] a config is validated beside the files that it "
          "includes, all "
          "of them new") {
    Node node;
    auto made = shop("1.0", "include parts/backends.conf\n");
    rpm::Template part = made[1].about.templates[0];
    part.source = "/usr/share/tiercel/shop-conf/templates/backends.conf";
    part.to = "/etc/shop/parts/backends.conf";
    made[1].templates[part.source] = "backend {{ settings.port }}\n";
    made[1].about.templates.push_back(part);
    made[1].about.templates[0].validate = {{"lint", "{{ file }}"}};
    std::string included;
    node.programs.answer("lint", [&](const base::Command& command) {
        included =
            base::SystemFiles().read(fs::path(command.argv.at(1)).parent_path() / "parts/backends.conf");
        return fakes::ended(0);
    });
    REQUIRE(node.prepare(node.release("shop/1.0", made)).ok);
    CHECK(included == "backend 8080\n");
    CHECK(node.config("/etc/shop/parts/backends.conf") == "absent");
}
