// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "rpm/about.hpp"

#include "base/error.hpp"
#include "base/json.hpp"
#include "base/toml.hpp"
#include "tests/catch.hpp"

#include <functional>

namespace {

using namespace std::chrono_literals;

std::string input_error(const std::function<void()>& doing) {
    try {
        doing();
    } catch (const base::Error& error) {
        CHECK(error.fault() == base::Fault::Input);
        return error.message();
    }
    return "no error";
}

rpm::About about_of(const std::string& toml) {
    const base::Value document = base::parse_toml(toml, "package.toml");
    const base::Fields fields(document, "package.toml");
    rpm::About about = rpm::About::shared_parts(fields);
    fields.finish();
    return about;
}

std::string error_of(const std::string& toml) {
    return input_error([&] { about_of(toml); });
}

const char* const complete = R"toml(
[settings]
port     = { type = "port", default = 8080 }
greeting = { type = "string", default = "hello", one_of = ["hello", "welcome"] }
workers  = { type = "int", default = 4, min = 1, max = 64 }
share    = { type = "number", default = 0.5, min = 0.25, max = 1 }
wait     = { type = "duration", default = "30s" }
hosts    = { type = "list", default = ["a", "b"] }
debug    = { type = "bool", default = false }
needed   = { type = "string" }

[services.shop-app]
start    = ["{{ node.root }}/opt/shop-app/shop-app", "--daemon"]
pid_file = "{{ node.root }}/run/shop-app.pid"
stop     = ["{{ node.root }}/opt/shop-app/stop"]
reload   = "USR2"
start_timeout = "90s"

[health]
ready = { http = "http://{{ node.address }}:{{ settings.port }}/ready", rise = 2, deadline = "30s" }
open  = { tcp = "{{ node.address }}:{{ settings.port }}" }
self  = { exec = ["{{ node.root }}/opt/shop-app/check"], interval = "1s", timeout = "2s" }

[drain]
marker = "{{ node.root }}/run/shop-app/drain"
wait   = "7s"

[[commands]]
name = "shop-migrate"
run  = ["{{ node.root }}/opt/shop-app/migrate"]
ok   = [0, 3]
once = true
timeout = "20m"
irreversible = true

[[commands]]
name       = "puppet"
run        = ["puppet", "agent", "--test"]
ok         = [0, 2]
changed    = [2]
repeatable = true

[[hooks]]
at  = "before-drain"
run = ["{{ node.root }}/opt/shop-app/announce"]

[[hooks]]
at         = "after-restart"
run        = ["{{ node.root }}/opt/shop-app/warm-up"]
timeout    = "2m"
on_failure = "warn"

[[templates]]
source   = "/usr/share/tiercel/shop-app/templates/app.conf"
to       = "/etc/shop-app.conf"
mode     = "0640"
group    = "shop"
validate = [["{{ node.root }}/opt/shop-app/check", "{{ file }}"]]
restart  = ["shop-app"]
)toml";

} // namespace

