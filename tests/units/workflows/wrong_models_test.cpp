// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// What people write wrong into app.lua, and what they are told: where, what, and what to write instead.
#include "tests/catch.hpp"
#include "tests/units/workflows/errors.hpp"
#include "workflows/engine/application.hpp"

using workflows::engine::Application;

namespace {

struct Wrong {
    const char* text;
    const char* told;
};

// clang-format off
constexpr Wrong in_braces[] = {
    {"  component \"db\" { packages = { \"a\" } }\n  component \"app\" { packages = { \"b\" } }",
     "app.lua:3:3: ',' or '}' is missing before 'component'; the '{' of line 1 is open"},
    {"  component db { packages = { \"a\" } }",
     "app.lua:2:13: ',' or '}' is missing before 'db', or quotes around it; the '{' of line 1 is open"},
    {"  component \"db\" { packages = { shop } }",
     "app.lua:2: unknown name 'shop'; give it a value first, or write \"shop\" if it is text"},
    {"  component \"db\" { packages = { \"a\" }, produces = { s = { port = setting port } } }",
     "app.lua:2:74: ',' or '}' is missing before 'port', or quotes around it; the '{' of line 2 is open"},
    {"  component \"db\" { packages = { \"a\" }, produces = { s = { port = settings \"port\" } } }",
     "app.lua:2: unknown name 'settings'; did you mean 'setting'?"},
    {"  component \"db { packages = { \"a\" } }",
     "app.lua:2:33: ',' or '}' is missing before 'a', or quotes around it; the '{' of line 1 is open"},
    {"  component \"db\"",
     "app.lua:2: component 'db' lacks its braces; write component \"db\" { packages = { \"NAME\" } }"},
    {"  component \"\" { packages = { \"a\" } }",
     "app.lua:2: component 'shop/' lacks the word after its '/'"},
    {"  component(3) { packages = { \"a\" } }",
     "app.lua:2: a name in quotes is expected, but this is a number; write component \"NAME\" { packages = { \"NAME\" } }"},
    {"  component \"db\" \"shop-db\"",
     "app.lua:2: 'db' is followed by a string, but must be followed by braces; write component \"NAME\" { packages = { \"NAME\" } }"},
    {"  db = component \"db\" { packages = { \"a\" } }",
     "app.lua:2: component 'db' stands outside of the application; move it into the braces of application \"NAME\" { … }"},
    {"  components = { component \"db\" { packages = { \"a\" } } }",
     "app.lua:2: component 'db' stands outside of the application; move it into the braces of application \"NAME\" { … }"},
    {"  component \"db\" { packages = \"a\" }",
     "app.lua:2: 'db.packages' is a string, but must be a list of strings"},
    {"  component \"db\" { packages = { 1 } }",
     "app.lua:2: 'db.packages[0]' is a number, but must be a string"},
    {"  component \"db\" { packages = { a = \"1.0\" } }",
     "app.lua:2: 'db.packages' is a record, but must be a list of strings"},
    {"  component \"db\" { packages = { \"a\", nil, \"b\" } }",
     "app.lua:2: in the braces of 'db': a table is both a list and a record, or a list with gaps; write component \"NAME\" { packages = { \"NAME\" } }"},
    {"  component \"db\" { packages = { \"a\", \"a\" } }",
     "app.lua:2: package 'a' is written twice"},
    {"  component \"db\" { }",
     "app.lua:2: component 'db' has no packages; write packages = { \"NAME\" }"},
    {"  component \"db\" { packages = { \"a\" }, produce = { s = {} } }",
     "app.lua:2: unknown key 'db.produce'; did you mean 'produces'?"},
    {"  component \"db\" { packages = { \"shop-db\" }, produces = { redis = { port = setting \"port\" } } },\n  component \"db2\" { packages = { \"a\" }, consume = { s = \"redis\" } }",
     "app.lua:3: unknown key 'db2.consume'; did you mean 'consumes'?"},
    {"  component \"db\" { packages = { \"a\" }, peers = \"yes\" }",
     "app.lua:2: 'db.peers' is a string, but must be true or false"},
    {"  component \"db\" { packages = { \"a\" }, peers = 1 }",
     "app.lua:2: 'db.peers' is a number, but must be true or false"},
    {"  component \"db\" { packages = { \"a\" }, produces = { \"sql\" } }",
     "app.lua:2: 'produces' is a list, but must be a record; write produces = { http = { port = setting \"port\" } }"},
    {"  component \"db\" { packages = { \"a\" }, produces = { sql = \"port\" } }",
     "app.lua:2: service 'sql' is no record of what it hands out; write sql = { port = setting \"port\" }"},
    {"  component \"db\" { packages = { \"a\" }, produces = { sql = setting \"port\" } }",
     "app.lua:2: service 'sql' is no record of what it hands out; write sql = { port = setting \"port\" }"},
    {"  component \"db\" { packages = { \"a\" }, produces = { sql = { port = { number = 5 } } } }",
     "app.lua:2: 'port' is a record, but must be setting \"NAME\", text, a number, or true or false"},
    {"  component \"db\" { packages = { \"a\" }, produces = { sql = { port = function() end } } }",
     "app.lua:2: in the braces of 'db': a function stands where data is expected; write component \"NAME\" { packages = { \"NAME\" } }"},
    {"  component \"db\" { packages = { \"a\" }, produces = { sql = { [\"my-port\"] = 1 } } }",
     "app.lua:2: 'my-port' cannot name a field of a service: templates read letters, digits and '_'"},
    {"  component \"db\" { packages = { \"a\" }, produces = { sql = { node = \"x\" } } }",
     "app.lua:2: 'node' is the producing node's own in every record of a service; give the field another name"},
    {"  component \"db\" { packages = { \"a\" }, produces = { sql = { address = \"x\" } } }",
     "app.lua:2: 'address' is the producing node's own in every record of a service; give the field another name"},
    {"  component \"db\" { packages = { \"a\" }, produces = { [\"s q l\"] = {} } }",
     "app.lua:2: service 's q l' has a ' ', but only letters, digits, '-', '_' and '.' are allowed"},
    {"  component \"a\" { packages = { \"a\" }, produces = { sql = {} } },\n  component \"b\" { packages = { \"b\" }, produces = { sql = {} } }",
     "app.lua:3: service 'sql' is produced by 'a' and by 'b'; give one of them another name"},
    {"  component \"db\" { packages = { \"a\" }, produces = { sql = { port = 70000 } } }",
     "app.lua:2: 'db.produces.sql.port' is 70000, but must be from 1 to 65535"},
    {"  component \"db\" { packages = { \"a\" }, produces = { sql = { port = \"5432\" } } }",
     "app.lua:2: 'db.produces.sql.port' is a string, but must be a whole number"},
    {"  component \"db\" { packages = { \"shop-db\" }, produces = { redis = { port = setting \"port\" } } },\n  component \"app\" { packages = { \"a\" }, consumes = { \"redis\" } }",
     "app.lua:3: 'consumes' is a list, but must be a record; write consumes = { backends = \"http\" }"},
    {"  component \"db\" { packages = { \"shop-db\" }, produces = { redis = { port = setting \"port\" } } },\n  component \"app\" { packages = { \"a\" }, consumes = { db = 1 } }",
     "app.lua:3: 'db' is a number, but must be the name of a service, or external \"NAME\""},
    {"  component \"db\" { packages = { \"shop-db\" }, produces = { redis = { port = setting \"port\" } } },\n  component \"app\" { packages = { \"a\" }, consumes = { db = setting \"x\" } }",
     "app.lua:3: 'db' is a record, but must be the name of a service, or external \"NAME\""},
    {"  component \"db\" { packages = { \"shop-db\" }, produces = { redis = { port = setting \"port\" } } },\n  component \"app\" { packages = { \"a\" }, consumes = { db = \"sql\" } }",
     "app.lua:3: component 'app' consumes 'sql', which nobody produces; write external \"sql\" if the environment gives it"},
    {"  component \"db\" { packages = { \"shop-db\" }, produces = { redis = { port = setting \"port\" } } },\n  component \"app\" { packages = { \"a\" }, consumes = { db = \"reds\" } }",
     "app.lua:3: component 'app' consumes 'reds', which nobody produces; did you mean 'redis'?"},
    {"  component \"db\" { packages = { \"shop-db\" }, produces = { redis = { port = setting \"port\" } } },\n  component \"app\" { packages = { \"a\" }, consumes = { db = \"db\" } }",
     "app.lua:3: component 'app' consumes 'db', which nobody produces; that is a component; it produces 'redis'"},
    {"  component \"db\" { packages = { \"shop-db\" }, produces = { redis = { port = setting \"port\" } } },\n  component \"app\" { packages = { \"a\" }, consumes = { db = \"shop/db\" } }",
     "app.lua:3: component 'app' consumes 'shop/db', which nobody produces; that is a component; it produces 'redis'"},
    {"  component \"db\" { packages = { \"shop-db\" }, produces = { redis = { port = setting \"port\" } } },\n  component \"app\" { packages = { \"a\" }, consumes = { db = \"mail/smtp\" } }",
     "app.lua:3: component 'app' consumes 'mail/smtp', which nobody produces; write external \"smtp\" if the environment gives it"},
    {"  component \"app\" { packages = { \"a\" }, consumes = { o = \"x\" }, produces = { x = {} } }",
     "app.lua:2: components consume each other in a cycle: shop/app -> shop/app; write peers = true for a component that needs to know its own kind"},
    {"  component \"app\" { packages = { \"a\" }, consumes = { db = external { \"x\" } } }",
     "app.lua:2: a name in quotes is expected, but this is a table; write mail = external \"smtp\""},
    {"  component \"app\" { packages = { \"a\" }, consumes = { db = external smtp } }",
     "app.lua:2:68: ',' or '}' is missing before 'smtp', or quotes around it; the '{' of line 2 is open"},
    {"  component \"app\" { packages = { \"a\" }, consumes = { db = external \"\" } }",
     "app.lua:2: service is empty"},
    {"  component \"db\" { packages = { \"shop-db\" }, produces = { redis = { port = setting \"port\" } } },\n  component \"app\" { packages = { \"a\" }, consumes = { [\"\"] = \"redis\" } }",
     "app.lua:3: '' cannot name a name in 'consumes': templates read letters, digits and '_'"},
    {"  component \"a\" { packages = { \"a\" }, produces = { x = {} }, consumes = { y = \"y\" } },\n  component \"b\" { packages = { \"b\" }, produces = { y = {} }, consumes = { x = \"x\" } }",
     "app.lua:2: components consume each other in a cycle: shop/a -> shop/b -> shop/a"},
    {"  component \"db\" { packages = { \"shop-db\" }, produces = { redis = { port = setting \"port\" } } },\n  component \"app\" { packages = { \"a\" }, conflicts = \"shop/db\" }",
     "app.lua:3: 'app.conflicts' is a string, but must be a list of strings"},
    {"  component \"db\" { packages = { \"shop-db\" }, produces = { redis = { port = setting \"port\" } } },\n  component \"app\" { packages = { \"a\" }, conflicts = { \"shop/bd\" } }",
     "app.lua:3: component 'app' conflicts with 'shop/bd', which this application does not have; did you mean 'shop/db'?"},
    {"  component \"app\" { packages = { \"a\" }, migrate = 3 }",
     "app.lua:2: 'app.migrate' is a number, but must be a string"},
    {"  component \"app\" { packages = { \"a\" }, migrate = { \"x\" } }",
     "app.lua:2: 'app.migrate' is a list, but must be a string"},
    {"  component \"a\" { name = \"b\", packages = { \"p\" } }",
     "app.lua:2: unknown key 'name'; the name stands before the braces"},
    {"  component \"a\" { packages = { \"p\" }, level = 1 }",
     "app.lua:2: unknown key 'a.level'; known are 'name', 'packages', 'peers', 'produces', 'consumes', 'migrate', 'conflicts'"},
    {"  component \"a\" { packages = { \"p\" .. {} } }",
     "app.lua:2: attempt to concatenate a table value"},
    {"  component \"a\" { packages = { \"p\" }, produces = { s = { x = 0/0 } } }",
     "app.lua:2: in the braces of 'a': a number is -nan, which is no data; write component \"NAME\" { packages = { \"NAME\" } }"},
    {"  component \"a\" { packages = { \"p\" } }, extra = 1",
     "app.lua:1: in the braces of 'shop': a table is both a list and a record, or a list with gaps; write application \"NAME\" { component \"NAME\" { … } }"},
};

constexpr Wrong files[] = {
    {"",
     "app.lua: no application; write application \"NAME\" { component \"NAME\" { … } }"},
    {"﻿application \"x\" { component \"a\" { packages = {\"p\"} } }",
     "app.lua:1:1: '<feff>' means nothing here; save the text as UTF-8 without a byte order mark"},
    {"[application]\nname = \"shop\"",
     "app.lua:1:1: '[' stands where a value is expected"},
    {"application \"shop\" {\n  component \"db\" { packages = { \"a\" }",
     "app.lua:2:38: '}' is missing before <eof>; it closes the '{' of line 2"},
    {"application \"shop\"",
     "app.lua:1: application 'shop' lacks its braces; write application \"NAME\" { component \"NAME\" { … } }"},
    {"application { component \"db\" { packages = { \"a\" } } }",
     "app.lua:1: a name in quotes is expected, but this is a table; write application \"NAME\" { component \"NAME\" { … } }"},
    {"application \"shop\" {\n  component \"db\" { packages = { \"shop-db\" }, produces = { redis = { port = setting \"port\" } } },\n\n}\napplication \"mail\" { component \"x\" { packages = { \"p\" } } }",
     "app.lua:5: 'application' is written twice; one file describes one application"},
    {"component \"db\" { packages = { \"shop-db\" }, produces = { redis = { port = setting \"port\" } } }",
     "app.lua: no application; write application \"NAME\" { component \"NAME\" { … } }"},
    {"local x = component \"a\" { packages = { \"p\" } }\napplication \"shop\" {\n  component \"db\" { packages = { \"shop-db\" }, produces = { redis = { port = setting \"port\" } } },\n\n}",
     "app.lua:1: component 'a' stands outside of the application; move it into the braces of application \"NAME\" { … }"},
    {"local c = component \"a\" { packages = { \"p\" } }\napplication \"shop\" {\nc, c\n}",
     "app.lua:1: component 'a' is written twice"},
    {"error(\"stop here\")",
     "app.lua:1: stop here"},
    {"error({})",
     "app.lua: the script raised a table instead of a message"},
    {"application \"shop\" {\n  component \"db\" { packages = { \"shop-db\" }, produces = { redis = { port = setting \"port\" } } },\n\n}\nassert(false, \"no good\")",
     "app.lua:5: no good"},
    {"foo.bar()",
     "app.lua:1: unknown name 'foo'; give it a value first, or write \"foo\" if it is text"},
    {"require \"x\"",
     "app.lua:1: unknown name 'require'; a script is one text, and nothing is loaded into it"},
    {"application \"sh\\nop\" { component \"a\" { packages = { \"p\" } } }",
     "app.lua:1: application name 'sh?op' has a '?', but only letters, digits, '-', '_' and '.' are allowed"},
    {"return { components = {} }",
     "app.lua: no application; write application \"NAME\" { component \"NAME\" { … } }"},
    {"return workflow { run = function() end }",
     "app.lua:1: unknown name 'workflow'; give it a value first, or write \"workflow\" if it is text"},
    {"local v = \"a\" .. nil",
     "app.lua:1: attempt to concatenate a nil value"},
};

// clang-format on

std::string told(const std::string& text) {
    return tests::input_error([&] { Application::evaluate(text, "app.lua"); });
}

} // namespace

TEST_CASE("each of many wrong models is refused with file, line, what is wrong and what to write instead") {
    for (const Wrong& wrong : in_braces) { // these begin on line 2
        INFO(wrong.text);
        CHECK(told(fmt::format("application \"shop\" {{\n{}\n}}\n", wrong.text)) == wrong.told);
    }
    for (const Wrong& wrong : files) {
        INFO(wrong.text);
        CHECK(told(wrong.text) == wrong.told);
    }
}
