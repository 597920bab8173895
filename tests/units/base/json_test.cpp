// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "base/json.hpp"

#include "tests/refusal.hpp"

#include <limits>

using base::Array;
using base::Fault;
using base::Object;
using base::parse_json;
using base::to_json;
using base::Value;
using tests::refusal;

namespace {

std::string refused(std::string_view text, base::JsonLimits limits = {}) {
    return refusal(Fault::Input, [&] { parse_json(text, "order.json", limits); });
}

} // namespace

TEST_CASE("what was written as JSON reads back as the same value") {
    const Value value = Object{{"text", "a \"quoted\" \\ line\n\ttab \x01 \xc3\xa4 \xf0\x9f\x9a\x80"},
                               {"whole", std::numeric_limits<std::int64_t>::min()},
                               {"number", 0.1},
                               {"round", 3.0},
                               {"small", 5e-324},
                               {"large", std::numeric_limits<double>::max()},
                               {"flag", true},
                               {"nothing", nullptr},
                               {"list", Array{Value(1), Value(Array{}), Value(Object{})}},
                               {"record", Object{{"", "an empty name is a name"}}}};
    CHECK(parse_json(to_json(value), "x") == value);
    CHECK(parse_json(base::to_pretty_json(value), "x") == value);
}

TEST_CASE("JSON is written in one line, or indented by two for people") {
    const Value value = Object{{"b", Array{Value(1), Value("x\x7f")}}, {"a", Object{}}};
    CHECK(to_json(value) == R"({"b":[1,"x\u007f"],"a":{}})");
    CHECK(base::to_pretty_json(value) == "{\n  \"b\": [\n    1,\n    \"x\\u007f\"\n  ],\n  \"a\": {}\n}\n");
}

TEST_CASE("bytes that are not UTF-8 are written as the replacement character, so that the text stays JSON") {
    // a lone continuation, a surrogate, an overlong slash, a cut sequence
    const Value value = std::string("a\x80z\xed\xa0\x80z\xc0\xafz\xe2\x82");
    CHECK(*parse_json(to_json(value), "x").text() == "a\xef\xbf\xbdz\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdz\xef"
                                                     "\xbf\xbd\xef\xbf\xbdz\xef\xbf\xbd\xef\xbf\xbd");
}

TEST_CASE("a number that is not finite is neither read nor written") {
    CHECK(refused("NaN") == "order.json:1: this is not JSON: syntax error");
    CHECK(refused("[1,\n-Infinity]") == "order.json:2: this is not JSON: syntax error");
    CHECK(refused("1e400") == "order.json:1: number 1e400 is out of range");
    CHECK(refusal(Fault::Internal, [] { to_json(std::numeric_limits<double>::quiet_NaN()); }) ==
          "a number that is not finite cannot be written as JSON");
}

TEST_CASE("whole numbers that fit stay whole, all others become the nearest double") {
    CHECK(*parse_json("9223372036854775807", "x").whole() == std::numeric_limits<std::int64_t>::max());
    CHECK(*parse_json("-9223372036854775808", "x").whole() == std::numeric_limits<std::int64_t>::min());
    CHECK(*parse_json("9223372036854775808", "x").number() == 9223372036854775808.0);
    CHECK(*parse_json("1.0", "x").number() == 1.0);
    CHECK(*parse_json("0.1", "x").number() == 0.1);
    CHECK(*parse_json("1448997445238699", "x").whole() == 1448997445238699);
    CHECK(*parse_json("6.02214076e23", "x").number() == 6.02214076e23);
    CHECK(*parse_json("[1.5,\n2.5]", "x").array()->at(1).number() == 2.5);
}

TEST_CASE("a member that is given twice is refused with both lines") {
    CHECK(refused("{\"a\": 1,\n \"b\": 2,\n \"a\": 3}") ==
          "order.json:3: 'a' is given twice, first on line 1");
    CHECK(refused(R"({"x": {"a": 1, "\u0061": 2}})") == "order.json:1: 'a' is given twice, first on line 1");
    CHECK(parse_json(R"([{"a": 1}, {"a": 1}])", "x").array()->size() == 2);
}

