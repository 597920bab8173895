// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// What the builder itself puts into packages: About documents, templates, applications.
#include "tests/units/builder/project.hpp"

namespace {

using namespace builder_tests;

const std::string config_head = "name = 'shop-web-config'\nkind = 'config'\nsummary = 'x'\nlicense = 'x'\n";
const std::string application_head = "name = 'shop'\nkind = 'application'\nsummary = 'x'\nlicense = 'x'\n";

builder::BuiltPackage build_all(const Project& project, const std::string& recipe) {
    project.write("package.toml", recipe);
    return builder::build(builder::read_recipe(project.packages() / "package.toml"), project.options());
}

std::string error_of_all(const Project& project, const std::string& recipe) {
    try {
        build_all(project, recipe);
    } catch (const base::Error& error) {
        CHECK(error.fault() == base::Fault::Input);
        return project.short_text(error.message());
    }
    return "no error";
}

rpm::About about_in(const builder::BuiltPackage& built) {
    const auto facts = rpm::read_package(built.path, trust_in(ed25519_key()));
    const auto about = rpm::read_about(built.path, facts);
    REQUIRE(about);
    return *about;
}

std::string template_entry(const std::string& source) {
    return "[[templates]]\nsource = '" + source + "'\nto = '/etc/haproxy.cfg'\n";
}

} // namespace

TEST_CASE("a config package carries its templates, and says where they lie") {
    const Project project;
    const std::string text =
        "bind *:{{ settings.port }}\n{% for b in consumes.backends %}\nserver {{ b.address }}\n"
        "{% endfor %}\n";
    project.write("cfg/haproxy.cfg", text);
    const auto built =
        build_all(project, config_head + "[settings]\nport = { type = 'port', default = 80 }\n" +
                               template_entry("cfg/haproxy.cfg") +
                               "validate = [['haproxy', '-c', '-f', '{{ file }}']]\nreload = ['haproxy']\n");
    CHECK(built.notes.empty());
    const auto about = about_in(built);
    REQUIRE(about.templates.size() == 1);
    CHECK(about.kind == "config");
    CHECK(about.templates[0].source == "/usr/share/tiercel/shop-web-config/templates/haproxy.cfg");
    CHECK(about.templates[0].to == "/etc/haproxy.cfg");
    CHECK(about.templates[0].reload == std::vector<std::string>{"haproxy"});
    CHECK(rpm::read_packaged_file(built.path, about.templates[0].source) == text);
    // The rendered file is the node's own: no package owns it.
    CHECK_FALSE(rpm::read_packaged_file(built.path, "/etc/haproxy.cfg"));
}

TEST_CASE("a template that cannot work is refused when it is packaged") {
    const Project project;
    project.write("broken", "a\n{% for x in peers %}\n");
    const std::string broken = error_of_all(project, config_head + template_entry("broken"));
    CHECK(broken.starts_with("P/broken:"));
    project.write("unknown", "a\nb {{ nod.name }}\n");
    CHECK(error_of_all(project, config_head + template_entry("unknown")) ==
          "P/unknown:2: 'nod' is no variable; did you mean 'node'?");
    project.write("file", "{{ file }}\n");
    CHECK(error_of_all(project, config_head + template_entry("file")) ==
          "P/file:1: 'file' is no variable; there are node, environment, application, component, release, "
          "settings, "
          "consumes, peers");
    CHECK(error_of_all(project, config_head + template_entry("none")).starts_with("P/package.toml:5: "));
    project.write("a/x", "");
    project.write("b/x", "");
    CHECK(error_of_all(project, config_head + template_entry("a/x") +
                                    "[[templates]]\nsource = 'b/x'\nto = '/etc/b'\n") ==
          "P/package.toml:8: '/usr/share/tiercel/shop-web-config/templates/x' is already packaged by the "
          "entry in line "
          "5; a path has one owner");
}

TEST_CASE("a setting that only another package may bring is a note, not an error") {
    const Project project;
    project.write("haproxy.cfg", "ok {{ settings.port }}\nbind {{ settings.prot }}\n{{ settings.greeting }}\n"
                                 "{{ settings.prot }}\n{{ settings.spare | default('x') }}\n");
    const auto built = build_all(project, config_head + "[settings]\nport = { type = 'port' }\n" +
                                              template_entry("haproxy.cfg"));
    REQUIRE(built.notes.size() == 2);
    CHECK(project.short_text(built.notes[0]) ==
          "P/haproxy.cfg:2: 'settings.prot' is no setting of package 'shop-web-config'; did you mean "
          "'settings.port'?");
    CHECK(project.short_text(built.notes[1]) == "P/haproxy.cfg:3: 'settings.greeting' is no setting of "
                                                "package 'shop-web-config'; another package of its "
                                                "component must bring it");
}

