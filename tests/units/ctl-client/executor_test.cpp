// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
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

TEST_CASE("what a run changes for one component is no surprise to another one that shares it, and what "
          "others change is",
          "[law-13]") {
    Node node;
    const auto common = [](const std::string& version) {
        MadePackage made{"common-" + version + "-1.noarch", {}, {}};
        made.about.name = "common";
        made.about.kind = "app";
        return made;
    };
    const auto names = std::vector<std::string>{"common"};
    const auto send = [&](const std::string& envelope, const std::string& component, const std::string& run) {
        const base::Object wanted = node.desired(envelope, {}, names, component);
        const Report prepared = node.send(
            "prepare", {{"desired", wanted}, {"manifest", Node::name_of(envelope)}}, run, component);
        REQUIRE(prepared.ok);
        return base::Object{{"desired_digest", base::sha256(base::to_json(wanted)).str()},
                            {"present", *prepared.detail.object()->find("present")}};
    };
    const std::string one = node.release("shop/1.0", {common("1")});
    for (const char* component : {"shop/app", "shop/web"}) {
        const base::Object body = send(one, component, "run-1");
        REQUIRE(node.send("apply", body, "run-1", component).ok);
    }
    const std::string two = node.release("shop/2.0", {common("2")});
    const base::Object app = send(two, "shop/app", "run-2");
    const base::Object web = send(two, "shop/web", "run-2");
    REQUIRE(node.send("apply", app, "run-2", "shop/app").ok);

    SECTION("its own run, also when the client was killed since") {
        node.restart_client();
        REQUIRE(node.send("apply", web, "run-2", "shop/web").ok);
        CHECK(node.installed().starts_with("common-2-1.noarch"));
        REQUIRE(node.send("undo", {}, "run-2", "shop/web").ok);
        CHECK(node.installed().starts_with("common-2-1.noarch")); // the other one needs it still
        REQUIRE(node.send("undo", {}, "run-2", "shop/app").ok);
        CHECK(node.installed().starts_with("common-1-1.noarch"));
    }
    SECTION("one that comes to prepare it when it has begun") {
        CHECK(base::Value(send(two, "shop/web", "run-2")) == base::Value(web));
    }
    SECTION("another run") {
        CHECK(node.send("apply", web, "run-3", "shop/web").reason ==
              "component 'shop/web' is not as it was when this was planned; plan again");
    }
}

TEST_CASE("a config file is of one component of a node, and moves from one to another with a release") {
    Node node;
    const auto made = [](const std::string& version) {
        MadePackage conf = shop(version, "of {{ component }}\n")[1];
        conf.about.templates[0].restart.clear();
        MadePackage plain{"plain-" + version + "-1.noarch", {}, {}};
        plain.about.name = "plain";
        plain.about.kind = "app";
        return std::vector<MadePackage>{conf, plain};
    };
    const auto send = [&](const std::string& kind, const std::string& envelope, const std::string& component,
                          const std::string& package, const std::string& run) {
        const base::Object wanted = node.desired(envelope, {}, std::vector<std::string>{package}, component);
        return kind == "prepare"
                   ? node.send("prepare", {{"desired", wanted}, {"manifest", Node::name_of(envelope)}}, run,
                               component)
                   : node.send("apply", {{"desired_digest", base::sha256(base::to_json(wanted)).str()}}, run,
                               component);
    };
    const std::string one = node.release("shop/1.0", made("1.0"));
    REQUIRE(send("prepare", one, "shop/web", "shop-conf", "run-1").ok);
    CHECK(
        send("prepare", one, "shop/app", "shop-conf", "run-1").reason ==
        "config '/etc/shop/app.conf' is brought by component 'shop/web' on this node, too; give one of them "
        "another path, or another node");
    REQUIRE(send("apply", one, "shop/web", "shop-conf", "run-1").ok);

    const std::string two = node.release("shop/2.0", made("2.0"));
    REQUIRE(send("prepare", two, "shop/app", "shop-conf", "run-2").ok);
    REQUIRE(send("prepare", two, "shop/web", "plain", "run-2").ok);
    REQUIRE(send("apply", two, "shop/app", "shop-conf", "run-2").ok);
    REQUIRE(send("apply", two, "shop/web", "plain", "run-2").ok);
    CHECK(node.config("/etc/shop/app.conf") == "of app\n");
    REQUIRE(node.send("undo", {}, "run-2", "shop/web").ok);
    REQUIRE(node.send("undo", {}, "run-2", "shop/app").ok);
    CHECK(node.config("/etc/shop/app.conf") == "of web\n");
}

TEST_CASE("a service that does not run is something to change, unless it was stopped on purpose") {
    Node node;
    const std::string one = node.release("shop/1.0", shop("1.0"));
    node.deploy(one, "run-1");
    rpm::Service app = made_service("app");
    app.pid_file = node.root().string() + "/run/app.pid";

    SECTION("it died") {
        node.services.stop(app, {});
        const Report report = node.prepare(one);
        CHECK(member(report, "changed") == "true");
        CHECK(member(report, "start") == R"(["app"])");
        CHECK(member(report, "restart_why") == R"({"app":"it does not run"})");
        REQUIRE(node.send("apply", node.apply_body(one)).ok);
        CHECK(member(node.send("restart"), "started") == R"(["app"])");
        CHECK(member(node.prepare(one), "changed") == "false");
    }
    SECTION("it died after its node was found to be of the next release already") {
        const std::string next = node.release("shop/1.1", shop("1.0"));
        REQUIRE(member(node.prepare(next, {}, "run-2"), "changed") == "false");
        node.services.stop(app, {});
        CHECK(node.send("settle", {{"release", "shop/1.1"}, {"known_good", true}}, "run-2").ok);
    }
    SECTION("it was stopped") {
        REQUIRE(node.send("stop").ok);
        CHECK(member(node.prepare(one), "changed") == "false");
    }
}

TEST_CASE("a service that another component has taken over is restarted when it is to be as it was before",
          "[law-9]") {
    Node node;
    const auto go = [&](const std::string& envelope, const std::string& component, const std::string& run) {
        const base::Object wanted = node.desired(envelope, {}, std::nullopt, component);
        REQUIRE(
            node.send("prepare", {{"desired", wanted}, {"manifest", Node::name_of(envelope)}}, run, component)
                .ok);
        REQUIRE(node.send("apply", {{"desired_digest", base::sha256(base::to_json(wanted)).str()}}, run,
                          component)
                    .ok);
        node.services.log.clear();
        REQUIRE(node.send("restart", {}, run, component).ok);
        return node.services.log;
    };
    const auto both = std::vector<std::string>{"stop app", "start app"};
    const std::string one = node.release("shop/1.0", shop("1.0"));
    CHECK(go(one, "shop/app", "run-1") == std::vector<std::string>{"start app"});
    CHECK(go(node.release("shop/2.0", shop("2.0")), "shop/web", "run-2") == both);
    CHECK(go(one, "shop/app", "run-3") == both);
    CHECK(member(node.prepare(one, {}, "run-4"), "changed") == "false");
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
