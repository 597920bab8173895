// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "workflows/engine/desired.hpp"

#include "base/json.hpp"
#include "base/toml.hpp"
#include "tests/catch.hpp"
#include "tests/units/workflows/errors.hpp"
#include "workflows/engine/variables.hpp"

using namespace workflows::engine;

namespace {

repo::ManifestPackage package(const std::string& name, const std::string& settings) {
    repo::ManifestPackage package{base::Nevra::parse(name + "-1.0-1.noarch"), base::sha256(name), 100,
                                  "pool/" + name + ".rpm", std::nullopt};
    if (!settings.empty()) {
        package.about =
            rpm::About::from_value(base::parse_json(R"({"format": 1, "name": ")" + name +
                                                        R"(", "kind": "app", "settings": )" + settings + "}",
                                                    name),
                                   name);
    }
    return package;
}

repo::Manifest manifest(const std::string& app_settings = R"({"port": {"type": "port", "default": 8080},
    "greeting": {"type": "string", "default": "hello", "one_of": ["hello", "welcome"]}})") {
    const std::string app_lua = R"(application "shop" {
        component "db"  { packages = { "shop-db" }, produces = { sql = { port = setting "port", dialect = "redis" } } },
        component "app" { packages = { "shop-app", "shop-app-config" }, peers = true,
                          consumes = { db = "sql", mail = external "smtp" }, produces = { http = { port = setting "port" } } },
        component "web" { packages = { "shop-web" }, consumes = { backends = "http" } } })";
    return {base::ReleaseName("shop/1.0"),
            base::Time{},
            "stable",
            Application::evaluate(app_lua, "app.lua").to_value(),
            {},
            {package("shop-app", app_settings), package("shop-app-config", ""),
             package("shop-db", R"({"port": {"type": "port", "default": 6379}})"),
             package("shop-web", R"({"port": {"type": "port", "default": 80}})")}};
}

const std::string nodes = R"(environment = "prod"
channel = "stable"
[[nodes]]
name = "web-1"
components = ["shop/web"]
addresses = { service = "10.0.0.1" }
[[nodes]]
name = "app-2"
components = ["shop/app"]
addresses = { service = "10.0.0.3" }
labels = { rack = "b" }
[[nodes]]
name = "app-1"
components = ["shop/app"]
addresses = { service = "10.0.0.2" }
labels = { rack = "a" }
[[nodes]]
name = "db-1"
components = ["shop/db", "other/thing"]
addresses = { service = "10.0.0.4" }
)";
const std::string smtp = "[external.smtp]\naddress = \"mail.example\"\nport = 25\n";

std::vector<Desired> compose(const std::string& environment, const repo::Manifest& release = manifest()) {
    return desired(release, base::sha256("manifest"),
                   Environment::from_value(base::parse_toml(environment, "prod.toml"), "prod.toml"));
}

/// Target → its document, as orders would carry it.
std::map<std::string, std::string> documents(const std::string& environment,
                                             const repo::Manifest& release = manifest()) {
    std::map<std::string, std::string> texts;
    for (const Desired& one : compose(environment, release)) {
        texts[one.target.str()] = base::to_json(one.document);
    }
    return texts;
}

/// A release of one component with one package, app.lua's further members as given.
repo::Manifest small(const std::string& application, const std::string& members,
                     const std::string& about = "") {
    repo::Manifest release{base::ReleaseName(application + "/1.0"),
                           base::Time{},
                           "stable",
                           Application::evaluate("application '" + application +
                                                     "' { component 'thing' { packages = { 'thing' }" +
                                                     members + " } }",
                                                 "app.lua")
                               .to_value(),
                           {},
                           {package("thing", "")}};
    if (!about.empty()) {
        release.packages[0].about = rpm::About::from_value(
            base::parse_json(R"({"format": 1, "name": "thing", "kind": "app", )" + about + "}", "thing"),
            "thing");
    }
    return release;
}

std::string refusal(const std::string& environment, const repo::Manifest& release = manifest()) {
    return tests::input_error([&] { compose(environment, release); });
}

} // namespace

