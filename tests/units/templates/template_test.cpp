// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "templates/template.hpp"

#include "base/error.hpp"
#include "base/json.hpp"
#include "templates/lexer.hpp"
#include "tests/catch.hpp"

#include <string>
#include <thread>
#include <vector>

namespace {

base::Object variables(const std::string& json) {
    return *base::parse_json(json, "variables").object();
}

std::string rendered(const std::string& text, const std::string& json = "{}") {
    return templates::render(text, variables(json), "t");
}

std::string refusal(const std::string& text, const std::string& json = "{}", templates::Limits limits = {}) {
    try {
        return "rendered: " + templates::Template::parse(text, "t").render(variables(json), limits);
    } catch (const base::Error& error) {
        return error.message();
    }
}

std::string repeated(const std::string& text, std::size_t times) {
    std::string all;
    for (std::size_t turn = 0; turn < times; ++turn)
        all += text;
    return all;
}

/// "path:line" for each use, with a '?' behind those that not each rendering reads.
std::vector<std::string> uses(const std::string& text) {
    std::vector<std::string> all;
    const auto parsed = templates::Template::parse(text, "t");
    for (const auto& use : parsed.uses())
        all.push_back(use.path + ":" + std::to_string(use.line) + (use.always ? "" : "?"));
    return all;
}

using Texts = std::vector<std::string>;

} // namespace

TEST_CASE("a configuration file is rendered from what a component consumes") {
    const std::string text = "global\n"
                             "    maxconn {{ settings.maxconn|default(1000) }}\n"
                             "\n"
                             "backend {{ name }}\n"
                             "{% for server in consumes.backends if server.address %}\n"
                             "    server {{ server.node }} {{ server.address }}:{{ server.port }} check\n"
                             "{% else %}\n"
                             "    # no backends\n"
                             "{% endfor %}\n";
    const std::string json = R"({"name":"shop","settings":{},"consumes":{"backends":[
        {"node":"app-1","address":"10.0.0.1","port":8080},{"node":"app-2","address":"","port":8080},
        {"node":"app-3","address":"10.0.0.3","port":8081}]}})";
    CHECK(rendered(text, json) == "global\n"
                                  "    maxconn 1000\n"
                                  "\n"
                                  "backend shop\n"
                                  "    server app-1 10.0.0.1:8080 check\n"
                                  "    server app-3 10.0.0.3:8081 check\n");
    CHECK(rendered(text, R"({"name":"shop","settings":{"maxconn":5},"consumes":{"backends":[]}})") ==
          "global\n    maxconn 5\n\nbackend shop\n    # no backends\n");
}

TEST_CASE("a parsed template renders again and again, in several threads, to the same text") {
    const auto parsed = templates::Template::parse("{% for x in l|sort %}{{ x ~ 'a' }}{% endfor %}", "t");
    const base::Object object = variables(R"({"l":[3,1,2]})");
    std::vector<std::string> results(8);
    std::vector<std::thread> threads;
    for (std::string& result : results)
        threads.emplace_back([&] { result = parsed.render(object); });
    for (std::thread& thread : threads)
        thread.join();
    for (const std::string& result : results)
        CHECK(result == "1a2a3a");
}

TEST_CASE("an error names the line where it happens, not the one where the tag began") {
    CHECK(refusal("\n\n{{ x }}") == "t:3: 'x' is undefined; nothing is known here");
    CHECK(refusal("{{ 1 +\n\n x }}") == "t:1: 'x' is undefined; nothing is known here");
    CHECK(refusal("a\n{# b\n#}\n{% raw %}\n{% endraw %}\n{{ 1 / 0 }}") ==
          "t:6: '/' divides by zero; test the divisor before");
    CHECK(refusal("{% for i in [1] %}\n{{ i.x }}\n{% endfor %}") == "t:2: 'i.x' is undefined; i is a number");
    CHECK(refusal("a\r\nb\r\n{{ x") == "t:3:1: '{{' is not closed; end it with '}}'");
    CHECK(refusal("a\n  é€ {{ 1 ? }}") == "t:2:11: unexpected '?' in a tag; put text in quotes");
    CHECK(refusal("ok\n b\xff") == "t:2:3: the template is not UTF-8 here; save it as UTF-8");
    CHECK(refusal("\xed\xa0\x80") == "t:1:1: the template is not UTF-8 here; save it as UTF-8");
}

