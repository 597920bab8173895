// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "workflows/engine/environment.hpp"
#include "workflows/engine/environment_names.hpp"

#include "base/toml.hpp"
#include "tests/catch.hpp"
#include "tests/units/workflows/errors.hpp"

using workflows::engine::Environment;

namespace {

Environment read(const std::string& text) {
    return Environment::from_value(base::parse_toml(text, "prod.toml"), "prod.toml");
}

std::string refusal(const std::string& text) {
    return tests::input_error([&] { check_names(read(text)); });
}

const std::string head = "environment = \"prod\"\nchannel = \"stable\"\n";
const std::string web = head + "[[nodes]]\nname = \"web-1\"\ncomponents = [\"shop/web\"]\n"
                               "addresses = { service = \"10.0.0.1\" }\nlabels = { rack = \"a\" }\n";

} // namespace

TEST_CASE("an environment lists its nodes by name and knows who runs what") {
    const Environment prod =
        read(web + "[[nodes]]\nname = \"app-1\"\ncomponents = [\"shop/app\", \"shop/web\"]\n"
                   "addresses = { service = \"10.0.0.2\", backup = \"10.1.0.2\" }\n");
    REQUIRE(prod.nodes.size() == 2);
    CHECK(prod.nodes[0].name.str() == "app-1");
    CHECK(prod.nodes[0].addresses.at("backup") == "10.1.0.2");
    CHECK(prod.nodes[1].labels.at("rack") == "a");
    CHECK(prod.nodes_of(base::ComponentName("shop/web")).size() == 2);
    CHECK(prod.nodes_of(base::ComponentName("shop/db")).empty());
    CHECK(prod.find(base::NodeName("web-1")) == &prod.nodes[1]);
    CHECK(prod.find(base::NodeName("web-2")) == nullptr);
}

TEST_CASE("the most specific setting wins and says where it comes from") {
    const Environment prod = read(web + "[settings.shop.web]\nport = 80\nname = \"x\"\n"
                                        "[[override]]\nwhere = \"rack=a\"\nsettings.shop.web.port = 81\n"
                                        "[[override]]\nwhere = \"node=web-1\"\nsettings.shop.web.port = 82\n"
                                        "[[override]]\nwhere = \"rack=b\"\nsettings.shop.web.port = 83\n");
    const auto settings = prod.settings(base::ComponentName("shop/web"), prod.nodes[0]);
    CHECK(settings.at("port").value == base::Value(82));
    CHECK(settings.at("port").from == "override node=web-1, prod.toml:16");
    CHECK(settings.at("name").from == "prod.toml:10");
}

TEST_CASE("each error in an environment says file, line and what to write") {
    CHECK(refusal("channel = \"stable\"\n") == "prod.toml: 'environment' is missing");
    CHECK(refusal("environment = \"prod\"\n") == "prod.toml: 'channel' is missing");
    CHECK(refusal("environment = \"p rod\"\nchannel = \"stable\"\n") ==
          "prod.toml:1: environment name 'p rod' has a ' ', but only letters, digits, '-', '_' and '.' are "
          "allowed");
    CHECK(refusal(head + "chanel = \"x\"\n") == "prod.toml:3: unknown key 'chanel'; did you mean 'channel'?");
    CHECK(refusal(head + "[[nodes]]\nname = \"a\"\naddress = \"x\"\n") ==
          "prod.toml:3: node 'a' has no service address; write addresses = { service = \"10.0.0.1\" }");
    CHECK(refusal(head + "[[nodes]]\nname = \"a\"\naddresses = { service = \"\" }\n") ==
          "prod.toml:5: 'addresses.service' is empty");
    CHECK(refusal(head + "[[nodes]]\nname = \"a\"\naddresses = { service = \"x\" }\nlabel = {}\n") ==
          "prod.toml:6: unknown key 'nodes[0].label'; did you mean 'labels'?");
    CHECK(refusal(head +
                  "[[nodes]]\nname = \"a\"\ncomponents = [\"web\"]\naddresses = { service = \"x\" }\n") ==
          "prod.toml:5: component 'web' is not two words with one '/' between them; write for example "
          "'shop/web'");
    CHECK(
        refusal(
            head +
            "[[nodes]]\nname = \"a\"\ncomponents = [\"s/w\", \"s/w\"]\naddresses = { service = \"x\" }\n") ==
        "prod.toml:5: node 'a' names component 's/w' twice");
    CHECK(refusal(web + "[[nodes]]\nname = \"web-1\"\naddresses = { service = \"x\" }\n") ==
          "prod.toml:9: node 'web-1' is declared twice; the first is on line 4");
    CHECK(refusal(web + "[settings.shop]\nport = 80\n") ==
          "prod.toml:9: 'settings.shop.port' is a number, but must be a record; write "
          "[settings.shop.COMPONENT] and the "
          "setting below it");
    CHECK(refusal(web + "[[override]]\nwhere = \"rack\"\n") ==
          "prod.toml:9: 'where' is 'rack', but must be one 'label=value' or 'node=name'");
    CHECK(refusal(web + "[[override]]\nwhere = \"rack=a, zone=b\"\n") ==
          "prod.toml:9: 'where' is 'rack=a, zone=b', but must be one 'label=value' or 'node=name'");
    CHECK(refusal(web + "[[override]]\nwhere = \"rakc=a\"\n") ==
          "prod.toml:9: label 'rakc' is not in this environment; did you mean 'rack'?");
    CHECK(refusal(web + "[[override]]\nwhere = \"node=web-2\"\n") ==
          "prod.toml:9: node 'web-2' is not in this environment; did you mean 'web-1'?");
    CHECK(refusal(web + "[[override]]\nwhere = \"rack=a\"\nsetings = {}\n") ==
          "prod.toml:10: unknown key 'override[0].setings'; did you mean 'settings'?");
    CHECK(refusal(web + "[external.smtp]\nport = 25\n") == "prod.toml:8: 'external.smtp.address' is missing");
    CHECK(refusal(web + "[external.smtp]\naddress = \"x\"\nports = [1]\n") ==
          "prod.toml:10: 'external.smtp.ports' is a list, but must be text, a number, or true or false");
}