TEST_CASE("each target gets its packages, settings, producers, peers and node, producers' levels first") {
    const std::vector<Desired> all =
        compose(nodes + smtp + "[[override]]\nwhere = \"rack=b\"\nsettings.shop.app.port = 8081\n");
    REQUIRE(all.size() == 4);
    CHECK(all[0].target.str() == "shop/db on db-1");
    CHECK(all[1].target.str() == "shop/app on app-1");
    CHECK(all[2].target.str() == "shop/app on app-2");
    CHECK(all[3].target.str() == "shop/web on web-1");
    CHECK(
        base::to_json(all[2].document) ==
        R"({"component":"shop/app","node":{"name":"app-2","address":"10.0.0.3","addresses":{"service":"10.0.0.3"},)"
        R"("labels":{"rack":"b"}},"environment":"prod","release":"shop/1.0","manifest":")" +
            base::sha256("manifest").str() +
            R"(","packages":["shop-app-1.0-1.noarch","shop-app-config-1.0-1.noarch"],)"
            R"("settings":{"greeting":"hello","port":8081},"consumes":{"db":[{"node":"db-1","address":"10.0.0.4",)"
            R"("dialect":"redis","port":6379}],"mail":[{"address":"mail.example","port":25}]},)"
            R"("peers":[{"node":"app-1","address":"10.0.0.2"},{"node":"app-2","address":"10.0.0.3"}],)"
            R"("availability":[{"service":"sql","address":"10.0.0.4","port":6379},)"
            R"({"service":"smtp","address":"mail.example","port":25}]})");
    CHECK(
        base::to_json(*all[3].document.object()->find("consumes")) ==
        R"({"backends":[{"node":"app-1","address":"10.0.0.2","port":8080},{"node":"app-2","address":"10.0.0.3","port":8081}]})");
    CHECK(all[3].document.object()->find("peers") == nullptr);
}

TEST_CASE("what a target should have does not depend on the order in which people wrote it") {
    const std::string turned = R"(channel = "stable"
environment = "prod"
)" + smtp + nodes.substr(nodes.find("[[nodes]]"));
    const std::vector<Desired> one = compose(nodes + smtp);
    const std::vector<Desired> two = compose(turned);
    REQUIRE(one.size() == two.size());
    for (std::size_t i = 0; i < one.size(); ++i) {
        CHECK(base::to_json(one[i].document) == base::to_json(two[i].document));
    }
}

TEST_CASE("where a setting comes from is told for each of its three sources") {
    const repo::Manifest release = manifest();
    const Environment prod = Environment::from_value(
        base::parse_toml(nodes + smtp +
                             "[settings.shop.app]\ngreeting = \"welcome\"\n"
                             "[[override]]\nwhere = \"rack=a\"\nsettings.shop.app.port = 8081\n",
                         "prod.toml"),
        "prod.toml");
    const auto one =
        explain_settings(release, prod, base::ComponentName("shop/app"), *prod.find(base::NodeName("app-1")));
    CHECK(one.at("greeting").from == "prod.toml:25");
    CHECK(one.at("port").from == "override rack=a, prod.toml:28");
    const auto two =
        explain_settings(release, prod, base::ComponentName("shop/app"), *prod.find(base::NodeName("app-2")));
    CHECK(two.at("port").from == "default of shop-app-1.0-1.noarch");
}

TEST_CASE("a component without nodes, or a node with an unknown component, is bad input") {
    const std::string without_db = nodes.substr(0, nodes.find("[[nodes]]\nname = \"db-1\""));
    CHECK(refusal(without_db + smtp) == "component 'shop/db' has no node in environment 'prod'; add it to "
                                        "the components of a node in prod.toml");
    CHECK(refusal(nodes +
                  "[[nodes]]\nname = \"x\"\ncomponents = [\"shop/wbe\"]\naddresses = { service = \"x\" }\n" +
                  smtp) == "prod.toml:23: node 'x' has component 'shop/wbe', which release 'shop/1.0' does "
                           "not have; did you mean 'shop/web'?");
}