TEST_CASE("no value stands in an error, because it may be a secret", "[law-12]") {
    const std::vector<std::string> texts = {"{{ secret.x }}",
                                            "{{ x[secret] }}",
                                            "{{ (x or x)[secret] }}",
                                            "{{ x[secret ~ 'a'] }}",
                                            "{{ secret + 1 }}",
                                            "{{ secret < 1 }}",
                                            "{{ -secret }}",
                                            "{{ 1 in secret }}",
                                            "{{ secret|abs }}",
                                            "{{ secret|round }}",
                                            "{{ secret|dictsort }}",
                                            "{{ [secret, 1]|sort }}",
                                            "{{ '%d' % secret }}",
                                            "{{ secret % 1 }}",
                                            "{{ range(secret) }}",
                                            "{{ secret.items() }}",
                                            "{{ secret is divisibleby 2 }}",
                                            "{% for a, b, c in [secret] %}{% endfor %}",
                                            "{{ x|map(attribute='y')|join }}",
                                            "{{ {secret: 1}.other }}"};
    for (const std::string& text : texts) {
        const std::string message = refusal(text, R"({"secret":"hunter2","x":[{"a":1}]})");
        INFO(text);
        CHECK(message.compare(0, 5, "t:1: ") == 0);
        if (text.find("{secret:") == std::string::npos)
            CHECK(message.find("hunter2") == std::string::npos);
    }
}

