// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "tests/units/templates/oracle.hpp"

#include "base/error.hpp"
#include "base/json.hpp"
#include "base/process.hpp"
#include "templates/template.hpp"
#include "tests/catch.hpp"

#include <cstdlib>
#include <optional>

namespace oracle {
namespace {

struct Result {
    std::optional<std::string> text;
    std::string error;
};

bool must_be_there() {
    const char* ci = std::getenv("CI");
    return ci != nullptr && std::string(ci) == "true";
}

/// What Jinja2 makes of the cases; nothing when it is not installed and need not be.
std::optional<std::vector<Result>> ask(const std::vector<Case>& cases) {
    base::Array list;
    for (const Case& each : cases) {
        base::Object record;
        record.set("template", each.text);
        record.set("variables", base::parse_json(each.variables, "variables"));
        list.push_back(std::move(record));
    }
    base::Object question;
    question.set("cases", std::move(list));
    base::Command command;
    command.argv = {"/usr/bin/python3", ORACLE_SCRIPT};
    command.timeout = std::chrono::seconds(110);
    command.output_limit_bytes = 64u << 20;
    command.input = base::to_json(std::move(question));
    std::string reason;
    try {
        const base::Outcome outcome = base::SystemProcesses().run(command);
        if (outcome.exit_code == 0) {
            const base::Value answer = base::parse_json(outcome.output, "oracle");
            std::vector<Result> results;
            for (const base::Value& result : *answer.object()->find("results")->array()) {
                const base::Value* text = result.object()->find("text");
                if (text != nullptr)
                    results.push_back({*text->text(), {}});
                else
                    results.push_back({std::nullopt, *result.object()->find("error")->text()});
            }
            return results;
        }
        reason = outcome.errors;
    } catch (const base::Error& error) {
        reason = error.message();
    }
    if (must_be_there())
        FAIL("Jinja2 is the oracle of this test; install python3-jinja2: " << reason);
    WARN("not compared with Jinja2; install python3-jinja2: " << reason);
    return std::nullopt;
}

Result ours(const Case& each) {
    const base::Value variables = base::parse_json(each.variables, "variables");
    try {
        return {templates::render(each.text, *variables.object(), "t"), {}};
    } catch (const base::Error& error) {
        CHECK(error.fault() == base::Fault::Input);
        return {std::nullopt, error.message()};
    }
}

} // namespace

void both_agree(const std::vector<Case>& cases) {
    const auto theirs = ask(cases);
    for (std::size_t at = 0; at < cases.size(); ++at) {
        const Result mine = ours(cases[at]);
        INFO("template: " << cases[at].text << "\nvariables: " << cases[at].variables
                          << "\nour error: " << mine.error);
        CHECK(mine.text.has_value());
        if (!theirs)
            continue;
        INFO("Jinja2's error: " << (*theirs)[at].error);
        CHECK((*theirs)[at].text.has_value());
        if (mine.text && (*theirs)[at].text)
            CHECK(*mine.text == *(*theirs)[at].text);
    }
}

void both_refuse(const std::vector<Case>& cases) {
    const auto theirs = ask(cases);
    for (std::size_t at = 0; at < cases.size(); ++at) {
        const Result mine = ours(cases[at]);
        INFO("template: " << cases[at].text << "\nvariables: " << cases[at].variables);
        INFO("our text: " << mine.text.value_or("-"));
        CHECK_FALSE(mine.text.has_value());
        if (!theirs)
            continue;
        INFO("Jinja2's text: " << (*theirs)[at].text.value_or("-"));
        CHECK_FALSE((*theirs)[at].text.has_value());
    }
}

void we_refuse(const std::vector<Case>& cases) {
    const auto theirs = ask(cases);
    for (std::size_t at = 0; at < cases.size(); ++at) {
        const Result mine = ours(cases[at]);
        INFO("template: " << cases[at].text << "\nvariables: " << cases[at].variables);
        INFO("our text: " << mine.text.value_or("-"));
        CHECK_FALSE(mine.text.has_value());
        if (!theirs)
            continue;
        INFO("Jinja2's error: " << (*theirs)[at].error);
        CHECK((*theirs)[at].text.has_value());
    }
}

std::size_t we_never_differ(const std::vector<Case>& cases) {
    std::vector<Case> rendered;
    std::vector<std::string> texts;
    for (const Case& each : cases) {
        const Result mine = ours(each);
        if (!mine.text)
            continue;
        rendered.push_back(each);
        texts.push_back(*mine.text);
    }
    const auto theirs = ask(rendered);
    for (std::size_t at = 0; theirs && at < rendered.size(); ++at) {
        if ((*theirs)[at].text == texts[at])
            continue;
        INFO("template: " << rendered[at].text << "\nvariables: " << rendered[at].variables);
        INFO("Jinja2's error: " << (*theirs)[at].error);
        CHECK((*theirs)[at].text.value_or("-") == texts[at]);
    }
    return rendered.size();
}

} // namespace oracle