TEST_CASE("what a package says of itself is read from package.toml") {
    const rpm::About about = about_of(complete);
    REQUIRE(about.settings.size() == 8);
    CHECK(about.settings[0].name == "port");
    CHECK(about.settings[0].type == rpm::Setting::Type::Port);
    CHECK(about.settings[0].absent == base::Value(8080));
    CHECK(about.settings[1].one_of == std::vector<std::string>{"hello", "welcome"});
    CHECK(about.settings[2].max == 64.0);
    CHECK(about.settings[7].absent.is_null());

    REQUIRE(about.services.size() == 1);
    CHECK(about.services[0].name == "shop-app");
    CHECK(about.services[0].start.size() == 2);
    CHECK(std::get<rpm::Argv>(about.services[0].stop) == rpm::Argv{"{{ node.root }}/opt/shop-app/stop"});
    CHECK(std::get<rpm::Signal>(*about.services[0].reload).name == "USR2");
    CHECK(about.services[0].start_timeout == 90s);
    CHECK(about.services[0].stop_timeout == 30s);

    REQUIRE(about.health.size() == 3);
    CHECK(about.health[0].status == 200);
    CHECK(about.health[0].rise == 2);
    CHECK(about.health[0].deadline == 30s);
    CHECK(about.health[1].tcp == "{{ node.address }}:{{ settings.port }}");
    CHECK(about.health[2].exec == rpm::Argv{"{{ node.root }}/opt/shop-app/check"});

    REQUIRE(about.drain);
    CHECK(about.drain->wait == 7s);
    REQUIRE(about.commands.size() == 2);
    CHECK(about.commands[0].ok == std::vector<int>{0, 3});
    CHECK(about.commands[0].once);
    CHECK(about.commands[0].timeout == 20min);
    CHECK(about.commands[0].irreversible);
    CHECK_FALSE(about.commands[0].repeatable);
    CHECK(about.commands[0].has_changed(3));
    CHECK_FALSE(about.commands[0].has_changed(1));
    CHECK(about.commands[1].repeatable);
    CHECK(about.commands[1].is_ok(0));
    CHECK_FALSE(about.commands[1].is_ok(6));
    CHECK(about.commands[1].has_changed(2));
    CHECK_FALSE(about.commands[1].has_changed(0));
    REQUIRE(about.hooks.size() == 2);
    CHECK(about.hooks[0].at == "before-drain");
    CHECK(about.hooks[0].timeout == 1min);
    CHECK_FALSE(about.hooks[0].warns);
    CHECK(about.hooks[1].timeout == 2min);
    CHECK(about.hooks[1].warns);
    REQUIRE(about.templates.size() == 1);
    CHECK(about.templates[0].mode == 0640);
    CHECK(about.templates[0].owner == "root");
    CHECK(about.templates[0].group == "shop");
    CHECK(about.templates[0].validate.size() == 1);
    CHECK(about.templates[0].restart == std::vector<std::string>{"shop-app"});
}

TEST_CASE("a package that says nothing has the defaults") {
    const rpm::About about = about_of("");
    CHECK(about.settings.empty());
    CHECK_FALSE(about.drain);
    const rpm::About service = about_of("[services.a]\nstart = ['x']\npid_file = '/run/a'\n");
    CHECK(std::get<rpm::Signal>(service.services[0].stop).name == "TERM");
    CHECK_FALSE(service.services[0].reload);
}

TEST_CASE("a package without hooks and the newer words for commands has the bytes that it always had") {
    rpm::About about = about_of("[[commands]]\nname = 'a'\nrun = ['x']\n");
    about.name = "shop";
    about.kind = "app";
    CHECK(base::to_json(about.to_value()) ==
          R"({"format":1,"name":"shop","kind":"app","settings":{},"services":{},"health":{},"drain":null,)"
          R"("commands":[{"name":"a","run":["x"],"ok":[0],"once":false,"timeout":"10m"}],"templates":[]})");
}

TEST_CASE("the About document survives being written and read") {
    rpm::About about = about_of(complete);
    about.name = "shop";
    about.kind = "application";
    about.model = "application \"shop\" {}";
    about.workflows["rolling"] = "return workflow {}";
    const std::string text = base::to_json(about.to_value());
    const rpm::About again = rpm::About::from_value(base::parse_json(text, "shop.json"), "shop.json");
    CHECK(base::to_json(again.to_value()) == text);
    CHECK(again.workflows.at("rolling") == "return workflow {}");

    const rpm::About nothing = rpm::About::from_value(
        base::parse_json(R"({"format": 1, "name": "a", "kind": "app", "drain": null})", "a.json"), "a.json");
    CHECK(nothing.name == "a");
    CHECK_FALSE(nothing.drain);
}

TEST_CASE("an About document of a later format is refused, an added member is not") {
    const auto read = [](const char* text) {
        return input_error([&] { rpm::About::from_value(base::parse_json(text, "a.json"), "a.json"); });
    };
    CHECK(read(R"({"format": 2, "name": "a", "kind": "app"})") ==
          "a.json:1: format 2 is newer than this program; update it");
    CHECK(read(R"({"format": 1, "name": "a", "kind": "app", "later": {}})") == "no error");
}

