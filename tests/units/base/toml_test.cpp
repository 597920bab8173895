// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "base/toml.hpp"

#include "tests/refusal.hpp"

using base::Fault;
using base::Object;
using base::parse_toml;
using base::Value;
using tests::refusal;

namespace {

constexpr std::string_view recipe = R"(name = "shop-app"
zeta = 1
alpha = 2.5

[[files]]
from = "dist/"
to = "/opt"

[[files]]
from = "etc/"

[services]
units = ["a",
         "b"]
deep.er = true
)";

std::string refused(std::string_view text) {
    return refusal(Fault::Input, [&] { parse_toml(text, "package.toml"); });
}

} // namespace

TEST_CASE("TOML keeps the order in which keys were written, not that of the alphabet") {
    const Value value = parse_toml(recipe, "package.toml");
    std::string order;
    for (const base::Member& member : value.object()->members) {
        order += member.name + " ";
    }
    CHECK(order == "name zeta alpha files services ");
}

TEST_CASE("every key and value of a TOML document knows its line") {
    const Value value = parse_toml(recipe, "package.toml");
    const Object& root = *value.object();
    CHECK(root.members[1].line == 2);
    CHECK(root.find("zeta")->line == 2);
    const base::Array& files = *root.find("files")->array();
    REQUIRE(files.size() == 2);
    CHECK(files[0].line == 5);
    CHECK(files[1].line == 9);
    CHECK(files[1].object()->find("from")->line == 10);
    const Object& services = *root.find("services")->object();
    CHECK(root.find("services")->line == 12);
    CHECK(services.find("units")->array()->at(1).line == 14);
    CHECK(services.find("deep")->line == 15);
    CHECK(services.find("deep")->object()->find("er")->line == 15);
}

TEST_CASE("TOML's dates and times become RFC 3339 text") {
    const Value value = parse_toml("a = 1979-05-27T07:32:00Z\nb = 1979-05-27\nc = 07:32:00.5\n"
                                   "d = 1979-05-27T00:32:00-07:00\n",
                                   "x");
    CHECK(*value.object()->find("a")->text() == "1979-05-27T07:32:00Z");
    CHECK(*value.object()->find("b")->text() == "1979-05-27");
    CHECK(*value.object()->find("c")->text() == "07:32:00.5");
    CHECK(*value.object()->find("d")->text() == "1979-05-27T00:32:00-07:00");
}

TEST_CASE("TOML's values come as the kinds they are") {
    const Value value = parse_toml("a = 0x10\nb = -0.5\nc = false\nd = '''\nx\ny'''\ne = {}\n", "x");
    CHECK(*value.object()->find("a")->whole() == 16);
    CHECK(*value.object()->find("b")->number() == -0.5);
    CHECK(*value.object()->find("c")->flag() == false);
    CHECK(*value.object()->find("d")->text() == "x\ny");
    CHECK(value.object()->find("e")->object()->empty());
    CHECK(parse_toml("", "x").object()->empty());
}

TEST_CASE("a mistake in a TOML document is reported with its line") {
    CHECK(refused("a = 1\nb = \n").starts_with("package.toml:2: error while parsing"));
    CHECK(refused("a = 1\na = 2\n").starts_with("package.toml:2: error while parsing"));
    CHECK(refused("a = \"\xff\"\n").starts_with("package.toml:1: "));
    CHECK(refused("[t]\na = nan\n") == "package.toml:2: a number must be finite");
    CHECK(refused("a = [-inf]\n") == "package.toml:1: a number must be finite");
    CHECK(refused("a = 9223372036854775808").starts_with("package.toml:1: error while parsing"));
}

TEST_CASE("what is not ASCII stands in quotes or remarks") {
    const std::string quote_it = "a character that is not ASCII stands outside of quotes; quote it";
    CHECK(refused("a = 1\n\xc3\xa4 = 1\n") == "package.toml:2: " + quote_it);
    CHECK(refused("a = '''\n\n''' \xca\x87") == "package.toml:3: " + quote_it);
    CHECK(refused("\xc2\xa0") == "package.toml:1: " + quote_it);
    const Value value = parse_toml("\xef\xbb\xbf\"\xc3\xa4\" = '\xca\x87' # \xc3\xbc\n", "x");
    CHECK(*value.object()->find("\xc3\xa4")->text() == "\xca\x87");
}

TEST_CASE("TOML that is nested too deep is refused, also by the dots of its keys") {
    const std::string deep = "tables and lists are nested deeper than 64";
    std::string dotted = "a";
    std::string inline_tables = "x = 1\ny = ";
    for (int at = 0; at < 100'000; ++at) {
        dotted += ". \"a.=\"";
        inline_tables += "{ 'a'.a=";
    }
    CHECK(refused("x = 1\na = " + std::string(100'000, '[')) == "package.toml:2: " + deep);
    CHECK(refused(dotted + " = 1") == "package.toml:1: " + deep);
    CHECK(refused("\n  [" + dotted + "]") == "package.toml:2: " + deep);
    CHECK(refused("[[" + dotted + "]]") == "package.toml:1: " + deep);
    CHECK(refused(inline_tables) == "package.toml:2: " + deep);
    // each part allowed, together too deep
    CHECK(refused("[a" + std::string(40, '.') + "]\nb" + std::string(40, '.') + " = 1") ==
          "package.toml:2: " + deep);
    const std::string text = R"(s = """
a.b\""" [[[ {{{ """"
t = '''
[[[ \'''
u = "\"[[[" # [[[
)";
    std::string quotes;
    for (int at = 0; at < 100; ++at) {
        quotes += fmt::format("k{0} = \"a.b.c\"\nn{0} = [1.5, 2.5, {{ a.b = 1.5, c.d = [] }}]\n", at);
    }
    CHECK(parse_toml(text + quotes, "x").object()->size() == 203);
}
