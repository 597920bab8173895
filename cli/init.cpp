// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// `tiercel init`: a new project.
#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/files.hpp"
#include "base/json.hpp"
#include "base/key.hpp"
#include "base/name.hpp"
#include "base/process.hpp"
#include "cli/nouns.hpp"
#include "rpm/signing_key.hpp"

#include <fmt/format.h>

#include <iostream>

namespace cli {

namespace {

namespace fs = std::filesystem;

/// The smallest project that deploys something: one component, one package with one config file.
void write_skeleton(const fs::path& directory, const std::string& name) {
    base::SystemFiles files;
    const auto write = [&](const fs::path& file, const std::string& text) {
        files.make_directories((directory / file).parent_path());
        files.write(directory / file, text);
    };
    write("tiercel.toml",
          fmt::format(
              "project = \"{}\"\n\n[keys]\npackage = \"keys/package.key\"\nrelease = \"keys/release.key\"\n\n"
              "[repository]\npath = \"repository\"\n",
              name));
    write(".gitignore", "/keys/\n/repository/\n/dist/\n");
    write(fs::path("packages") / name / "package.toml",
          fmt::format("name    = \"{0}\"\nkind    = \"application\"\nsummary = \"What {0} is made "
                      "of\"\nlicense = \"Apache-2.0\"\narch    = \"noarch\"\n\n"
                      "[application]\nmodel = \"app.lua\"\n",
                      name));
    write(fs::path("packages") / name / "app.lua",
          fmt::format(
              "application \"{0}\" {{\n  component \"main\" {{ packages = {{ \"{0}-config\" }} }},\n}}\n",
              name));
    write(fs::path("packages") / (name + "-config") / "package.toml",
          fmt::format("name    = \"{0}-config\"\nkind    = \"config\"\nsummary = \"Configuration of "
                      "{0}\"\nlicense = \"Apache-2.0\"\narch    = \"noarch\"\n\n"
                      "[settings]\ngreeting = {{ type = \"string\", default = \"hello\" }}\n\n"
                      "[[templates]]\nsource = \"{0}.conf\"\nto     = \"/etc/{0}/{0}.conf\"\n",
                      name));
    write(fs::path("packages") / (name + "-config") / (name + ".conf"),
          "# {{ component }} on {{ node.name }}\ngreeting = {{ settings.greeting }}\n");
    write("environments/test.toml",
          fmt::format("environment = \"test\"\nchannel     = \"stable\"\n\n[[nodes]]\nname       = "
                      "\"main-1\"\ncomponents = [\"{0}/main\"]\n"
                      "addresses  = {{ service = \"127.0.0.1\" }}\n",
                      name));
}

void copy_example(const fs::path& directory, const std::string& example) {
    const fs::path source =
        base::own_program().parent_path().parent_path() / "share" / "tiercel" / "examples" / example;
    if (example.find('/') != std::string::npos || !fs::is_directory(source)) {
        throw base::Error(base::Fault::NotFound, "there is no example '{}'; write --example shop", example);
    }
    fs::copy(source, directory, fs::copy_options::recursive);
}

void make_keys(const fs::path& directory, const std::string& name) {
    base::SystemFiles files;
    files.make_directories(directory / "keys", 0700);
    const auto now =
        std::chrono::duration_cast<std::chrono::seconds>(base::SystemClock().now().time_since_epoch());
    const auto package_key = rpm::SigningKey::generate(
        base::KeyKind::Rsa3072, static_cast<std::uint32_t>(now.count()), name + " packages");
    files.write(directory / "keys" / "package.key", package_key.file_text(), 0600);
    files.write(directory / "keys" / "release.key", base::PrivateKey::generate(base::KeyKind::Ed25519).pem(),
                0600);
}

int init(const Arguments& arguments) {
    const fs::path directory = arguments.text("DIR");
    if (fs::exists(directory) && !fs::is_empty(directory)) {
        throw base::Error(base::Fault::Conflict, "'{}' is not empty; choose a new directory",
                          directory.string());
    }
    std::string name = fs::absolute(directory).lexically_normal().filename().string();
    name = name.empty() ? fs::absolute(directory).lexically_normal().parent_path().filename().string() : name;
    const auto example = arguments.maybe("--example");
    const base::PackageName checked(example.value_or(name));
    fs::create_directories(directory);
    if (example) {
        copy_example(directory, *example);
    } else {
        write_skeleton(directory, checked.str());
    }
    make_keys(directory, checked.str());
    if (arguments.json) {
        std::cout << base::to_json(
                         base::Object{{"project", checked.str()}, {"directory", directory.string()}})
                  << "\n";
    } else if (!arguments.quiet) {
        std::cout << "project " << checked.str() << " is in " << directory.string()
                  << "; its keys are in keys/: keep release.key offline\n"
                  << "next: cd " << directory.string()
                  << " && tiercel repo init && tiercel build --version 1.0 --out dist && "
                  << "tiercel repo add --channel dev dist/*.rpm\n";
    }
    return 0;
}

} // namespace

std::vector<Verb> init_verbs() {
    return {{"",
             "init",
             "A new project: recipes, application, environment, keys",
             "tiercel init shop --example shop",
             {{"DIR", "directory to make", Option::Kind::Positional, true},
              {"--example", "start from this example", Option::Kind::Text, false}},
             init}};
}

} // namespace cli
