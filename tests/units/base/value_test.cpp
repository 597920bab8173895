// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "base/value.hpp"

#include "base/error.hpp"
#include "tests/catch.hpp"

using base::Array;
using base::Object;
using base::Value;

TEST_CASE("a record keeps its members in the order in which they were written") {
    Object object{{"b", 1}, {"a", 2}};
    object.set("c", 3);
    object.set("b", 4);
    REQUIRE(object.size() == 3);
    CHECK(object.members[0].name == "b");
    CHECK(*object.members[0].value.whole() == 4);
    CHECK(object.members[2].name == "c");
    CHECK(object.find("a") != nullptr);
    CHECK(object.find("d") == nullptr);
}

TEST_CASE("two values are equal when their data are, whatever their lines and the order of their members") {
    Value left = Object{{"a", 1}, {"b", Array{Value("x"), Value(nullptr), Value(true)}}};
    Value right = Object{{"b", Array{Value("x"), Value(nullptr), Value(true)}}, {"a", 1}};
    right.line = 7;
    CHECK(left == right);
    right.object()->set("b", Array{Value("x"), Value(nullptr), Value(false)});
    CHECK_FALSE(left == right);
    CHECK_FALSE(Value(1) == Value(1.0));
    CHECK_FALSE(Value(Object{{"a", 1}}) == Value(Object{{"c", 1}}));
}

TEST_CASE("a value says its kind in words that people use") {
    CHECK(Value().kind() == "nothing");
    CHECK(Value(false).kind() == "true or false");
    CHECK(Value(1).kind() == "a number");
    CHECK(Value(1.5).kind() == "a number");
    CHECK(Value("x").kind() == "a string");
    CHECK(Value(Array{}).kind() == "a list");
    CHECK(Value(Object{}).kind() == "a record");
}

TEST_CASE("every fault has a word that reads back, and an exit code") {
    for (const auto& [fault, code] :
         {std::pair(base::Fault::Input, 2), std::pair(base::Fault::NotFound, 2),
          std::pair(base::Fault::Corrupt, 2), std::pair(base::Fault::Conflict, 6),
          std::pair(base::Fault::Denied, 6), std::pair(base::Fault::Unavailable, 7),
          std::pair(base::Fault::Internal, 1)}) {
        CHECK(base::fault_from(base::word(fault)) == fault);
        CHECK(base::exit_code(fault) == code);
    }
    CHECK(base::fault_from("of another version") == base::Fault::Internal);
}

TEST_CASE("an error says what was being done when it happened") {
    base::Error error(base::Fault::NotFound, "package '{}' is not in channel '{}'", "shop-app", "stable");
    error.during("creating release 'shop/1.0'");
    CHECK(error.message() ==
          "package 'shop-app' is not in channel 'stable', while creating release 'shop/1.0'");
}
