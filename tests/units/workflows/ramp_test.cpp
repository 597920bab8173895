// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "workflows/engine/ramp.hpp"

#include "base/json.hpp"
#include "tests/catch.hpp"
#include "tests/units/workflows/errors.hpp"

using tests::input_error;
using namespace workflows::engine;

namespace {

std::string refusal(const base::Value& value) {
    return input_error([&] { Portion::read(value); });
}

std::string ramp_refusal(base::Value value) {
    return input_error([&] { read_ramp(value); });
}

} // namespace

TEST_CASE("shares of a ramp are rounded up, limits down but never to nothing") {
    CHECK(Portion::read("20%").rounded_up(3) == 1);
    CHECK(Portion::read("34%").rounded_up(3) == 2);
    CHECK(Portion::read("100%").rounded_up(3) == 3);
    CHECK(Portion::read("0.1%").rounded_up(10'000) == 10);
    CHECK(Portion::read(5).rounded_up(3) == 3);
    CHECK(Portion::read(1).rounded_up(0) == 0);
    CHECK(Portion::read("25%").limit(3) == 1);
    CHECK(Portion::read("25%").limit(8) == 2);
    CHECK(Portion::read("25%").limit(0) == 1);
    CHECK(Portion::read(2).limit(8) == 2);
    CHECK(Portion::read("2").limit(8) == 2);
}

TEST_CASE("the arithmetic is shown as people would do it") {
    CHECK(Portion::read("20%").explain_up(3) == "20% of 3 is 0.6, rounded up to 1");
    CHECK(Portion::read("100%").explain_up(3) == "100% of 3 is 3");
    CHECK(Portion::read("12.5%").explain_up(3) == "12.5% of 3 is 0.375, rounded up to 1");
    CHECK(Portion::read(1).explain_up(3) == "1 of 3");
    CHECK(Portion::read(5).explain_up(3) == "5, but there are only 3");
    CHECK(Portion::read("25%").explain_limit(3) == "25% of 3 is 0.75, rounded down to 0, but at least 1");
    CHECK(Portion::read("25%").explain_limit(10) == "25% of 10 is 2.5, rounded down to 2");
    CHECK(Portion::read("50%").explain_limit(4) == "50% of 4 is 2");
}

TEST_CASE("what is no portion says what to write") {
    for (const char* text : {"0%", "101%", "x", "", "%", "-1%", "1.2345%", "0", "1.5", "1e2%", " 5%"}) {
        CHECK(refusal(text) == std::string("'") + text +
                                   "' is not a portion; write a count such as 2, or a share such as \"20%\"");
    }
    CHECK(refusal(0) == "'0' is not a portion; write a count such as 2, or a share such as \"20%\"");
    CHECK(refusal(0.2) == "'0.2' is not a portion; write a count such as 2, or a share such as \"20%\"");
    CHECK(refusal(true) ==
          "'true or false' is not a portion; write a count such as 2, or a share such as \"20%\"");
}

TEST_CASE("a ramp is a list, or the text of a command line, that grows") {
    CHECK(base::to_json(to_value(read_ramp(base::Array{1, "20%", "100%"}))) == R"([1,"20%","100%"])");
    CHECK(base::to_json(to_value(read_ramp("1, 20%,100%"))) == R"([1,"20%","100%"])");
    CHECK(base::to_json(to_value(read_ramp(2))) == "[2]");
    CHECK(ramp_refusal(base::Array{}) == "a ramp is empty; write for example { 1, \"20%\", \"100%\" }");
    CHECK(ramp_refusal(base::Object{}) == "a ramp is empty; write for example { 1, \"20%\", \"100%\" }");
    CHECK(ramp_refusal(base::Array{"50%", "20%"}) ==
          "a ramp goes from 50% to 20%, but each entry counts from the beginning and must grow");
    CHECK(ramp_refusal(base::Array{2, 2}) ==
          "a ramp goes from 2 to 2, but each entry counts from the beginning and must grow");
    CHECK(ramp_refusal("1,,2") == "'' is not a portion; write a count such as 2, or a share such as \"20%\"");
}