TEST_CASE("a record of very many members is read in time that does not grow with their square") {
    std::string text = "{";
    for (int at = 0; at < 200'000; ++at) {
        text += fmt::format("\"{}\":{},", at, at);
    }
    text += "\"0\":0}";
    CHECK(refused(text) == "order.json:1: '0' is given twice, first on line 1");
}

TEST_CASE("a text that is nested too deep is refused, whether it ends or not") {
    CHECK(refused(std::string(1'000'000, '[')) ==
          "order.json:1: lists and records are nested deeper than 64");
    std::string records;
    for (int at = 0; at < 100; ++at) {
        records += "{\"a\":\n";
    }
    CHECK(refused(records) == "order.json:65: lists and records are nested deeper than 64");
    const std::string allowed = std::string(64, '[') + std::string(64, ']');
    CHECK(parse_json(allowed, "x").array()->size() == 1);
    CHECK(refused("[[]]", {.depth = 1}) == "order.json:1: lists and records are nested deeper than 1");
}

TEST_CASE("a text that is larger than the limit is refused before it is read") {
    CHECK(refused("[1, 2, 3]", {.bytes = 8}) ==
          "order.json:1: the JSON text has 9 bytes, but at most 8 are read");
}

TEST_CASE("every beginning of a document is refused, with the line where it ends") {
    const std::string_view text = "{\"a\":[1,\n\"b\"]}";
    for (std::size_t length = 0; length < text.size(); ++length) {
        const int line = length <= text.find('\n') ? 1 : 2;
        // A final line feed ends its line; nothing stands on the next one.
        const std::string wanted = fmt::format("order.json:{}: the JSON text ends too early",
                                               length == text.find('\n') + 1 ? 1 : line);
        CHECK(refused(text.substr(0, length)) == wanted);
    }
    CHECK(parse_json(text, "x").object() != nullptr);
}

TEST_CASE("blank lines count, wherever they stand") {
    CHECK(refused("{\n\n \t\r\n\"a\":\n\n\n1\n\n,]") == "order.json:9: this is not JSON: syntax error");
    CHECK(refused("[\n\n\n") == "order.json:3: the JSON text ends too early");
    CHECK(*parse_json("\n\n1\n\n\n", "x").whole() == 1);
}

TEST_CASE("JSON that is not JSON is refused with its line") {
    CHECK(refused("{}\n{}") == "order.json:2: something follows the end of the JSON text");
    CHECK(refused("{} x") == "order.json:1: something follows the end of the JSON text");
    CHECK(refused("\n\n[1,]") == "order.json:3: this is not JSON: syntax error");
    CHECK(refused("\"a\nb\"") == "order.json:1: this is not JSON: syntax error");
    CHECK(refused("// remark\n1") == "order.json:1: this is not JSON: syntax error");
    CHECK(refused("\"\xff\"").starts_with("order.json:1: this is not JSON"));
    CHECK(refused("\"\\ud800\"").starts_with("order.json:1: this is not JSON"));
    CHECK(refused("'a'") == "order.json:1: this is not JSON: syntax error");
    CHECK(refused("01") == "order.json:1: something follows the end of the JSON text");
}

TEST_CASE("every value of a JSON text knows the line on which it begins") {
    const Value value = parse_json("\n{\n  \"a\": 1,\n  \"b\":\n    [true,\n     {\"c\": \"d\"}]\n}\n", "x");
    CHECK(value.line == 2);
    const Object& object = *value.object();
    CHECK(object.members[0].line == 3);
    CHECK(object.members[0].value.line == 3);
    CHECK(object.members[1].line == 4);
    CHECK(object.members[1].value.line == 5);
    CHECK(object.find("b")->array()->at(1).line == 6);
    CHECK(object.find("b")->array()->at(1).object()->find("c")->line == 6);
}