TEST_CASE("a setting that nobody knows, is out of bounds or is missing is bad input with its place") {
    CHECK(refusal(nodes + smtp + "[settings.shop.app]\nprot = 1\n") ==
          "prod.toml:25: no package of component 'shop/app' has a setting 'prot'; did you mean 'port'?");
    CHECK(refusal(nodes + smtp + "[settings.shop.app]\nport = 70000\n") ==
          "prod.toml:25: setting 'port' of component 'shop/app' is 70000, but must be a port between 1 and "
          "65535");
    CHECK(refusal(nodes + smtp + "[[override]]\nwhere = \"rack=b\"\nsettings.shop.app.greeting = \"hi\"\n") ==
          "prod.toml:26: setting 'greeting' of component 'shop/app' is 'hi', but must be one of 'hello', "
          "'welcome'");
    CHECK(refusal(nodes + smtp + "[settings.shop.ap]\nport = 1\n") ==
          "prod.toml:24: unknown key 'settings.shop.ap'; did you mean 'app'?");
    CHECK(refusal(nodes + smtp + "[[override]]\nwhere = \"rack=b\"\nsettings.shop.ap.port = 1\n") ==
          "prod.toml:26: unknown key 'settings.shop.ap'; did you mean 'app'?");
    CHECK(refusal(nodes + smtp, manifest(R"({"port": {"type": "port"}})")) ==
          "prod.toml: setting 'port' of component 'shop/app' has no default in package "
          "'shop-app-1.0-1.noarch' and is not set; "
          "write port = … below [settings.shop.app]");
}

TEST_CASE("what the environment or the packages do not give to a service is bad input") {
    CHECK(refusal(nodes) ==
          "prod.toml: external service 'smtp', which component 'shop/app' consumes, is not given; write "
          "[external.smtp] with an address");
    CHECK(refusal(nodes + smtp, manifest(R"({"prot": {"type": "port", "default": 1}})")) ==
          "release shop/1.0: service 'http' of component 'shop/app' hands out setting 'port', which no "
          "package of the "
          "component has; did you "
          "mean 'prot'?");
}

TEST_CASE("packages of a component must be in the release and agree on the types of their settings") {
    repo::Manifest without = manifest();
    without.packages.erase(without.packages.begin());
    CHECK(refusal(nodes + smtp, without) ==
          "component 'shop/app' needs package 'shop-app', which release 'shop/1.0' does not have");
    repo::Manifest disagreeing = manifest();
    disagreeing.packages[1] = package("shop-app-config", R"({"port": {"type": "int", "default": 1}})");
    CHECK(refusal(nodes + smtp, disagreeing) ==
          "setting 'port' of component 'shop/app' has type port in package 'shop-app-1.0-1.noarch', but type "
          "int in "
          "'shop-app-config-1.0-1.noarch'; give one of them another name");
}

TEST_CASE("the names that a component's templates may use are known from the release") {
    const repo::Manifest release = manifest();
    const Application application = Application::from_value(release.application, "release");
    const Variables app = variables_of(release, application, application.component("app"));
    CHECK(app.names == std::vector<std::string>{"application", "component", "consumes.db", "consumes.mail",
                                                "environment", "node.address", "node.name", "node.root",
                                                "peers", "release", "settings.greeting", "settings.port"});
    for (const char* path : {"settings.port", "node", "node.labels.rack", "node.addresses.backup",
                             "consumes.db", "consumes.mail.0.address", "peers", "release", "settings"}) {
        CHECK_FALSE(app.objection(path));
    }
    CHECK(app.objection("settings.prot") == "'settings.prot' is undefined; did you mean 'settings.port'?");
    CHECK(app.objection("settings.port.x") ==
          "'settings.port.x' is undefined; did you mean 'settings.port'?");
    CHECK(app.objection("colour") == "'colour' is undefined");
    const Variables web = variables_of(release, application, application.component("web"));
    CHECK(web.objection("peers") == "'peers' is undefined");
    CHECK(web.objection("consumes.db") == "'consumes.db' is undefined");
}

TEST_CASE("a node that joins or leaves a component changes what its consumers and peers should have, and "
          "nothing else") {
    const auto before = documents(nodes + smtp);
    const auto joined = documents(nodes + smtp +
                                  "[[nodes]]\nname = \"app-3\"\ncomponents = [\"shop/app\"]\n"
                                  "addresses = { service = \"10.0.0.9\" }\n");
    REQUIRE(joined.size() == before.size() + 1);
    CHECK(joined.at("shop/db on db-1") == before.at("shop/db on db-1"));
    CHECK(joined.at("shop/web on web-1") != before.at("shop/web on web-1"));
    CHECK(joined.at("shop/web on web-1").find("10.0.0.9") != std::string::npos);
    CHECK(joined.at("shop/app on app-1") != before.at("shop/app on app-1")); // they are peers
    // What joined has left again: all is as before, byte for byte.
    CHECK(documents(nodes + smtp) == before);
    // A consumer more is nobody's business but its own.
    const auto more_web = documents(nodes + smtp +
                                    "[[nodes]]\nname = \"web-2\"\ncomponents = [\"shop/web\"]\n"
                                    "addresses = { service = \"10.0.0.8\" }\n");
    for (const auto& [target, document] : before) {
        CHECK(more_web.at(target) == document);
    }
}

