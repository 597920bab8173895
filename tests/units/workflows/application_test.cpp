// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "workflows/engine/application.hpp"

#include "base/json.hpp"
#include "tests/catch.hpp"
#include "tests/units/workflows/errors.hpp"

using tests::input_error;
using workflows::engine::Application;

namespace {

constexpr const char* shop = R"(
application "shop" {
  component "web" { packages = { "shop-web-config" }, consumes = { backends = "http" } },
  component "app" { packages = { "shop-app", "shop-app-config" }, peers = true,
                    consumes = { db = "sql", mail = external "smtp" },
                    produces = { http = { port = setting "port", scheme = "http" } } },
  component "db"  { packages = { "shop-db" }, produces = { sql = { port = setting "port" } } },
}
)";

std::string refusal(const std::string& source) {
    return input_error([&] { Application::evaluate(source, "app.lua"); });
}

std::string names(const std::vector<std::vector<base::ComponentName>>& levels) {
    std::string text;
    for (const auto& level : levels) {
        text += "[";
        for (const auto& component : level) {
            text += " " + component.str();
        }
        text += " ]";
    }
    return text;
}

} // namespace

TEST_CASE("app.lua becomes components, services and levels with producers first") {
    const Application application = Application::evaluate(shop, "app.lua");
    CHECK(application.name == "shop");
    REQUIRE(application.components.size() == 3);
    const auto& app = application.component("app");
    CHECK(app.peers);
    CHECK(app.packages == std::vector<std::string>{"shop-app", "shop-app-config"});
    CHECK(app.consumes.at("mail").external);
    CHECK(app.consumes.at("mail").service == "smtp");
    CHECK_FALSE(app.consumes.at("db").external);
    CHECK(std::get<workflows::engine::SettingName>(app.produces.at("http").at("port")).name == "port");
    CHECK(std::get<base::Value>(app.produces.at("http").at("scheme")) == base::Value("http"));
    CHECK(names(application.levels()) == "[ shop/db ][ shop/app ][ shop/web ]");
}

TEST_CASE("an application survives the way through a manifest") {
    const Application application = Application::evaluate(shop, "app.lua");
    const base::Value document = application.to_value();
    CHECK(Application::from_value(document, "shop-1.0.json").to_value() == document);
    CHECK(
        base::to_json(document).find(
            R"({"name":"db","packages":["shop-db"],"peers":false,"produces":{"sql":{"port":{"setting":"port"}}},"consumes":{}})") !=
        std::string::npos);
}

TEST_CASE("what a component migrates with and what must not share its node is told to everybody who reads "
          "the manifest") {
    const Application application = Application::evaluate(R"(application "shop" {
        component "db"  { packages = { "p" }, conflicts = { "shop/app", "mail/relay" } },
        component "app" { packages = { "q" }, migrate = "shop-migrate", conflicts = {} },
    })",
                                                          "app.lua");
    CHECK(application.component("app").migrate == "shop-migrate");
    CHECK_FALSE(application.component("db").migrate);
    CHECK(application.component("db").conflicts ==
          std::vector{base::ComponentName("shop/app"), base::ComponentName("mail/relay")});
    const base::Value document = application.to_value();
    CHECK(Application::from_value(document, "shop-1.0.json").to_value() == document);
    CHECK(
        base::to_json(document) ==
        R"({"name":"shop","components":[{"name":"db","packages":["p"],"peers":false,"produces":{},"consumes":{},)"
        R"("conflicts":["shop/app","mail/relay"]},{"name":"app","packages":["q"],"peers":false,"produces":{},)"
        R"("consumes":{},"migrate":"shop-migrate"}]})");
}

TEST_CASE("components that do not depend on each other share a level") {
    const Application application = Application::evaluate(R"(application "a" {
        component "one" { packages = { "p" } },
        component "two" { packages = { "q" }, produces = { s = {} } },
        component "three" { packages = { "r" }, consumes = { s = "s" } },
    })",
                                                          "app.lua");
    CHECK(names(application.levels()) == "[ a/one a/two ][ a/three ]");
}

