// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// Several applications in one environment: which runs are under way together, and who waits for whom.
#include "dispatcher/runs/footprint.hpp"
#include "tests/catch.hpp"
#include "tests/units/dispatcher/house.hpp"

using namespace dispatcher;
using namespace std::chrono_literals;
using tests::House;

namespace {

/// Deploys take a while, so that several are under way.
struct Quarter : House {
    Quarter() {
        add_neighbours();
        own_workflow("rolling",
                     R"(return workflow { params = { soak = duration "10m" }, run = function(ctx, params)
            ctx:preflight()
            for _, level in ipairs(ctx.levels) do ctx:update(level, { ramp = { 1, "100%" }, soak = params.soak }) end
        end })");
    }
    std::string rollback(const std::string& application) {
        runs::RunRequest wanted;
        wanted.kind = workflows::engine::RunKind::Rollback;
        wanted.environment = "prod";
        wanted.application = application;
        return request(wanted);
    }
    bool tells(const std::string& run, const std::string& message) const {
        for (const std::string& line : story(run)) {
            if (line.find(message) != std::string::npos) {
                return true;
            }
        }
        return false;
    }
};

} // namespace

TEST_CASE("runs of two applications meet when these share a node, and say where", "[law-14]") {
    const runs::Footprint shop{"shop", {base::NodeName("app-1"), base::NodeName("web-1")}};
    const runs::Footprint mail{"mail", {base::NodeName("mail-1"), base::NodeName("web-1")}};
    const runs::Footprint logs{"logs", {base::NodeName("log-1")}};
    CHECK(shop.meets(mail) == "node 'web-1'");
    CHECK(mail.meets(shop) == "node 'web-1'");
    CHECK(shop.meets(runs::Footprint{"shop", {}}) == "application 'shop'");
    CHECK(shop.meets(logs) == std::nullopt);
}

TEST_CASE("a week of soak of one application keeps no other one waiting, unless they share a node",
          "[law-14]") {
    Quarter house;
    const std::string shop =
        house.deploy("shop/1.0", "token:alice", [](auto& request) { request.params.set("soak", "168h"); });
    const std::string mail = house.deploy("mail/1.0");
    const std::string logs = house.deploy("logs/1.0");
    house.pass(5s);
    CHECK(house.run(shop).state == "running");
    CHECK(house.run(mail).state == "running");
    CHECK(house.run(logs).state == "queued");
    CHECK(house.waits(shop).find("the end of run") == std::string::npos);
    CHECK(house.waits(logs) == "the end of run " + mail +
                                   " (deploy of mail/1.0 by token:alice), which works on node 'both-1', too");
    CHECK(house.tells(logs, "run queued behind=run " + mail));
    house.pass(2h);
    CHECK(house.run(mail).outcome == "succeeded");
    CHECK(house.run(logs).outcome == "succeeded");
    CHECK(house.run(shop).state == "running");
}

TEST_CASE("who waits only for others to end is not overtaken by those that it meets", "[law-14]") {
    Quarter house;
    const std::string mail = house.deploy("mail/1.0");
    const std::string logs = house.deploy("logs/1.0");
    const std::string news = house.deploy("news/1.0");
    house.pass(5s);
    CHECK(house.run(logs).state == "queued");
    REQUIRE(house.run(news).state == "queued");
    CHECK_THAT(house.waits(news), Catch::Matchers::Contains("the end of run " + logs));
    CHECK_THAT(house.waits(news), Catch::Matchers::Contains("which works on node 'news-1', too"));
    house.finish();
    CHECK(house.run(news).outcome == "succeeded");
    CHECK(house.run(logs).started < house.run(news).started);
}

TEST_CASE("who waits for people is in nobody's way", "[law-14]") {
    Quarter house;
    house.apply_policy("[approval]\ncount = 1\n");
    const std::string mail = house.deploy("mail/1.0");
    const std::string logs = house.deploy("logs/1.0");
    house.pass(5s);
    REQUIRE(house.run(mail).state == "queued");
    house.say(logs, "approve");
    house.pass(5s);
    CHECK(house.run(logs).state == "running");
    house.say(mail, "approve");
    CHECK_THAT(house.waits(mail), Catch::Matchers::Contains("the end of run " + logs));
    house.finish();
    CHECK(house.run(mail).outcome == "succeeded");
}

TEST_CASE("a rollback takes over from runs of its own application only, and goes where that one was good",
          "[law-9]") {
    Quarter house;
    house.deploy("mail/1.0");
    house.finish();
    house.deploy("mail/2.0");
    house.finish();
    const std::string shop = house.deploy("shop/1.0");
    const std::string logs = house.deploy("logs/1.0");
    house.pass(5s);
    const std::string back = house.rollback("mail");
    house.pass(5s);
    CHECK_THAT(house.waits(back), Catch::Matchers::Contains("the end of run " + logs));
    house.finish();
    CHECK(house.run(shop).outcome == "succeeded");
    CHECK(house.run(logs).outcome == "succeeded");
    CHECK(house.run(back).outcome == "succeeded");
    CHECK(house.run(back).release == "mail/1.0");
    CHECK(house.run(back).preempts == std::nullopt);
}

TEST_CASE("runs that are under way together go on by themselves after a kill, and each keeps to a freeze",
          "[law-7] [law-14]") {
    Quarter house;
    const std::string shop = house.deploy("shop/1.0");
    const std::string mail = house.deploy("mail/1.0");
    house.pass(10s);
    house.apply_policy("[[freeze]]\nfrom = \"2026-11-18 12:00\"\nto = \"2026-11-18 18:00\"\n"
                       "during = \"pause\"\nreason = \"audit\"\n");
    house.kill();
    house.pass(1h);
    for (const std::string& run : {shop, mail}) {
        CHECK(house.run(run).state == "running");
        CHECK_THAT(house.waits(run), Catch::Matchers::Contains("freeze 'audit'"));
    }
    house.finish();
    CHECK(house.run(shop).outcome == "succeeded");
    CHECK(house.run(mail).outcome == "succeeded");
}
