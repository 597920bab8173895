// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "templates/template.hpp"

#include "tests/catch.hpp"

TEST_CASE("a value is printed where it stands") {
    CHECK(templates::render("a {{ x }} b", {{"x", 1}}, "t") == "a 1 b");
}
