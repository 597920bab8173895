// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "tests/units/ctl-client/node.hpp"

namespace {

using namespace ctl_client_tests;

rpm::Hook hook(const std::string& at, bool warns = false) {
    rpm::Hook made;
    made.at = at;
    made.run = {"/opt/" + at};
    made.warns = warns;
    return made;
}

/// The shop with these hooks in shop-app, each of which is a program of its point's name.
std::vector<MadePackage> hooked(const std::string& version, const std::vector<std::string>& points,
                                bool warns = false) {
    auto made = shop(version);
    for (const std::string& point : points) {
        made[0].about.hooks.push_back(hook(point, warns));
    }
    return made;
}

std::string said(const std::string& point) {
    return "hook '" + point + "' of package 'shop-app'";
}

} // namespace

TEST_CASE("hooks run before and after each order, those of the packages that are there at that moment") {
    Node node;
    for (const std::string& point : rpm::Hook::points()) {
        node.programs.answer(point, fakes::ended(0));
    }
    // The first release: before it there is nothing whose hooks could run.
    node.deploy(node.release("shop/1.0", hooked("1.0", rpm::Hook::points())), "run-1");
    CHECK(node.programs.log ==
          std::vector<std::string>{said("after-apply"), said("before-restart"), said("after-restart")});
    const std::string two = node.release("shop/2.0", hooked("2.0", {"after-apply"}));
    REQUIRE(node.prepare(two).ok);
    node.programs.log.clear();
    REQUIRE(node.send("drain").ok);
    REQUIRE(node.send("apply", node.apply_body(two), "run-2").ok);
    REQUIRE(node.send("restart", {}, "run-2").ok);
    CHECK(node.programs.log == std::vector<std::string>{said("before-drain"), said("after-drain"),
                                                        said("before-apply"), said("after-apply")});
    // The way back: 2.0 has no hooks around it; what is brought back has some, and lets the node in again.
    node.programs.log.clear();
    REQUIRE(node.send("undo", {{"run", "run-2"}}, "run-2").ok);
    REQUIRE(node.send("undrain", {}, "run-2").ok);
    CHECK(node.programs.log ==
          std::vector<std::string>{said("after-undo"), said("before-undrain"), said("after-undrain")});
    node.programs.log.clear();
    REQUIRE(node.send("stop").ok);
    REQUIRE(node.send("start").ok);
    CHECK(node.programs.log == std::vector<std::string>{said("before-stop"), said("after-stop"),
                                                        said("before-start"), said("after-start")});
}

TEST_CASE("a hook that fails fails its order with its name, and what it stands before is not done") {
    Node node;
    const std::string points = GENERATE("before-drain", "before-restart", "before-stop", "before-undrain");
    node.programs.answer(points, fakes::ended(3, "asking the balancer\nno answer\n"));
    REQUIRE(node.prepare(node.release("shop/1.0", hooked("1.0", {points}))).ok);
    REQUIRE(node.send("apply", node.apply_body(node.release("shop/1.0", hooked("1.0", {points})))).ok);
    const Report report = node.send(points.substr(7));
    CHECK(report.code == "failed");
    CHECK(report.reason == said(points) + " ended with 3: no answer");
    CHECK(node.config("/run/drain") == "absent");
    CHECK(node.services.log.empty());
    CHECK_FALSE(node.executor().status().at(0).stopped);
}

TEST_CASE("a hook that only warns is told and fails nothing") {
    Node node;
    node.programs.answer("before-drain", fakes::timed_out());
    node.deploy(node.release("shop/1.0", hooked("1.0", {"before-drain", "after-drain"}, true)), "run-1");
    const Report report = node.send("drain");
    CHECK(report.ok);
    CHECK(member(report, "warnings") ==
          fmt::format("[\"{} did not end within 1m\",\"{} cannot run: program '/opt/after-drain' is not "
                      "installed\"]",
                      said("before-drain"), said("after-drain")));
    CHECK(member(report, "drained") == "true");
    CHECK(member(node.send("undrain"), "warnings") == "none");
}