TEST_CASE("several components of one application may be on one node, each a target of its own") {
    const std::string one = "environment = \"one\"\nchannel = \"stable\"\n[[nodes]]\nname = \"all\"\n"
                            "components = [\"shop/web\", \"shop/app\", \"shop/db\"]\n"
                            "addresses = { service = \"127.0.0.1\" }\n";
    const std::vector<Desired> all = compose(one + smtp);
    REQUIRE(all.size() == 3);
    CHECK(all[0].target.str() == "shop/db on all");
    CHECK(all[1].target.str() == "shop/app on all");
    CHECK(all[2].target.str() == "shop/web on all");
    CHECK(base::to_json(*all[2].document.object()->find("settings")) == R"({"port":80})");
    CHECK(base::to_json(*all[1].document.object()->find("settings")) ==
          R"({"greeting":"hello","port":8080})");
}

TEST_CASE(
    "several applications share an environment and its nodes, and a release sees its own targets only") {
    const std::string both = nodes + smtp + "[settings.other.thing]\ndepth = 3\n";
    CHECK(documents(both) == documents(nodes + smtp));
    const std::vector<Desired> other =
        compose(both, small("other", "", R"("settings": {"depth": {"type": "int", "default": 1}})"));
    REQUIRE(other.size() == 1);
    CHECK(other[0].target.str() == "other/thing on db-1");
    CHECK(base::to_json(*other[0].document.object()->find("settings")) == R"({"depth":3})");
}

TEST_CASE(
    "components that conflict are refused on one node, also across applications, with the node's line") {
    repo::Manifest shop = manifest();
    shop.application = Application::evaluate(R"(application "shop" {
        component "db"  { packages = { "shop-db" }, produces = { sql = {} } },
        component "app" { packages = { "shop-app" }, consumes = { db = "sql" } },
        component "web" { packages = { "shop-web" }, conflicts = { "shop/app" } } })",
                                             "app.lua")
                           .to_value();
    CHECK_NOTHROW(compose(nodes, shop));
    std::string together = nodes;
    together.replace(together.find("[\"shop/web\"]"), 12, "[\"shop/web\", \"shop/app\"]");
    CHECK(refusal(together, shop) ==
          "prod.toml:5: node 'web-1' has components 'shop/web' and 'shop/app', which must "
          "not share a node; give one of them another one");
    CHECK(refusal(nodes, small("other", ", conflicts = { 'shop/db' }")) ==
          "prod.toml:19: node 'db-1' has components 'other/thing' and 'shop/db', which must not share a "
          "node; give "
          "one of them another one");
}

TEST_CASE("a component migrates with a command that one of its packages brings") {
    const std::string command = R"("commands": [{"name": "shop-migrate", "run": ["x"]}])";
    CHECK_NOTHROW(compose(nodes, small("other", ", migrate = 'shop-migrate'", command)));
    CHECK(refusal(nodes, small("other", ", migrate = 'shop-migrat'", command)) ==
          "release other/1.0: component 'other/thing' migrates with command 'shop-migrat', which none of its "
          "packages "
          "brings; did you mean 'shop-migrate'?");
    CHECK(refusal(nodes, small("other", ", migrate = 'x'")) ==
          "release other/1.0: component 'other/thing' migrates with command 'x', which none of its packages "
          "brings; "
          "write it as [[commands]] into one of their package.toml");
    repo::Manifest twins = small("other", "", command);
    twins.application =
        Application::evaluate("application 'other' { component 'thing' { packages = { 'thing', 'twin' } } }",
                              "app.lua")
            .to_value();
    twins.packages.push_back(package("twin", ""));
    twins.packages[1].about = twins.packages[0].about;
    CHECK(refusal(nodes, twins) ==
          "release other/1.0: command 'shop-migrate' of component 'other/thing' is brought by "
          "package 'thing-1.0-1.noarch' and by 'twin-1.0-1.noarch'; give one of them another "
          "name");
}
