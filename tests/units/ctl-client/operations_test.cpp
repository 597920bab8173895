// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// The orders beside a deployment: stop, start, command, measure, cancel.
#include "ctl-client/cancellation.hpp"
#include "tests/fakes/http_server.hpp"
#include "tests/units/ctl-client/node.hpp"

namespace {

using namespace ctl_client_tests;

/// The shop with a command "refresh" that runs /opt/refresh and knows Puppet's exit codes.
std::vector<MadePackage> with_command() {
    auto made = shop("1.0");
    rpm::PackagedCommand command;
    command.name = "refresh";
    command.run = {"/opt/refresh", "--port", "{{ settings.port }}", "{{ node.name }}"};
    command.ok = {0, 2};
    command.changed = {{2}};
    made[0].about.commands = {command};
    return made;
}

void deploy(Node& node, const std::vector<MadePackage>& made = with_command()) {
    node.deploy(node.release("shop/1.0", made), "run-1");
    node.services.log.clear();
}

} // namespace

TEST_CASE("stop keeps services down, also over a new client, until start, restart or undo") {
    Node node;
    deploy(node);
    CHECK(member(node.send("stop"), "stopped") == R"(["app"])");
    CHECK(node.services.log == std::vector<std::string>{"stop app"});
    node.restart_client();
    node.executor().recover();
    CHECK(node.executor().status().at(0).stopped);
    CHECK(node.services.log.size() == 1);
    CHECK(member(node.send("stop"), "stopped") == "[]");
    const std::string ending = GENERATE("start", "restart", "undo");
    const Report report = node.send(ending, {{"run", "run-9"}});
    CHECK(member(report, "started") == R"(["app"])");
    CHECK_FALSE(node.executor().status().at(0).stopped);
    CHECK(node.services.log.back() == "start app");
}

TEST_CASE("what a stopped service has to be restarted for is done when it is started") {
    Node node;
    deploy(node);
    REQUIRE(node.send("stop").ok);
    const std::string two = node.release("shop/2.0", shop("2.0"));
    REQUIRE(node.prepare(two).ok);
    REQUIRE(node.send("apply", node.apply_body(two), "run-2").ok);
    CHECK(node.services.log == std::vector<std::string>{"stop app"});
    CHECK(member(node.send("start", {}, "run-2"), "started") == R"(["app"])");
    CHECK(node.executor().status().at(0).pending.empty());
}

TEST_CASE("killed at any step of a stop, the next client says what it stopped", "[law-7]") {
    for (const bool after : {false, true}) {
        Node node;
        deploy(node);
        const Order order = node.make_order("stop", {});
        node.fuse.kill_at(1, after);
        CHECK_THROWS_AS(node.send(order), fakes::Killed);
        node.restart_client();
        node.executor().recover();
        CHECK(member(node.send(order), "stopped") == R"(["app"])");
        CHECK(node.executor().status().at(0).stopped);
    }
}

TEST_CASE("restart does what is due, and with `all` also what is not") {
    Node node;
    deploy(node);
    CHECK(member(node.send("restart"), "restarted") == "[]");
    CHECK(member(node.send("restart", {{"all", true}}), "restarted") == R"(["app"])");
    CHECK(node.services.log == std::vector<std::string>{"stop app", "start app"});
}

TEST_CASE("a packaged command runs as the package wrote it, and its exit code says what it did") {
    Node node;
    deploy(node);
    node.programs.answer("refresh", fakes::ended(0, "nothing to do\n"));
    node.programs.answer("refresh", fakes::ended(2, "changed 3 files\n"));
    node.programs.answer("refresh", fakes::ended(6, "one\nError: two resources failed\n\n"));
    const Report nothing = node.send("command", {{"name", "refresh"}});
    REQUIRE(nothing.ok);
    CHECK(node.programs.commands().back().argv ==
          std::vector<std::string>{"/opt/refresh", "--port", "8080", "app-1"});
    CHECK(member(nothing, "changed") == "false");
    CHECK(member(nothing, "exit_code") == "0");
    CHECK(member(nothing, "output") == R"("nothing to do\n")");
    CHECK(member(node.send("command", {{"name", "refresh"}}), "changed") == "true");
    const Report failed = node.send("command", {{"name", "refresh"}});
    CHECK(failed.code == "failed");
    CHECK(failed.reason == "command 'refresh' ended with 6: Error: two resources failed");
    CHECK(member(failed, "exit_code") == "6");
    for (const int code : {1, 4}) {
        node.programs.answer("refresh", fakes::ended(code, ""));
        CHECK(node.send("command", {{"name", "refresh"}}).code == "failed");
    }
    node.programs.answer("refresh", fakes::timed_out());
    (void)node.send("command", {{"name", "refresh"}});
    CHECK(node.send("command", {{"name", "refresh"}}).reason == "command 'refresh' did not end within 10m");
}