TEST_CASE("each error in app.lua says file, line, what, and what to write instead") {
    CHECK(refusal("application 'shop' {\n") ==
          "app.lua:2:1: '}' is missing before <eof>; it closes the '{' of line 1");
    CHECK(refusal("local x = 1") ==
          "app.lua: no application; write application \"NAME\" { component \"NAME\" { … } }");
    CHECK(refusal("application 'shop' {}") ==
          "app.lua:1: application 'shop' has no components; write component \"NAME\" { … }");
    CHECK(refusal("application 'shop' {\n component 'db' { pakages = { 'x' } } }") ==
          "app.lua:2: unknown key 'db.pakages'; did you mean 'packages'?");
    CHECK(refusal("application 'shop' {\n component 'db' {} }") ==
          "app.lua:2: component 'db' has no packages; write packages = { \"NAME\" }");
    CHECK(refusal("application 'shop' {\n component 'db' { packages = {} } }") ==
          "app.lua:2: component 'db' has no packages; write packages = { \"NAME\" }");
    CHECK(refusal("application 'shop' {\n component 'db' { packages = 'x' } }") ==
          "app.lua:2: 'db.packages' is a string, but must be a list of strings");
    CHECK(refusal("application 'shop' {\n component 'db' { packages = { 'x y' } } }") ==
          "app.lua:2: package name 'x y' has a ' ', but only letters, digits, '-', '_', '.' and '+' are "
          "allowed");
    CHECK(refusal("application 'sh op' {\n component 'db' { packages = { 'x' } } }") ==
          "app.lua:1: application name 'sh op' has a ' ', but only letters, digits, '-', '_' and '.' are "
          "allowed");
    CHECK(refusal("application 'shop' {\n component 'd/b' { packages = { 'x' } } }") ==
          "app.lua:2: component 'shop/d/b' is not two words with one '/' between them; write for example "
          "'shop/web'");
    CHECK(refusal("application 'shop' {\n component 'db' { name = 'x', packages = { 'x' } } }") ==
          "app.lua:2: unknown key 'name'; the name stands before the braces");
    CHECK(refusal("application 'shop' { colour = 1 }") ==
          "app.lua:1: unknown key 'colour'; an application is a list of components");
    CHECK(refusal("application 'shop' {\n { packages = { 'x' } } }") ==
          "app.lua:1: application 'shop' contains a record, but must contain component \"NAME\" { … }");
    CHECK(refusal("application 'shop' {\n component 'db' }") ==
          "app.lua:2: component 'db' lacks its braces; write component \"db\" { packages = { \"NAME\" } }");
    CHECK(refusal("application 'a' { component 'x' { packages = { 'p' } } }\n"
                  "application 'b' { component 'x' { packages = { 'p' } } }") ==
          "app.lua:2: 'application' is written twice; one file describes one application");
    CHECK(refusal("application 'shop' {\n component 'db' { packages = { 'x' } },\n component 'db' { packages "
                  "= { 'y' } } }") == "app.lua:3: component 'db' is written twice");
    CHECK(refusal("aplication 'shop' {}") ==
          "app.lua:1: unknown name 'aplication'; did you mean 'application'?");
    CHECK(refusal("application 'shop' { component(7) { packages = { 'x' } } }") ==
          "app.lua:1: a name in quotes is expected, but this is a number; write component \"NAME\" { "
          "packages = { \"NAME\" } }");
}