TEST_CASE("ten thousand brackets, signs, operators or blocks are refused, not a stack overflow") {
    const std::string brackets =
        "brackets and blocks are nested more than 200 deep; write it in steps with 'set'";
    const std::string operators =
        "the expression is more than 200 operators deep; write it in steps with 'set'";
    CHECK(refusal("{{ " + repeated("(", 10'000) + "1" + repeated(")", 10'000) + " }}") ==
          "t:1:203: " + brackets);
    CHECK(refusal("{{ " + repeated("[", 10'000) + repeated("]", 10'000) + " }}").find(brackets) !=
          std::string::npos);
    CHECK(refusal("{{ " + repeated("{1:", 10'000) + "1" + repeated("}", 10'000) + " }}").find(brackets) !=
          std::string::npos);
    CHECK(refusal("{{ " + repeated("x[", 10'000) + "1" + repeated("]", 10'000) + " }}").find(brackets) !=
          std::string::npos);
    CHECK(refusal("{{ " + repeated("-", 10'000) + "1 }}").find(brackets) != std::string::npos);
    CHECK(refusal("{{ " + repeated("not ", 10'000) + "1 }}").find(brackets) != std::string::npos);
    CHECK(refusal("{{ " + repeated("1 if 1 else ", 10'000) + "1 }}").find(brackets) != std::string::npos);
    CHECK(refusal("{% for " + repeated("(", 10'000) + "x" + repeated(")", 10'000) + " in [] %}")
              .find(brackets) != std::string::npos);
    CHECK(refusal(repeated("{% if 1 %}", 10'000)).find(brackets) != std::string::npos);
    CHECK(refusal(repeated("{% for x in [] %}", 10'000)).find(brackets) != std::string::npos);
    CHECK(refusal("{{ " + repeated("1+", 10'000) + "1 }}").find(operators) != std::string::npos);
    CHECK(refusal("{{ x" + repeated(".x", 10'000) + " }}").find(operators) != std::string::npos);
    CHECK(refusal("{{ x" + repeated("|list", 10'000) + " }}").find(operators) != std::string::npos);
    CHECK(refusal("{{ x" + repeated(" or x", 10'000) + " }}").find(operators) != std::string::npos);
    CHECK(rendered("{{ " + repeated("(", 150) + "1" + repeated(")", 150) + " }}") == "1");
    CHECK(rendered("{{ " + repeated("1+", 150) + "1 }}") == "151");
    CHECK(rendered("{{ 'a'" + repeated(" ~ 'a'", 10'000) + " }}") == repeated("a", 10'001));
}

TEST_CASE("lists that contain lists a hundred deep are refused") {
    CHECK(refusal("{% set x = [1] %}" + repeated("{% set x = [x] %}", 100)) ==
          "t:1: lists are nested more than 100 deep; write it flatter");
    CHECK(refusal("{% set x = {} %}" + repeated("{% set x = {'a': x} %}", 100)) ==
          "t:1: records are nested more than 100 deep; write it flatter");
    base::Value deep = 1;
    for (int level = 0; level < 102; ++level)
        deep = base::Array{deep};
    CHECK_THROWS_WITH(templates::render("{{ x }}", {{"x", deep}}, "t"),
                      "t:1: a variable is nested more than 100 deep; write it flatter");
}

TEST_CASE("a template ends within its steps and bytes") {
    const templates::Limits few{1000, 1000};
    CHECK(refusal("{% for i in range(100000) %}{% endfor %}", "{}", few) ==
          "t:1: the template takes more than 1000 steps; make its loops shorter");
    CHECK(refusal("\n{% for i in range(100) %}\n{% for i in range(100) %}\n{% endfor %}{% endfor %}", "{}",
                  few) == "t:3: the template takes more than 1000 steps; make its loops shorter");
    CHECK(refusal("{{ 'a' * 1001 }}", "{}", few) ==
          "t:1: the text has more than 1000 bytes here; render less");
    CHECK(refusal("{% for i in range(11) %}\n{{ 'a' * 100 }}{% endfor %}", "{}", few) ==
          "t:2: the text has more than 1000 bytes here; render less");
    CHECK(refusal(repeated("a", 1001), "{}", few) ==
          "t:1: the text has more than 1000 bytes here; render less");
    CHECK(rendered("{{ 'a' * 1000 }}") == repeated("a", 1000));
    const std::string more = "more than";
    for (const std::string text :
         {"{{ 'a' * 9223372036854775807 }}", "{{ [1] * 9223372036854775807 }}",
          "{{ range(9223372036854775807) }}", "{% set x = 'ab' %}{% set y %}{{ x * 600 }}{% endset %}",
          "{{ [[1] * 100] * 100 }}", "{{ ('a' * 600)|replace('a', 'bb') }}",
          "{{ ('a' * 600)|replace('', 'bb') }}", "{{ ['a' * 600, 'b' * 600]|join }}",
          "{{ ('\\n' * 600)|indent(9, blank=true) }}", "{{ [('a' * 600), 'a' * 600]|tojson }}",
          "{{ ('a' * 900)|b64encode }}", "{{ '%999d%999d' % (1, 2) }}"}) {
        const std::string message = refusal(text, "{}", few);
        INFO(text << ": " << message);
        CHECK(message.find(more) != std::string::npos);
    }
}

TEST_CASE("data that shares its parts many times over is not walked for ever") {
    // 2^60 elements, but each list has two.
    const std::string shared = "{% set x = [1, 1] %}" + repeated("{% set x = [x, x] %}", 60);
    for (const std::string use :
         {"{{ x }}", "{{ x|tojson }}", "{{ x == x }}", "{{ x < x }}", "{{ [x]|sort }}{{ x|join }}"})
        CHECK(refusal(shared + use).find("more than") != std::string::npos);
}

TEST_CASE("a template of more than a mebibyte is refused") {
    CHECK(refusal(repeated("a", templates::largest_template + 1)) ==
          "t: the template has 1048577 bytes, but at most 1048576 are allowed; split it");
    CHECK(rendered(repeated("a", templates::largest_template)).size() == templates::largest_template);
}

TEST_CASE("the names that a template uses are its outermost variables, sorted") {
    CHECK(templates::Template::parse("text", "t").names().empty());
    CHECK(
        templates::Template::parse("{{ b.x }}{{ a|default(c) }}{{ b }}{% if d is defined %}{% endif %}", "t")
            .names() == Texts{"a", "b", "c", "d"});
    CHECK(templates::Template::parse(
              "{% set x = y %}{{ x }}{% for i in z %}{{ i }}{{ loop.index }}{% endfor %}{{ i }}", "t")
              .names() == Texts{"i", "y", "z"});
}

TEST_CASE("the paths that a template reads come in order of appearance, once") {
    CHECK(uses("{{ settings.port }}\n{{ node.name }}{{ settings.port }}{{ settings['host'] }}") ==
          Texts{"settings.port:1", "node.name:2", "settings.host:2"});
    CHECK(uses("{{ a.b[0].c }}{{ d[e.f].g }}{{ h['i j'].k }}{{ (l or m).n }}") ==
          Texts{"a.b:1", "d:1", "e.f:1", "h.i j.k:1", "l:1", "m:1?"});
    CHECK(uses("{{ a.items()|list }}{{ a.b.upper() }}{{ a.c|join(a.d) }}{{ range(a.e)|list }}") ==
          Texts{"a:1", "a.b:1", "a.c:1", "a.d:1", "a.e:1"});
}

TEST_CASE(
    "what has a default or is tested for being defined is not among the uses, what it is a member of is") {
    CHECK(uses("{{ a|default(1) }}{{ b.c|d(2) }}{{ b.c.d|default(b.e) }}") ==
          Texts{"b:1", "b.c:1", "b.e:1?"});
    CHECK(uses("{% if a.b is defined %}{{ a.b }}{{ a.b.c }}{{ a.bc }}{% endif %}{{ a.b }}") ==
          Texts{"a:1", "a.bc:1?", "a.b:1"});
    CHECK(uses("{{ a.b if a.b is defined else c }}{{ d is defined and d.e }}{{ f is not defined or f }}") ==
          Texts{"a:1", "c:1?"});
    CHECK(uses("{% if a is undefined %}{{ b }}{% else %}{{ a.c }}{% endif %}") == Texts{"b:1?"});
}

TEST_CASE("what only some renderings read is marked") {
    CHECK(uses("{% if a.on %}{{ a.cert }}{% elif b %}{{ c }}{% else %}{{ d }}{% endif %}{{ c }}") ==
          Texts{"a.on:1", "a.cert:1?", "b:1?", "c:1", "d:1?"});
    CHECK(uses("{% for x in l %}{{ y }}{% else %}{{ z }}{% endfor %}") == Texts{"l:1", "y:1?", "z:1?"});
    CHECK(uses("{{ a if b else c }}{{ d and e }}{{ f or g }}") ==
          Texts{"b:1", "a:1?", "c:1?", "d:1", "e:1?", "f:1", "g:1?"});
}

TEST_CASE("names that a template binds itself are not among the uses") {
    CHECK(uses("{% for x in l %}{{ x.a }}{{ loop.index }}{% for k, v in x.m.items() %}{{ k }}{{ v.b }}{% "
               "endfor %}{% endfor %}") == Texts{"l:1"});
    CHECK(uses("{% set s = settings.db %}{{ s.host }}{{ s.port|default(1) }}{% set t = s.name ~ 1 %}{{ t.x "
               "}}") == Texts{"settings.db:1", "settings.db.host:1", "settings.db.name:1"});
    CHECK(uses("{% set x %}{{ a }}{% set y = 1 %}{% endset %}{{ x }}{{ y }}") == Texts{"a:1", "y:1"});
    CHECK(uses("{% if a %}{% set s = b.c %}{% else %}{% set s = d.e %}{% endif %}{{ s.host }}") ==
          Texts{"a:1", "b.c:1?", "d.e:1?"});
    CHECK(uses("{% for x in l if x.on and y %}{% set z = x %}{{ z.b }}{% endfor %}{{ z }}{{ x }}") ==
          Texts{"l:1", "y:1?", "z:1", "x:1"});
}