TEST_CASE("template texts in package.toml are checked where they stand") {
    const Project project;
    CHECK(project.error_of("[services.a]\nstart = ['a', '--root={{ nod.root }}']\npid_file = '/run/a'\n") ==
          "P/package.toml:6: in '--root={{ nod.root }}': 'nod' is no variable; did you mean 'node'?");
    CHECK(project.error_of("[services.a]\nstart = ['a',\n  '{{ node.root']\npid_file = '/run/a'\n")
              .starts_with("P/package.toml:7: in '{{ node.root': "));
    CHECK(project.error_of("[services.a]\nstart = ['a']\npid_file = '{{ file }}'\n")
              .starts_with("P/package.toml:7: in '{{ file }}': 'file' is no variable"));
    CHECK(project.error_of("[services.a]\nstart = ['a']\npid_file = '/run/a'\nreload = ['{{ x }}']\n")
              .starts_with("P/package.toml:8: in '{{ x }}': 'x' is no variable"));
    CHECK(project.error_of("[health]\na = { http = 'http://{{ adress }}/' }\n")
              .starts_with("P/package.toml:6: in 'http://{{ adress }}/': 'adress' is no variable"));
    CHECK(project.error_of("[drain]\nmarker = '{{ root }}/x'\n")
              .starts_with("P/package.toml:6: in '{{ root }}/x': 'root' is no variable"));
    CHECK(project.error_of("[[commands]]\nname = 'a'\nrun = ['{{ x }}']\n")
              .starts_with("P/package.toml:7: in '{{ x }}': 'x' is no variable"));
    CHECK(
        project.error_of("[[templates]]\nsource = 'a'\nto = '/etc/a'\nvalidate = [['a', '{{ flie }}']]\n") ==
        "P/package.toml:8: in '{{ flie }}': 'flie' is no variable; did you mean 'file'?");
}

TEST_CASE("an application package carries its model and its workflows as text") {
    const Project project;
    project.write("app.lua", "application \"shop\" {}\n");
    project.write("workflows/rolling.lua", "return workflow {}\n");
    project.write("workflows/emergency.lua", "-- not evaluated: this is no Lua\n");
    const auto about = about_in(build_all(
        project, application_head + "[application]\nmodel = 'app.lua'\nworkflows = ['workflows/*.lua']\n"));
    CHECK(about.model == "application \"shop\" {}\n");
    REQUIRE(about.workflows.size() == 2);
    CHECK(about.workflows.at("rolling") == "return workflow {}\n");
    CHECK(about.workflows.at("emergency") == "-- not evaluated: this is no Lua\n");

    CHECK(error_of_all(project, application_head + "[application]\nmodel = 'none.lua'\n")
              .starts_with("P/package.toml:5: "));
    CHECK(error_of_all(project,
                       application_head + "[application]\nmodel = 'app.lua'\nworkflows = ['*.luac']\n") ==
          "P/package.toml:5: workflow '*.luac' matches nothing");
    CHECK(error_of_all(project, application_head +
                                    "[application]\nmodel = 'app.lua'\nworkflows = ['workflows/*.lua', "
                                    "'workflows/rolling.lua']\n") ==
          "P/package.toml:5: workflow 'rolling' stands twice in 'workflows'");
}

TEST_CASE("a meta package is built, and brings other packages only") {
    const Project project;
    const auto built =
        build_all(project, "name = 'shop-all'\nkind = 'meta'\nsummary = 'x'\nlicense = 'x'\nrequires = "
                           "['shop-app', 'shop-web']\n");
    const auto facts = rpm::read_package(built.path, trust_in(ed25519_key()));
    CHECK(facts.files.size() == 1);
    CHECK(about_in(built).kind == "meta");
}

TEST_CASE("what cannot be built leaves nothing behind") {
    const Project project;
    project.write("dist/a", "x");
    auto options = project.options();
    const auto recipe = project.recipe("[[files]]\nfrom = 'dist/'\nto = '/opt/app/'\n");
    const auto error = [&] {
        try {
            builder::build(recipe, options);
        } catch (const base::Error& caught) {
            return std::pair{caught.fault(), caught.message()};
        }
        return std::pair{base::Fault::Internal, std::string("no error")};
    };
    options.level = 23;
    CHECK(error() ==
          std::pair{base::Fault::Input, std::string("compression level 23 is not between 1 and 22")});
    options.level = 3;
    options.source_date_epoch = -5;
    CHECK(error() ==
          std::pair{base::Fault::Input, std::string("the source date -5 is not in unix seconds of 32 bits")});
    options.source_date_epoch = source_date;
    options.version = "1.0 beta";
    CHECK(error().first == base::Fault::Input);
    CHECK_FALSE(fs::exists(options.out));
    options.version = "1.0";
    project.write("out-is-a-file", "");
    options.out = project.packages() / "out-is-a-file";
    CHECK(error().first != base::Fault::Internal);
    options.out = project.path() / "out";
    if (::geteuid() != 0) {
        fs::permissions(project.packages() / "dist/a", fs::perms::none);
        CHECK(error().first == base::Fault::Unavailable);
        CHECK(fs::is_empty(options.out));
    }
}

TEST_CASE("the recipes of a project are found, and no two have one name") {
    const Project project;
    project.recipe("");
    fs::create_directories(project.path() / "packages/empty");
    fs::create_directories(project.path() / "packages/a");
    base::SystemFiles().write(project.path() / "packages/a/package.toml", config_head);
    const auto recipes = builder::find_recipes(project.path());
    REQUIRE(recipes.size() == 2);
    CHECK(recipes[0].name == "shop-web-config");
    CHECK(recipes[1].name == "shop-app");
    base::SystemFiles().write(project.path() / "packages/a/package.toml", head);
    try {
        builder::find_recipes(project.path());
        FAIL("two packages have one name");
    } catch (const base::Error& error) {
        CHECK(error.fault() == base::Fault::Input);
        CHECK(error.message() == (project.packages() / "package.toml").string() +
                                     ": package 'shop-app' is already the name of " +
                                     (project.path() / "packages/a/package.toml").string() +
                                     "; choose another one");
    }
}