TEST_CASE("a value that a setting does not allow is told what would be right") {
    const auto objection = [](const char* setting, const base::Value& value) {
        const rpm::About about = about_of(std::string("[settings]\na = { ") + setting + " }\n");
        return about.settings.at(0).objection(value).value_or("none");
    };
    CHECK(objection("type = 'port'", 70000) == "is 70000, but must be a port between 1 and 65535");
    CHECK(objection("type = 'port'", "http") == "is 'http', but must be a port between 1 and 65535");
    CHECK(objection("type = 'port'", 443) == "none");
    CHECK(objection("type = 'int', min = 2", 1) == "is 1, but must be at least 2");
    CHECK(objection("type = 'int', max = 9", 10) == "is 10, but must be at most 9");
    CHECK(objection("type = 'int'", 1.5) == "is 1.5, but must be a whole number");
    CHECK(objection("type = 'number', max = 1.5", 2) == "is 2, but must be at most 1.5");
    CHECK(objection("type = 'number'", true) == "is true, but must be a number");
    CHECK(objection("type = 'bool'", "yes") == "is 'yes', but must be true or false");
    CHECK(objection("type = 'string'", 5) == "is 5, but must be a string");
    CHECK(objection("type = 'string', one_of = ['a', 'b']", "c") == "is 'c', but must be one of 'a', 'b'");
    CHECK(objection("type = 'duration'", "soon") == "is 'soon', but must be a duration such as '30s'");
    CHECK(objection("type = 'duration'", "1m30s") == "none");
    CHECK(objection("type = 'list'", "a") == "is 'a', but must be a list of strings");
    CHECK(objection("type = 'list'", base::Array{1}) == "is a list, but must be a list of strings");
    CHECK(objection("type = 'list'", std::vector<std::string>{"a"}) == "none");
}

TEST_CASE("a setting that contradicts itself is refused with its place") {
    CHECK(error_of("[settings]\na = { type = 'prot' }\n") ==
          "package.toml:2: 'prot' is no type of a setting; did you mean 'port'?");
    CHECK(error_of("[settings]\na = { type = 'colour' }\n") ==
          "package.toml:2: 'colour' is no type of a setting; there are string, int, number, bool, port, "
          "duration, list");
    CHECK(error_of("[settings]\na = { type = 'port', default = 0 }\n") ==
          "package.toml:2: the default of setting 'a' is 0, but must be a port between 1 and 65535");
    CHECK(error_of("[settings]\na = { type = 'int', min = 5, max = 4 }\n") ==
          "package.toml:2: 'min' is 5, but 'max' is only 4");
    CHECK(error_of("[settings]\na = { type = 'string', min = 5 }\n") ==
          "package.toml:2: 'min' is for the types int and number, not for string");
    CHECK(error_of("[settings]\na = { type = 'int', max = 'x' }\n") ==
          "package.toml:2: 'max' is a string, but must be a number");
    CHECK(error_of("[settings]\na = { type = 'int', one_of = ['x'] }\n") ==
          "package.toml:2: 'one_of' is for the type string, not for int");
    CHECK(
        error_of("[settings]\nmy-port = { type = 'port' }\n") ==
        "package.toml:2: setting 'my-port' cannot be written in a template as settings.my-port; use letters, "
        "digits and '_'");
    CHECK(error_of("[settings]\na = { type = 'port', defualt = 1 }\n") ==
          "package.toml:2: unknown key 'settings.a.defualt'; did you mean 'default'?");
}

TEST_CASE("a service's name that is no word is refused with its place") {
    const auto refused = [](const std::string& name) {
        return error_of("\n[services.'" + name + "']\nstart = ['x']\npid_file = '/run/a'\n");
    };
    CHECK(refused("a/b") ==
          "package.toml:2: service name 'a/b' has a '/', but only letters, digits, '-', '_' "
          "and '.' are allowed");
    CHECK(refused("a b") ==
          "package.toml:2: service name 'a b' has a ' ', but only letters, digits, '-', '_' "
          "and '.' are allowed");
    CHECK(refused(".a") ==
          "package.toml:2: service name '.a' begins with '.', but must begin with a letter or digit");
    CHECK(refused("") == "package.toml:2: service name is empty");
    CHECK(refused("shop-app_2.x") == "no error");
}

