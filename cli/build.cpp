// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// `tiercel build`: recipes → signed RPMs.
#include "builder/build.hpp"

#include "base/error.hpp"
#include "base/fields.hpp"
#include "base/json.hpp"
#include "cli/nouns.hpp"
#include "cli/project.hpp"
#include "cli/terminal.hpp"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <iostream>

namespace cli {

namespace {

namespace fs = std::filesystem;

std::int64_t whole(const std::string& text, std::string_view name, std::int64_t low, std::int64_t high) {
    std::int64_t number = 0;
    const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (problem != std::errc() || end != text.data() + text.size() || number < low || number > high) {
        throw base::Error(base::Fault::Input, "{} is '{}', but must be a whole number from {} to {}", name,
                          text, low, high);
    }
    return number;
}

/// The recipes that were asked for, by name; all when none was.
std::vector<builder::Recipe> chosen(const fs::path& project, const std::vector<std::string>& names) {
    std::vector<builder::Recipe> recipes = builder::find_recipes(project);
    if (names.empty()) {
        if (recipes.empty()) {
            throw base::Error(base::Fault::NotFound,
                              "'{}' has no packages/*/package.toml; write one, docs/formats.md shows how",
                              project.string());
        }
        return recipes;
    }
    std::vector<std::string> known;
    for (const builder::Recipe& recipe : recipes) {
        known.push_back(recipe.name);
    }
    std::vector<builder::Recipe> wanted;
    for (const std::string& name : names) {
        const auto found = std::ranges::find(recipes, name, &builder::Recipe::name);
        if (found == recipes.end()) {
            const auto near = base::nearest(name, known);
            throw base::Error(base::Fault::Input, "no recipe in '{}' makes package '{}'{}",
                              (project / "packages").string(), name,
                              near ? "; did you mean '" + *near + "'?"
                                   : fmt::format("; there are: {}", fmt::join(known, ", ")));
        }
        wanted.push_back(*found);
    }
    return wanted;
}

int build(const Arguments& arguments) {
    const Project project = Project::find(arguments.directory);
    builder::BuildOptions options;
    options.version = arguments.maybe("--version");
    options.out = arguments.maybe("--out").value_or((project.directory / "dist").string());
    options.level = static_cast<int>(whole(arguments.maybe("--level").value_or("3"), "--level", 1, 22));
    options.threads =
        static_cast<unsigned>(whole(arguments.maybe("--threads").value_or("0"), "--threads", 0, 1024));
    if (!arguments.flag("--no-cache")) {
        options.cache = project.directory / ".cache" / "frames";
    }
    if (const char* epoch = std::getenv("SOURCE_DATE_EPOCH"); epoch != nullptr && *epoch != '\0') {
        options.source_date_epoch = whole(epoch, "SOURCE_DATE_EPOCH", 0, 0xFFFFFFFF);
    }
    std::optional<rpm::SigningKey> key;
    if (!arguments.flag("--no-sign")) {
        const auto file = arguments.maybe("--key");
        key = rpm::SigningKey::load(file ? fs::path(*file) : project.package_key);
        options.key = &*key;
    }
    base::Array packages;
    for (const builder::Recipe& recipe : chosen(project.directory, arguments.texts("PACKAGE"))) {
        const builder::BuiltPackage built = builder::build(recipe, options);
        for (const std::string& note : built.notes) {
            if (!arguments.quiet && !arguments.json) {
                std::cerr << paint(Color::Yellow, "note: ", 2) << printable(note) << "\n";
            }
        }
        if (arguments.json) {
            packages.push_back(base::Object{{"nevra", built.nevra.str()},
                                            {"path", built.path.string()},
                                            {"sha256", built.digest.str()},
                                            {"bytes", built.bytes},
                                            {"notes", built.notes}});
        } else {
            std::cout << built.path.string() << std::endl;
        }
    }
    if (arguments.json) {
        std::cout << base::to_json(base::Object{{"packages", std::move(packages)}}) << "\n";
    }
    return 0;
}

} // namespace

std::vector<Verb> build_verbs() {
    return {
        {"",
         "build",
         "Recipes (packages/*/package.toml) into signed RPMs; prints their paths",
         "tiercel build shop-app --version 2.0 --out dist",
         {{"PACKAGE", "names of packages; all of the project when absent", Option::Kind::Positionals, false},
          {"--version", "their version; from 'git describe' when absent", Option::Kind::Text, false},
          {"--out", "directory for the packages; dist in the project when absent", Option::Kind::Text, false},
          {"--level", "of zstd, 1 to 22; 3 when absent", Option::Kind::Text, false},
          {"--threads", "how many; one for each core when absent", Option::Kind::Text, false},
          {"--key", "package key; the project's when absent", Option::Kind::Text, false},
          {"--no-sign", "leave the packages unsigned: no repository of ours takes them", Option::Kind::Flag,
           false},
          {"--no-cache", "compress everything anew", Option::Kind::Flag, false}},
         build}};
}

} // namespace cli