TEST_CASE("only what a package on the node brings is run by name", "[law-11]") {
    Node node;
    CHECK(node.send("command", {{"name", "refresh"}}).reason ==
          "component 'shop/app' is not installed here, so it has no command 'refresh'");
    deploy(node);
    const Report report = node.send("command", {{"name", "refrsh"}, {"run", base::Array{"/bin/sh"}}});
    CHECK(report.code == "refused");
    CHECK(report.reason ==
          "no package of component 'shop/app' on this node, which is at release 'shop/1.0', has a "
          "command 'refrsh'; did you mean 'refresh'?");
    CHECK(node.programs.commands().empty());
}

TEST_CASE("two packages of a component with one command are refused before anything is touched") {
    Node node;
    auto made = with_command();
    made[1].about.commands = made[0].about.commands;
    const Report report = node.prepare(node.release("shop/1.0", made));
    CHECK(report.code == "failed");
    CHECK(report.reason == "command 'refresh' is brought by two packages of component 'shop/app'");
}

TEST_CASE(
    "of a command that was begun before its client was killed the true end is told, or that nobody knows",
    "[law-6]") {
    Node node;
    deploy(node);
    node.programs.answer("refresh", [](const base::Command&) -> base::Outcome { throw fakes::Killed{}; });
    const Order order = node.make_order("command", {{"name", "refresh"}});
    CHECK_THROWS_AS(node.send(order), fakes::Killed);
    node.restart_client();
    SECTION("its keeper wrote it down") {
        node.programs.behind[order.id] = fakes::ended(2, "changed\n");
        const Report report = node.send(order);
        CHECK(report.ok);
        CHECK(member(report, "exit_code") == "2");
    }
    SECTION("nobody knows") {
        const Report report = node.send(order);
        CHECK(report.code == "lost");
        CHECK(report.reason ==
              "command 'refresh' was begun, and nobody knows how it ended: the client was killed");
        CHECK(node.send(order).to_value() == report.to_value());
    }
    CHECK(node.programs.commands().size() == 1);
}

TEST_CASE("a command whose keeper is killed is lost, and not run again", "[law-6]") {
    Node node;
    deploy(node);
    node.programs.answer("refresh", fakes::ended(0));
    node.programs.lost.insert("refresh");
    const Report report = node.send("command", {{"name", "refresh"}});
    CHECK(report.code == "lost");
    CHECK(report.reason ==
          "command 'refresh' was begun, and nobody knows how it ended: its keeper was killed");
    CHECK(node.programs.commands().size() == 1);
}

TEST_CASE("a measurement is the number that a packaged command prints last") {
    Node node;
    deploy(node);
    const base::Object body{{"name", "queue"}, {"command", "refresh"}};
    node.programs.answer("refresh", fakes::ended(0, "looking\n  12.5 \n\n"));
    node.programs.answer("refresh", fakes::ended(0, "many\n"));
    node.programs.answer("refresh", fakes::ended(1, "broken\n"));
    CHECK(member(node.send("measure", body), "value") == "12.5");
    const Report text = node.send("measure", body);
    CHECK(text.code == "inconclusive");
    CHECK(text.reason == "'queue' could not be measured: its last line is 'many', but must be a number");
    CHECK(node.send("measure", body).reason ==
          "'queue' could not be measured: command 'refresh' ended with 1: broken");
    CHECK(node.send("measure", {{"name", "queue"}, {"command", "rm"}}).code == "refused");
}

TEST_CASE("a measurement over http is the number at a path; what cannot be measured is inconclusive",
          "[law-15]") {
    Node node;
    deploy(node);
    const tests::HttpServer server([](const tests::HttpServer::Request& request) {
        return tests::HttpServer::answer(
            request.line() == "GET /app-1" ? "200 OK" : "503 Service Unavailable",
            R"({"data": {"result": [{"value": [1700000000, "0.25"]}, {"value": []}], "errors": 3, "up": true}})");
    });
    const auto measured = [&](const std::string& path, const std::string& url = "/{{ node.name }}") {
        return node.send(
            "measure", {{"name", "rate"}, {"http", base::Object{{"url", server.url(url)}, {"path", path}}}});
    };
    CHECK(member(measured("data.result[0].value[1]"), "value") == "0.25");
    CHECK(member(measured("data.errors"), "value") == "3.0");
    const auto trouble = [&](const std::string& path, const std::string& url = "/{{ node.name }}") {
        const Report report = measured(path, url);
        CHECK(report.code == "inconclusive");
        return report.reason;
    };
    CHECK(trouble("data.result[1].value[0]") ==
          "'rate' could not be measured: there is nothing at 'data.result[1].value[0]'");
    CHECK(trouble("data.up") ==
          "'rate' could not be measured: at 'data.up' is true or false, but must be a number");
    CHECK(trouble("data..up") ==
          "'rate' could not be measured: 'data..up' is no path; write names and places, such as "
          "'data.result[0].value'");
    CHECK(trouble("data.errors", "/other") ==
          fmt::format("'rate' could not be measured: '{}' answers 503", server.url("/other")));
}