TEST_CASE("a service, check, command or template that cannot work is refused with its place") {
    CHECK(error_of("[services.a]\nstart = []\npid_file = '/run/a'\n") ==
          "package.toml:2: 'start' is empty, but must be a program and its arguments");
    CHECK(error_of("[services.a]\nstart = ['x']\npid_file = ''\n") == "package.toml:3: 'pid_file' is empty");
    CHECK(error_of("[services.a]\nstart = ['x']\npid_file = '/run/a'\nstop = 'TREM'\n") ==
          "package.toml:4: 'TREM' is no signal; did you mean 'TERM'?");
    CHECK(
        error_of("[services.a]\nstart = ['x']\npid_file = '/run/a'\nreload = 'systemctl reload a'\n") ==
        "package.toml:4: 'systemctl reload a' is no signal; write its name without SIG, such as 'TERM', or a "
        "command as a list");
    CHECK(error_of("[services.a]\nstart = ['x']\npid_file = '/run/a'\nstop_timeout = '0s'\n") ==
          "package.toml:4: 'stop_timeout' must be longer than nothing");
    CHECK(error_of("[health]\nready = { rise = 2 }\n") ==
          "package.toml:2: check 'ready' has none of http, tcp and exec, but must have exactly one");
    CHECK(error_of("[health]\nready = { http = 'x', tcp = 'y' }\n") ==
          "package.toml:2: check 'ready' has several of http, tcp and exec, but must have exactly one");
    CHECK(error_of("[health]\nready = { tcp = 'y', status = 200 }\n") ==
          "package.toml:2: 'status' is for http checks");
    CHECK(error_of("[[commands]]\nname = 'a'\nrun = ['x']\nok = [256]\n") ==
          "package.toml:4: 'ok' must be a list of exit codes between 0 and 255");
    CHECK(error_of("[[commands]]\nname = 'a'\nrun = ['x']\n[[commands]]\nname = 'a'\nrun = ['x']\n") ==
          "package.toml:4: 'a' stands twice in 'commands'");
    CHECK(error_of("[[commands]]\nname = 'a'\nrun = ['x']\nok = []\n") ==
          "package.toml:4: 'ok' must be a list of exit codes between 0 and 255");
    CHECK(error_of("[[commands]]\nname = 'a'\nrun = ['x']\nok = [0]\nchanged = [2]\n") ==
          "package.toml:5: 'changed' has the exit code 2, which is not in 'ok'; write it into both, or into "
          "none");
    CHECK(error_of("[[commands]]\nname = 'a'\nrun = ['x']\nirreversable = true\n") ==
          "package.toml:4: unknown key 'commands[0].irreversable'; did you mean 'irreversible'?");
    CHECK(error_of("[[hooks]]\nat = 'befor-drain'\nrun = ['x']\n") ==
          "package.toml:2: 'befor-drain' is no point for a hook; did you mean 'before-drain'?");
    CHECK(error_of("[[hooks]]\nat = 'tomorrow'\nrun = ['x']\n") ==
          "package.toml:2: 'tomorrow' is no point for a hook; there are before-drain, after-drain, "
          "before-apply, "
          "after-apply, before-restart, after-restart, before-stop, after-stop, before-start, after-start, "
          "before-undrain, after-undrain, before-undo, after-undo");
    CHECK(error_of("[[hooks]]\nat = 'before-drain'\n") ==
          "package.toml:1: 'run' is empty, but must be a program and its arguments");
    CHECK(error_of("[[hooks]]\nat = 'before-drain'\nrun = ['x']\non_failure = 'wran'\n") ==
          "package.toml:4: 'wran' is no 'on_failure'; did you mean 'warn'?");
    CHECK(error_of("[[hooks]]\nat = 'before-drain'\nrun = ['x']\ntimeout = '0s'\n") ==
          "package.toml:4: 'timeout' must be longer than nothing");
    CHECK(error_of("[[templates]]\nsource = 'a'\nto = 'etc/a'\n") ==
          "package.toml:3: 'etc/a' is no absolute path of a file");
    CHECK(error_of("[[templates]]\nsource = 'a'\nto = '/etc/a'\nmode = '0888'\n") ==
          "package.toml:4: '0888' is no file mode; write it in octal, such as '0644'");
    CHECK(error_of("[[templates]]\nsource = 'a'\nto = '/etc/a'\nvalidate = ['check', '{{ file }}']\n") ==
          "package.toml:4: 'validate' must be a list of commands, each a list of strings: [[\"program\", "
          "\"argument\"]]");
    CHECK(error_of("[drain]\nmarker = ''\n") == "package.toml:2: 'marker' is empty");
}
