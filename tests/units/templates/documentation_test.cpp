// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// docs/templates.md names all that there is, and its example is true.
#include "base/json.hpp"
#include "templates/filters.hpp"
#include "templates/operations.hpp"
#include "templates/template.hpp"
#include "tests/catch.hpp"

#include <fstream>
#include <iterator>
#include <string>

namespace {

std::string documentation() {
    std::ifstream file(TEMPLATES_DOCUMENTATION);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

/// The first block of that kind, without its fences.
std::string block(const std::string& text, const std::string& kind) {
    const std::string fence = "```" + kind + "\n";
    const std::size_t start = text.find(fence) + fence.size();
    return text.substr(start, text.find("```", start) - start);
}

} // namespace

TEST_CASE("the example of the documentation renders to what the documentation says") {
    const std::string text = documentation();
    REQUIRE(!text.empty());
    const base::Value variables = base::parse_json(block(text, "json"), "variables");
    CHECK(templates::render(block(text, "jinja"), *variables.object(), "example") == block(text, "text"));
}

TEST_CASE("every filter, test and method is documented") {
    const std::string text = documentation();
    const auto documented = [&text](const std::string& name) {
        return text.find("`" + name + "`") != std::string::npos ||
               text.find("`" + name + "(") != std::string::npos ||
               text.find("`" + name + " ") != std::string::npos ||
               text.find(" " + name + "()") != std::string::npos ||
               text.find(" " + name + "(name") != std::string::npos ||
               text.find("`'" + name + "'`") != std::string::npos;
    };
    for (const auto* filters : {&templates::text_filters(), &templates::number_filters(),
                                &templates::list_filters(), &templates::selection_filters()}) {
        for (const templates::Filter& filter : *filters) {
            INFO("filter " << filter.name);
            CHECK(documented(std::string(filter.name)));
        }
    }
    for (const std::string& method : templates::method_names()) {
        INFO("method " << method);
        CHECK(documented(method));
    }
    for (const std::string_view test : templates::test_names()) {
        INFO("test " << test);
        CHECK(documented(std::string(test)));
    }
}