TEST_CASE("an order is cancelled before it comes, before it is begun, or is over already") {
    Node node;
    deploy(node);
    const Order over = node.make_order("drain", {});
    REQUIRE(node.send(over).ok);
    CHECK(member(node.send("cancel", {{"order", over.id}}), "ended") == "[]");
    CHECK(node.send(over).ok);

    const Order late = node.make_order("stop", {});
    CHECK(node.send("cancel", {{"order", late.id}}).ok);
    const Report report = node.send(late);
    CHECK(report.code == "cancelled");
    CHECK(report.reason == fmt::format("order '{}' was cancelled before it was begun", late.id));

    const Order waits = node.make_order("stop", {});
    REQUIRE_FALSE(node.executor().journal().receive(waits.text(), node.clock.now()));
    CHECK(node.send("cancel", {{"order", waits.id}}).ok);
    CHECK(node.send(waits).code == "cancelled");
    CHECK(node.services.log.empty());
}

TEST_CASE("a cancel order that is stale itself cancels nothing") {
    Node node;
    deploy(node);
    node.epoch = 5;
    REQUIRE(node.send("undrain").ok);
    const Order order = node.make_order("undrain", {});
    node.epoch = 4;
    CHECK(node.send("cancel", {{"order", order.id}}).code == "stale");
    CHECK(node.send(order).ok);
}

TEST_CASE("an rpm transaction is not cut: the cancel order says so, and the order goes on") {
    Node node;
    deploy(node);
    const std::string two = node.release("shop/2.0", shop("2.0"));
    REQUIRE(node.prepare(two).ok);
    const Order order = node.make_order("apply", node.apply_body(two), "run-2");
    const Order cancel = node.make_order("cancel", {{"order", order.id}}, "run-2");
    // As the link would, while the worker is in the transaction.
    base::Database link = node.state.open();
    ctl_client::Journal journal(link);
    node.packages.meanwhile = [&] {
        REQUIRE_FALSE(journal.receive(cancel.text(), node.clock.now()));
        ctl_client::carry_out_cancels(journal, node.interruption);
        const auto answer = journal.receive(cancel.text(), node.clock.now());
        REQUIRE(answer);
        CHECK(answer->code == "refused");
        CHECK(answer->reason ==
              fmt::format("order '{}' cannot be cancelled now: the change of packages and config is "
                          "not cut; it goes on to its end",
                          order.id));
    };
    CHECK(node.send(order).ok);
    CHECK(node.installed().find("shop-app-2.0") == 0);
}

TEST_CASE("a hook that would follow what is not cut is ended by a cancel that came meanwhile") {
    Node node;
    deploy(node);
    auto made = shop("2.0");
    made[0].about.hooks.push_back({.at = "after-apply", .run = {"/opt/hangs"}});
    const std::string two = node.release("shop/2.0", made);
    REQUIRE(node.prepare(two).ok);
    const Order order = node.make_order("apply", node.apply_body(two), "run-2");
    node.packages.meanwhile = [&] {
        CHECK(node.interruption.ask(order.id).answer == ctl_client::Interruption::Answer::Whole);
        CHECK_FALSE(node.interruption.asked());
    };
    node.programs.answer("hangs", [&](const base::Command&) {
        node.interruption.check(); // as the real ones do before they start
        return base::Outcome{};
    });
    const Report report = node.send(order);
    CHECK(report.code == "cancelled");
    CHECK(node.installed().find("shop-app-2.0") == 0);
}

TEST_CASE("an order that was begun and cancelled before its client was killed is cancelled by the next one") {
    Node node;
    deploy(node);
    const Order order = node.make_order("drain", {});
    node.fuse.kill_at(1, false);
    CHECK_THROWS_AS(node.send(order), fakes::Killed);
    node.restart_client();
    const Order cancel = node.make_order("cancel", {{"order", order.id}});
    REQUIRE_FALSE(node.executor().journal().receive(cancel.text(), node.clock.now()));
    const Report report = node.send(order);
    CHECK(report.code == "cancelled");
    CHECK(node.send(cancel).ok);
    // The marker may be there: undrain takes it away.
    CHECK(member(node.send("undrain"), "undrained") == "true");
}
