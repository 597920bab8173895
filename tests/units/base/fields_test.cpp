// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "base/fields.hpp"

#include "base/json.hpp"
#include "base/toml.hpp"
#include "tests/refusal.hpp"

using base::Duration;
using base::Fault;
using base::Fields;
using base::parse_toml;
using base::Value;
using tests::refusal;
using namespace std::chrono_literals;

namespace {

/// The message that reading one document in this way ends with.
template <class Read> std::string refused(std::string_view document, Read read) {
    return refusal(Fault::Input, [&] {
        const Value value = parse_toml(document, "package.toml");
        read(Fields(value, "package.toml"));
    });
}

} // namespace

TEST_CASE("a record is read member by member, with defaults for what is absent") {
    const Value value =
        parse_toml("name = 'shop'\nport = 80\nonce = true\nsoak = '1m30s'\nunits = ['a', 'b']\n"
                   "[health]\nrise = 2\n[[files]]\nto = '/a'\n[[files]]\nto = '/b'\n",
                   "package.toml");
    const Fields fields(value, "package.toml");
    CHECK(fields.text("name") == "shop");
    CHECK(fields.text("kind", "app") == "app");
    CHECK(fields.maybe_text("summary") == std::nullopt);
    CHECK(fields.whole("port", 1, 65535) == 80);
    CHECK(fields.whole("weight", 0, 9, 5) == 5);
    CHECK(fields.flag("once", false));
    CHECK(fields.duration("soak", 0s) == 90s);
    CHECK(fields.duration("deadline", 7s) == 7s);
    CHECK(fields.texts("units") == std::vector<std::string>{"a", "b"});
    CHECK(fields.texts("labels").empty());
    CHECK(fields.record("health")->whole("rise", 1, 10) == 2);
    CHECK_FALSE(fields.record("drain"));
    CHECK(fields.records("files").at(1).text("to") == "/b");
    CHECK_NOTHROW(fields.finish());
}

TEST_CASE("an unknown key is refused with its line and the nearest known one") {
    CHECK(refused("name = 'a'\n\nsumary = 'b'\n", [](const Fields& fields) {
              fields.text("name");
              fields.maybe_text("summary");
              fields.finish();
          }) == "package.toml:3: unknown key 'sumary'; did you mean 'summary'?");
    CHECK(refused("colour = 'b'\n", [](const Fields& fields) {
              fields.maybe_text("name");
              fields.know("kind");
              fields.finish();
          }) == "package.toml:1: unknown key 'colour'; known are 'name', 'kind'");
    CHECK(refused("[[files]]\nform = 'b'\n", [](const Fields& fields) {
              const Fields file = fields.records("files").at(0);
              file.maybe_text("from");
              file.finish();
          }) == "package.toml:2: unknown key 'files[0].form'; did you mean 'from'?");
}

TEST_CASE("a value of the wrong kind is refused with the kind it has and the one it must have") {
    CHECK(refused("\n\nmode = 644\n", [](const Fields& fields) { fields.text("mode"); }) ==
          "package.toml:3: 'mode' is a number, but must be a string");
    CHECK(refused("port = '80'\n", [](const Fields& fields) { fields.whole("port", 1, 9); }) ==
          "package.toml:1: 'port' is a string, but must be a whole number");
    CHECK(refused("port = 1.5\n", [](const Fields& fields) { fields.whole("port", 1, 9); }) ==
          "package.toml:1: 'port' is 1.5, but must be a whole number");
    CHECK(refused("once = 1\n", [](const Fields& fields) { fields.flag("once", false); }) ==
          "package.toml:1: 'once' is a number, but must be true or false");
    CHECK(refused("soak = 30\n", [](const Fields& fields) { fields.duration("soak", 0s); }) ==
          "package.toml:1: 'soak' is a number, but must be a duration such as '30s'");
    CHECK(refused("soak = '30'\n", [](const Fields& fields) { fields.duration("soak", 0s); }) ==
          "package.toml:1: 'soak': '30' is not a duration; write '30s'");
    CHECK(refused("units = 'a'\n", [](const Fields& fields) { fields.texts("units"); }) ==
          "package.toml:1: 'units' is a string, but must be a list of strings");
    CHECK(refused("units = ['a',\n2]\n", [](const Fields& fields) { fields.texts("units"); }) ==
          "package.toml:2: 'units[1]' is a number, but must be a string");
    CHECK(refused("health = 'x'\n", [](const Fields& fields) { fields.record("health"); }) ==
          "package.toml:1: 'health' is a string, but must be a record");
    CHECK(refused("[files]\n", [](const Fields& fields) { fields.records("files"); }) ==
          "package.toml:1: 'files' is a record, but must be a list of records");
    CHECK(refused("files = [{}, 3]\n", [](const Fields& fields) { fields.records("files"); }) ==
          "package.toml:1: 'files[1]' is a number, but must be a record");
}