TEST_CASE("[aws-airflow-stack-192] a broken hook does not block the release that is without it") {
    Node node;
    node.programs.answer("before-drain", fakes::ended(1));
    node.programs.answer("before-apply", fakes::ended(1));
    node.deploy(node.release("shop/1.0", hooked("1.0", {"before-drain", "before-apply"})), "run-1");
    SECTION("it is gone, or warns only") {
        const bool warns = GENERATE(true, false);
        const std::string two =
            node.release("shop/2.0", hooked("2.0",
                                            warns ? std::vector<std::string>{"before-drain", "before-apply"}
                                                  : std::vector<std::string>{},
                                            true));
        REQUIRE(node.prepare(two).ok);
        const Report drained = node.send("drain");
        CHECK(drained.ok);
        CHECK(member(drained, "warnings") == "[\"" + said("before-drain") + " ended with 1\"]");
        CHECK(node.send("apply", node.apply_body(two)).ok);
    }
    SECTION("it is there still") {
        const std::string two = node.release("shop/2.0", hooked("2.0", {"before-drain", "before-apply"}));
        REQUIRE(node.prepare(two).ok);
        CHECK(node.send("drain").code == "failed");
        CHECK(node.send("apply", node.apply_body(two)).reason == said("before-apply") + " ended with 1");
        CHECK(node.packages.transactions == 1);
    }
    SECTION("the release that another run prepared has no say") {
        REQUIRE(node.prepare(node.release("shop/2.0", hooked("2.0", {}))).ok);
        CHECK(node.send("drain", {}, "run-2").code == "failed");
    }
}

TEST_CASE("a hook of the release that is left does not hold the way back; one of what comes back is heard",
          "[law-9]") {
    Node node;
    node.programs.answer("before-undo", fakes::ended(1));
    node.programs.answer("after-undo", fakes::ended(2));
    node.deploy(node.release("shop/1.0", hooked("1.0", {"after-undo"})), "run-1");
    const std::string packages = node.installed();
    node.deploy(node.release("shop/2.0", hooked("2.0", {"before-undo"})), "run-2");
    const Report report = node.send("undo", {{"run", "run-2"}}, "run-2");
    CHECK(report.code == "failed");
    CHECK(report.reason == said("after-undo") + " ended with 2");
    CHECK(member(report, "warnings") == "[\"" + said("before-undo") + " ended with 1\"]");
    CHECK(node.installed() == packages);
    CHECK(node.executor().status().at(0).pending.empty());
}

TEST_CASE("a component that drains by hooks alone counts as drained, so that it is undrained again",
          "[law-5]") {
    Node node;
    auto made = hooked("1.0", {"before-drain"});
    made[0].about.drain.reset();
    node.programs.answer("before-drain", fakes::ended(0));
    node.deploy(node.release("shop/1.0", made), "run-1");
    CHECK(member(node.send("drain"), "drained") == "true");
}

TEST_CASE(
    "[octopus-641] a node leaves its balancer and joins it again by programs of its own packages, also on "
    "the way back",
    "[law-5]") {
    Node node;
    std::vector<std::string> balancer{"in"};
    const auto tell = [&](const std::string& point, const std::string& what) {
        node.programs.answer(point, [&balancer, what](const base::Command&) {
            balancer.push_back(what);
            return fakes::ended(0);
        });
    };
    tell("before-drain", "out");
    tell("after-undrain", "in");
    const std::vector<std::string> points{"before-drain", "after-undrain"};
    node.deploy(node.release("shop/1.0", hooked("1.0", points)), "run-1");
    const std::string two = node.release("shop/2.0", hooked("2.0", points));
    REQUIRE(node.prepare(two).ok);
    REQUIRE(node.send("drain", {}, "run-2").ok);
    CHECK(balancer == std::vector<std::string>{"in", "out"});
    SECTION("forward") {
        REQUIRE(node.send("apply", node.apply_body(two), "run-2").ok);
        REQUIRE(node.send("restart", {}, "run-2").ok);
    }
    SECTION("back") {
        REQUIRE(node.send("apply", node.apply_body(two), "run-2").ok);
        node.services.broken = {"app"};
        CHECK_FALSE(node.send("restart", {}, "run-2").ok);
        node.services.broken.clear();
        REQUIRE(node.send("undo", {{"run", "run-2"}}, "run-2").ok);
    }
    SECTION("nothing was changed") {}
    REQUIRE(node.send("undrain", {}, "run-2").ok);
    CHECK(balancer == std::vector<std::string>{"in", "out", "in"});
}