TEST_CASE("a conflict that cannot be is refused with its line") {
    const auto with = [](const std::string& conflicts) {
        return refusal("application 'shop' {\n component 'db' { packages = { 'x' } },\n"
                       " component 'app' { packages = { 'y' }, conflicts = " +
                       conflicts + " } }");
    };
    CHECK(with("{ 'shop/bd' }") ==
          "app.lua:3: component 'app' conflicts with 'shop/bd', which this application "
          "does not have; did you mean 'shop/db'?");
    CHECK(with("{ 'shop/app' }") ==
          "app.lua:3: component 'app' conflicts with itself; a node has it once anyway");
    CHECK(with("{ 'db' }") ==
          "app.lua:3: component 'db' is not two words with one '/' between them; write for "
          "example 'shop/web'");
    CHECK(with("'shop/db'") == "app.lua:3: 'app.conflicts' is a string, but must be a list of strings");
}

TEST_CASE("each error between components says who and what is meant") {
    CHECK(refusal(
              "application 'shop' {\n component 'app' { packages = { 'x' }, consumes = { db = 'sql' } } }") ==
          "app.lua:2: component 'app' consumes 'sql', which nobody produces; write external \"sql\" if the "
          "environment "
          "gives it");
    CHECK(
        refusal("application 'shop' {\n component 'app' { packages = { 'x' }, consumes = { db = 'sqll' } },\n"
                "component 'db' { packages = { 'y' }, produces = { sql = {} } } }") ==
        "app.lua:2: component 'app' consumes 'sqll', which nobody produces; did you mean 'sql'?");
    CHECK(refusal("application 'shop' {\n component 'a' { packages = { 'x' }, produces = { s = {} } },\n"
                  "component 'b' { packages = { 'y' }, produces = { s = {} } } }") ==
          "app.lua:3: service 's' is produced by 'a' and by 'b'; give one of them another name");
    CHECK(refusal("application 'shop' {\n component 'app' { packages = { 'x' }, consumes = { db = 7 } } }") ==
          "app.lua:2: 'db' is a number, but must be the name of a service, or external \"NAME\"");
    CHECK(refusal("application 'shop' {\n component 'app' { packages = { 'x' }, produces = { http = { port = "
                  "{} } } } }") ==
          "app.lua:2: 'port' is a record, but must be setting \"NAME\", text, a number, or true or false");
    CHECK(refusal("application 'shop' {\n component 'app' { packages = { 'x' }, produces = { http = { port = "
                  "{ 1 } } } } }") ==
          "app.lua:2: 'port' is a list, but must be setting \"NAME\", text, a number, or true or false");
    CHECK(refusal("application 'shop' {\n component 'app' { packages = { 'x' }, consumes = { ['a-b'] = "
                  "external 's' } } }") ==
          "app.lua:2: 'a-b' cannot name a name in 'consumes': templates read letters, digits and '_'");
}

TEST_CASE("a cycle in the graph is shown with its path") {
    CHECK(refusal(
              "application 'shop' {\n"
              "component 'app' { packages = { 'x' }, produces = { http = {} }, consumes = { db = 'sql' } },\n"
              "component 'db' { packages = { 'y' }, produces = { sql = {} }, consumes = { app = 'http' } } "
              "}") == "app.lua:2: components consume each other in a cycle: shop/app -> shop/db -> shop/app");
    CHECK(refusal("application 'shop' {\n"
                  "component 'app' { packages = { 'x' }, produces = { http = {} }, consumes = { others = "
                  "'http' } } }") == "app.lua:2: components consume each other in a cycle: shop/app -> "
                                     "shop/app; write peers = true for a component "
                                     "that needs to know its own kind");
    // The way into the cycle is no part of it.
    CHECK(refusal("application 'shop' {\n"
                  "component 'web' { packages = { 'w' }, consumes = { a = 'a' } },\n"
                  "component 'a' { packages = { 'x' }, produces = { a = {} }, consumes = { b = 'b' } },\n"
                  "component 'b' { packages = { 'y' }, produces = { b = {} }, consumes = { c = 'c' } },\n"
                  "component 'c' { packages = { 'z' }, produces = { c = {} }, consumes = { a = 'a' } } }") ==
          "app.lua:3: components consume each other in a cycle: shop/a -> shop/b -> shop/c -> shop/a");
}
