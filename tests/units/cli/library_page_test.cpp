// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// docs/library.md says of each stock workflow what `tiercel workflow show --json` says.
#include "base/files.hpp"
#include "base/json.hpp"
#include "cli/nouns.hpp"
#include "cli/simulated.hpp"
#include "tests/catch.hpp"

#include <algorithm>
#include <iostream>
#include <map>
#include <sstream>
#include <vector>

namespace {

const std::string page = base::SystemFiles().read(std::string(TIERCEL_SOURCE) + "/docs/library.md", 1u << 20);

base::Value shown(const std::string& workflow) {
    const std::vector<cli::Verb> verbs = cli::workflow_verbs();
    cli::Arguments arguments;
    arguments.json = true;
    arguments.values["WORKFLOW"] = {workflow};
    std::ostringstream text;
    std::streambuf* const before = std::cout.rdbuf(text.rdbuf());
    std::find_if(verbs.begin(), verbs.end(), [](const cli::Verb& verb) {
        return verb.verb == "show";
    })->run(arguments);
    std::cout.rdbuf(before);
    return base::parse_json(text.str(), "show");
}

std::string section(const std::string& workflow) {
    const std::size_t from = page.find("\n## " + workflow + "\n");
    return from == std::string::npos ? "" : page.substr(from, page.find("\n## ", from + 1) - from);
}

std::string without_marks(std::string text) {
    std::erase(text, '`');
    text.erase(0, text.find_first_not_of(' '));
    text.erase(text.find_last_not_of(' ') + 1);
    return text == "\"\"" ? "" : text;
}

/// The cells of the rows that begin with a name in code: `| `soak` | duration | `30s` | … |`.
std::vector<std::vector<std::string>> rows(const std::string& text) {
    std::vector<std::vector<std::string>> found;
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
        if (!line.starts_with("| `")) {
            continue;
        }
        std::vector<std::string> cells;
        std::istringstream parts(line.substr(1));
        for (std::string cell; std::getline(parts, cell, '|');) {
            cells.push_back(without_marks(cell));
        }
        found.push_back(std::move(cells));
    }
    return found;
}

/// A default as a command line has it.
std::string written(const base::Value& value) {
    if (const base::Array* list = value.array()) {
        std::string text;
        for (const base::Value& one : *list) {
            text += (text.empty() ? "" : ",") + written(one);
        }
        return text;
    }
    return value.text() != nullptr ? *value.text() : base::to_json(value);
}

} // namespace

TEST_CASE(
    "the page of the stock workflows has their parameters, types and defaults as the scripts declare them",
    "[cli]") {
    for (const std::string& workflow : cli::stock_workflows()) {
        INFO(workflow);
        const base::Value document = shown(workflow);
        const std::string text = section(workflow);
        REQUIRE(text != "");
        CHECK(page.find("(#" + workflow + ")") != std::string::npos);
        CHECK(text.find("**On failure**") != std::string::npos);
        CHECK(text.find("```sh\ntiercel ") != std::string::npos);
        const std::vector<std::vector<std::string>> table = rows(text);
        if (const base::Value* options = document.object()->find("options")) {
            REQUIRE(table.size() == options->array()->size());
            for (std::size_t at = 0; at < table.size(); ++at) {
                CHECK(table[at][0] == *(*options->array())[at].object()->find("name")->text());
            }
            continue;
        }
        const base::Array& parameters = *document.object()->find("parameters")->array();
        REQUIRE(table.size() == parameters.size());
        for (const base::Value& one : parameters) {
            const base::Object& parameter = *one.object();
            const std::string& name = *parameter.find("name")->text();
            const std::string& type = *parameter.find("type")->text();
            INFO(name);
            const auto row = std::find_if(table.begin(), table.end(),
                                          [&](const auto& cells) { return cells.front() == name; });
            REQUIRE(row != table.end());
            REQUIRE(row->size() >= 4);
            CHECK(((*row)[1] == type || (*row)[1].starts_with(type + ": ")));
            CHECK((*row)[2] == written(*parameter.find("default")));
            CHECK((*row)[3] != "");
        }
    }
}

TEST_CASE("every example of the page names parameters that there are", "[cli]") {
    std::istringstream lines(page);
    std::string workflow;
    std::size_t examples = 0;
    for (std::string line; std::getline(lines, line);) {
        workflow = line.starts_with("## ") ? line.substr(3) : workflow;
        for (std::size_t at = line.find("--param "); at != std::string::npos && line.starts_with("tiercel ");
             at = line.find("--param ", at + 1)) {
            const std::string name = line.substr(at + 8, line.find('=', at) - at - 8);
            INFO(workflow << " " << name);
            ++examples;
            CHECK(section(workflow).find("| `" + name + "` |") != std::string::npos);
        }
    }
    CHECK(examples > 5);
}