TEST_CASE("a number out of its bounds is refused with the bounds") {
    CHECK(refused("port = 70000\n", [](const Fields& fields) { fields.whole("port", 1, 65535); }) ==
          "package.toml:1: 'port' is 70000, but must be from 1 to 65535");
    CHECK(refused("count = -1\n", [](const Fields& fields) {
              fields.whole("count", 0, std::numeric_limits<std::int64_t>::max());
          }) == "package.toml:1: 'count' is -1, but must be at least 0");
}

TEST_CASE("what is missing is named, in a part of the document with the line of that part") {
    CHECK(refused("kind = 'app'\n", [](const Fields& fields) { fields.text("name"); }) ==
          "package.toml: 'name' is missing");
    CHECK(refused("\n[[files]]\nfrom = 'a'\n", [](const Fields& fields) {
              fields.records("files").at(0).text("to");
          }) == "package.toml:2: 'files[0].to' is missing");
}

TEST_CASE("a document that is no record is refused") {
    const Value list = base::parse_json("[1]", "order.json");
    CHECK(refusal(Fault::Input, [&] { Fields(list, "order.json"); }) ==
          "order.json: this is a list, but must be a record");
}

TEST_CASE("null counts as absent where absence is allowed, and as nothing where it is not") {
    const Value value = base::parse_json(R"({"a": null, "b": null})", "order.json");
    const Fields fields(value, "order.json");
    CHECK_FALSE(fields.has("a"));
    CHECK(fields.maybe_text("a") == std::nullopt);
    CHECK(fields.whole("a", 0, 9, 3) == 3);
    CHECK_FALSE(fields.record("a"));
    CHECK(refusal(Fault::Input, [&] { fields.text("b"); }) ==
          "order.json:1: 'b' is nothing, but must be a string");
}

TEST_CASE("a record whose keys are names has no unknown keys") {
    const Value value = parse_toml("[labels]\nrack = 'a'\nzone = 'b'\n", "prod.toml");
    const Fields root(value, "prod.toml");
    const Fields labels = *root.record("labels");
    CHECK(labels.members().size() == 2);
    CHECK_NOTHROW(labels.finish());
    CHECK(refusal(Fault::Input, [&] { labels.fail("zone", "zone 'b' is closed"); }) ==
          "prod.toml:3: zone 'b' is closed");
    CHECK(refusal(Fault::Input, [&] { labels.fail("", "no labels today"); }) ==
          "prod.toml:1: no labels today");
    CHECK(labels.line_of("zone") == 3);
}

TEST_CASE("durations are read in their units and written in the shortest exact form") {
    for (const auto& [text, duration] : {std::pair("500ms", Duration(500ms)), std::pair("30s", Duration(30s)),
                                         std::pair("2m", Duration(2min)), std::pair("1h30m", Duration(90min)),
                                         std::pair("1d", Duration(24h)), std::pair("0s", Duration(0s)),
                                         std::pair("1d1h1m1s1ms", Duration(24h + 1h + 1min + 1s + 1ms)),
                                         std::pair("1s500ms", Duration(1500ms))}) {
        CHECK(base::parse_duration(text) == duration);
        CHECK(base::to_text(duration) == text);
    }
    CHECK(base::parse_duration("90s") == 90s);
    CHECK(base::to_text(90s) == "1m30s");
    CHECK(base::parse_duration("36500d") == 24h * 36500);
}

TEST_CASE("what is no duration is refused with what to write") {
    const auto said = [](std::string_view text) {
        return refusal(Fault::Input, [&] { base::parse_duration(text); });
    };
    CHECK(said("30") == "'30' is not a duration; write '30s'");
    for (const std::string_view text : {"", "s", "1.5s", "-1s", "1s1m", "1m1m", "1 s", "1w", "1h 30m", "30S",
                                        "9999999999999999s", "soon"}) {
        CHECK(said(text) == fmt::format("'{}' is not a duration; write for example '90s' or '1h30m'", text));
    }
    CHECK(said("36501d") == "duration '36501d' is longer than 36500 days");
    CHECK(said("36500d1ms") == "duration '36500d1ms' is longer than 36500 days");
    CHECK(said("999999999999999d") == "duration '999999999999999d' is longer than 36500 days");
}

TEST_CASE("the nearest word is suggested only when it is near") {
    const std::vector<std::string> known{"from", "to", "owner", "max_unavailable", "name"};
    CHECK(base::nearest("form", known) == "from");
    CHECK(base::nearest("Name", known) == "name");
    CHECK(base::nearest("nmae", known) == "name");
    CHECK(base::nearest("max-unavailble", known) == "max_unavailable");
    CHECK(base::nearest("tp", known) == "to");
    CHECK(base::nearest("x", known) == std::nullopt);
    CHECK(base::nearest("colour", known) == std::nullopt);
    CHECK(base::nearest("group", known) == std::nullopt);
    CHECK(base::nearest("", known) == std::nullopt);
    CHECK(base::nearest(std::string(1'000'000, 'a'), known) == std::nullopt);
}
