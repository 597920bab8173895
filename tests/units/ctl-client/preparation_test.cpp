// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// Preparing a release, and plans: what is refused, and that nothing is touched.
#include "dispatcher/protocol/messages.hpp"
#include "tests/units/ctl-client/node.hpp"

namespace {

using namespace ctl_client_tests;

} // namespace

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

TEST_CASE("a plan prepares nothing that could be applied") {
    Node node;
    const std::string envelope = node.release("shop/1.0", shop("1.0"));
    const Report report = node.send(
        "prepare",
        {{"desired", node.desired(envelope)}, {"manifest", Node::name_of(envelope)}, {"plan", true}});
    CHECK(report.ok);
    CHECK(node.send("apply", node.apply_body(envelope)).code == "refused");
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
