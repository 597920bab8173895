// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// Kills the client at each of its steps in turn, before the step's effect, after it, and in the middle of
// rpm's.
#include "tests/units/ctl-client/node.hpp"

#include <functional>

namespace {

using namespace ctl_client_tests;

/// Gives the order; a kill is followed by a new client that recovers and goes on. The report.
Report send_through_kill(Node& node, const Order& order) {
    try {
        return node.send(order);
    } catch (const fakes::Killed&) {
        node.restart_client();
        node.executor().recover();
        return node.send(order);
    }
}

/// Runs `scenario` with a kill at its first step, its second, and so on, until it runs to its end without.
void at_each_step(const std::function<void(Node&, int, bool)>& scenario) {
    for (const bool after : {false, true}) {
        int kills = 0;
        for (int step = 1;; ++step) {
            Node node;
            INFO("killed " << (after ? "after" : "before") << " step " << step);
            scenario(node, step, after);
            if (!node.fuse.burnt()) {
                break;
            }
            ++kills;
            REQUIRE(step < 200);
        }
        CHECK(kills > 3);
    }
}

void check_whole(Node& node) {
    CHECK(node.packages.leftovers().empty());
    CHECK(node.executor().host_transaction().drift("shop/app").empty());
    for (const auto& entry : fs::recursive_directory_iterator(node.root())) {
        CHECK(entry.path().filename().string().find(".tiercel-new") == std::string::npos);
    }
    CHECK(node.executor().journal().unacknowledged().size() > 0);
}

} // namespace

TEST_CASE("killed at any step of an apply, the next client finishes it, and its report is the outcome",
          "[law-7][law-6]") {
    at_each_step([](Node& node, int step, bool after) {
        node.deploy(node.release("shop/1.0", shop("1.0")), "run-1");
        const std::string two = node.release("shop/2.0", shop("2.0", "port {{ settings.port }}, two\n"));
        REQUIRE(node.prepare(two).ok);
        const Order order = node.make_order("apply", node.apply_body(two), "run-2");
        node.fuse.kill_at(step, after);
        const Report report = send_through_kill(node, order);
        REQUIRE(report.ok);
        CHECK(member(report, "restart") == R"(["app"])");
        CHECK(node.installed().find("shop-app-2.0") == 0);
        CHECK(node.config("/etc/shop/app.conf") == "port 8080, two\n");
        check_whole(node);
        CHECK(node.send(order).to_value() == report.to_value());
    });
}

TEST_CASE("killed at any step of a first apply, the next client finishes it", "[law-7]") {
    at_each_step([](Node& node, int step, bool after) {
        const std::string one = node.release("shop/1.0", shop("1.0"));
        REQUIRE(node.prepare(one).ok);
        const Order order = node.make_order("apply", node.apply_body(one), "run-1");
        node.fuse.kill_at(step, after);
        REQUIRE(send_through_kill(node, order).ok);
        CHECK(node.config("/etc/shop/app.conf") == "port 8080\n");
        check_whole(node);
    });
}

TEST_CASE("killed at any step of an undo, the next client finishes it with the network gone",
          "[law-7][law-9]") {
    at_each_step([](Node& node, int step, bool after) {
        node.deploy(node.release("shop/1.0", shop("1.0")), "run-1");
        const std::string packages = node.installed();
        node.deploy(node.release("shop/2.0", shop("2.0", "port {{ settings.port }}, two\n")), "run-2");
        node.packages.network_gone = true;
        const Order order = node.make_order("undo", {{"run", "run-2"}}, "run-2");
        node.fuse.kill_at(step, after);
        REQUIRE(send_through_kill(node, order).ok);
        CHECK(node.installed() == packages);
        CHECK(node.config("/etc/shop/app.conf") == "port 8080\n");
        // The service runs what is there again, however often it took.
        CHECK(node.services.log.back() == "start app");
        CHECK(node.executor().status().at(0).pending.empty());
        check_whole(node);
    });
}

TEST_CASE("config that was changed is followed by its restart also when the client is killed in between",
          "[law-7]") {
    for (const bool after : {false, true}) {
        for (int step = 1; step <= 2; ++step) {
            Node node;
            node.deploy(node.release("shop/1.0", shop("1.0")), "run-1");
            const std::string two = node.release("shop/2.0", shop("1.0", "port {{ settings.port }}, two\n"));
            REQUIRE(node.prepare(two).ok);
            REQUIRE(node.send("apply", node.apply_body(two), "run-2").ok);
            node.restart_client();
            REQUIRE(node.executor().status().at(0).pending.size() == 1);
            CHECK(node.executor().status().at(0).pending[0] ==
                  "service 'app': config '/etc/shop/app.conf' changed");
            node.fuse.kill_at(step, after);
            REQUIRE(send_through_kill(node, node.make_order("restart", {}, "run-2")).ok);
            CHECK(node.services.log.back() == "start app");
            CHECK(node.executor().status().at(0).pending.empty());
        }
    }
}

TEST_CASE("a node that was drained when its client was killed is undrained by the next one",
          "[law-5][law-7]") {
    for (const bool after : {false, true}) {
        for (int step = 1; step <= 2; ++step) {
            Node node;
            node.deploy(node.release("shop/1.0", shop("1.0")), "run-1");
            node.fuse.kill_at(step, after);
            REQUIRE(send_through_kill(node, node.make_order("drain", {})).ok);
            CHECK(node.config("/run/drain") != "absent");
            CHECK(node.executor().status().at(0).drained);
            node.fuse.kill_at(1, after);
            REQUIRE(send_through_kill(node, node.make_order("undrain", {})).ok);
            CHECK(node.config("/run/drain") == "absent");
            CHECK_FALSE(node.executor().status().at(0).drained);
        }
    }
}

TEST_CASE("a marker is removed also when the packages that named it are gone", "[law-5]") {
    Node node;
    node.deploy(node.release("shop/1.0", shop("1.0")), "run-1");
    REQUIRE(node.send("drain").ok);
    REQUIRE(node.send("undo", {{"run", "run-1"}}).ok);
    CHECK(member(node.send("undrain"), "undrained") == "true");
    CHECK(node.config("/run/drain") == "absent");
    CHECK(member(node.send("undrain"), "undrained") == "false");
}

TEST_CASE("a change that kills the client at every try is quarantined instead of being tried for ever",
          "[law-7]") {
    Node node;
    node.deploy(node.release("shop/1.0", shop("1.0")), "run-1");
    const std::string packages = node.installed();
    const std::string two = node.release("shop/2.0", shop("2.0"));
    REQUIRE(node.prepare(two).ok);
    const Order order = node.make_order("apply", node.apply_body(two), "run-2");
    node.packages.deadly = true;
    int kills = 0;
    std::optional<Report> report;
    while (!report && kills < 50) {
        try {
            node.executor().recover();
            report = node.send(order);
        } catch (const fakes::Killed&) {
            ++kills;
            node.restart_client();
        }
    }
    CHECK(kills == 2 * ctl_client::HostTransaction::tries);
    CHECK(report->code == "quarantined");
    CHECK(node.executor().status().at(0).state == "quarantined");
    node.packages.deadly = false;
    REQUIRE(node.send("undo", {{"run", "run-2"}}, "run-2").ok);
    CHECK(node.installed() == packages);
    check_whole(node);
}
