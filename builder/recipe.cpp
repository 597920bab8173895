// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "builder/recipe.hpp"

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/name.hpp"
#include "base/toml.hpp"
#include "builder/packaged_path.hpp"
#include "builder/text_check.hpp"

#include <algorithm>
#include <map>

namespace builder {
namespace {

const std::vector<std::string> kinds{"app", "config", "application", "meta"};
const std::vector<std::string> arches{"noarch",  "x86_64",  "aarch64", "i686",
                                      "armv7hl", "ppc64le", "riscv64", "s390x"};

std::string one_line(const base::Fields& fields, std::string_view key) {
    std::string text = fields.text(key);
    if (text.empty() || text.find_first_of("\r\n") != std::string::npos) {
        fields.fail(key, fmt::format("'{}' must be one line of text", key));
    }
    return text;
}

std::string read_name(const base::Fields& fields) {
    try {
        return base::PackageName(fields.text("name")).str();
    } catch (const base::Error& error) {
        // A name that is no text at all already says where.
        if (const base::Value* value = fields.any("name"); value == nullptr || value->text() == nullptr) {
            throw;
        }
        fields.fail("name", error.message());
    }
}

std::string read_release(const base::Fields& fields) {
    std::string release = fields.text("release", "1");
    const auto fits = [](char c) {
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
               std::string_view("._+~^").find(c) != std::string_view::npos;
    };
    if (release.empty() || !std::all_of(release.begin(), release.end(), fits)) {
        fields.fail("release", fmt::format("'{}' is no release; use letters, digits and . _ + ~ ^", release));
    }
    return release;
}

std::vector<rpm::Dependency> read_dependencies(const base::Fields& fields, std::string_view key) {
    std::vector<rpm::Dependency> dependencies;
    for (const std::string& text : fields.texts(key)) {
        try {
            dependencies.push_back(rpm::Dependency::parse(text));
        } catch (const base::Error& error) {
            fields.fail(key, error.message());
        }
    }
    return dependencies;
}

std::uint32_t read_flags(const base::Fields& fields) {
    std::uint32_t flags = 0;
    for (const auto& [key, flag] :
         {std::pair{"config", std::uint32_t{rpm::Config}},
          std::pair{"noreplace", rpm::Config | rpm::NoReplace},
          std::pair{"missingok", rpm::Config | rpm::MissingOk}, std::pair{"doc", std::uint32_t{rpm::Doc}},
          std::pair{"license", std::uint32_t{rpm::License}}, std::pair{"readme", std::uint32_t{rpm::Readme}},
          std::pair{"ghost", std::uint32_t{rpm::Ghost}}}) {
        if (fields.flag(key, false)) {
            flags |= flag;
        }
    }
    return flags;
}

FilesEntry::Kind kind_of(const base::Fields& fields, std::uint32_t flags) {
    std::vector<std::string_view> given;
    for (const std::string_view key : {"from", "directory", "symlink"}) {
        if (fields.has(key)) {
            given.push_back(key);
        }
    }
    if (given.empty() && (flags & rpm::Ghost) != 0) {
        return FilesEntry::Kind::Ghost;
    }
    if (given.size() != 1) {
        fields.fail("",
                    fmt::format("this entry has {} of from, directory and symlink, but must have exactly one",
                                given.empty() ? "none" : "several"));
    }
    return given[0] == "from"        ? FilesEntry::Kind::From
           : given[0] == "directory" ? FilesEntry::Kind::Directory
                                     : FilesEntry::Kind::Symlink;
}

std::string read_path(const base::Fields& fields, std::string_view key) {
    std::string path = fields.text(key);
    if (const auto objection = packaged_path_objection(path)) {
        fields.fail(key, fmt::format("'{}' {}", path, *objection));
    }
    return path;
}

void read_source(const base::Fields& fields, FilesEntry& entry) {
    entry.from = fields.text("from");
    if (entry.from.empty() || entry.from.front() == '/') {
        fields.fail("from", fmt::format("'{}' is not relative to the recipe", entry.from));
    }
    entry.exclude = fields.texts("exclude");
}

FilesEntry read_entry(const base::Fields& fields) {
    FilesEntry entry;
    entry.line = fields.line();
    entry.flags = read_flags(fields);
    entry.kind = kind_of(fields, entry.flags);
    entry.dir_mode = rpm::read_mode(fields, "dir_mode");
    entry.file_mode = rpm::read_mode(fields, "file_mode");
    entry.owner = fields.text("owner", entry.owner);
    entry.group = fields.text("group", entry.group);
    switch (entry.kind) {
    case FilesEntry::Kind::From:
        entry.to = read_path(fields, "to");
        read_source(fields, entry);
        break;
    case FilesEntry::Kind::Directory:
        entry.to = read_path(fields, "directory");
        break;
    case FilesEntry::Kind::Symlink:
        entry.to = read_path(fields, "symlink");
        entry.target = fields.text("target");
        if (entry.target.empty()) {
            fields.fail("target", "'target' is empty");
        }
        break;
    case FilesEntry::Kind::Ghost:
        entry.to = read_path(fields, "to");
        break;
    }
    if (entry.kind != FilesEntry::Kind::From && entry.kind != FilesEntry::Kind::Directory &&
        entry.to.ends_with('/')) {
        fields.fail("", fmt::format("'{}' is a directory's path, but this entry is a file", entry.to));
    }
    fields.finish();
    return entry;
}

void read_application(const base::Fields& fields, Recipe& recipe) {
    const auto record = fields.record("application");
    if (record && recipe.kind != "application") {
        fields.fail("application",
                    fmt::format("'application' is for packages of kind application, not {}", recipe.kind));
    }
    if (!record) {
        if (recipe.kind == "application") {
            fields.fail("kind", "a package of kind application must have [application] with its model");
        }
        return;
    }
    recipe.model = record->text("model");
    recipe.workflows = record->texts("workflows");
    recipe.application_line = record->line();
    record->finish();
}

void refuse_what_kind_has_not(const base::Fields& fields, const Recipe& recipe) {
    const bool runs = recipe.kind == "app" || recipe.kind == "config";
    for (const std::string_view key :
         {"settings", "services", "health", "drain", "commands", "hooks", "templates"}) {
        if (fields.has(key) && !runs) {
            fields.fail(key,
                        fmt::format("'{}' is for packages of kind app or config, not {}", key, recipe.kind));
        }
    }
    if (fields.has("files") && recipe.kind == "meta") {
        fields.fail("files", "'files' is not for packages of kind meta: they bring other packages only");
    }
}

const std::vector<std::string> top_keys{"name",        "kind",     "summary",   "license",   "arch",
                                        "description", "url",      "vendor",    "epoch",     "release",
                                        "requires",    "provides", "conflicts", "obsoletes", "recommends",
                                        "suggests",    "files",    "settings",  "services",  "health",
                                        "drain",       "commands", "hooks",     "templates", "application"};

} // namespace

std::string Recipe::place(int line) const {
    return line == 0 ? file.string() : fmt::format("{}:{}", file.string(), line);
}

Recipe parse_recipe(std::string_view text, const std::filesystem::path& file) {
    const base::Value document = base::parse_toml(text, file.string());
    const base::Fields fields(document, file.string());
    // A slip in a key is told as such before its right spelling is missed.
    for (const std::string& key : top_keys) {
        fields.know(key);
    }
    fields.finish();

    Recipe recipe;
    recipe.file = file;
    recipe.name = read_name(fields);
    recipe.kind = base::one_of(fields, "kind", fields.text("kind"), kinds, "kind of package");
    recipe.summary = one_line(fields, "summary");
    recipe.license = one_line(fields, "license");
    recipe.description = fields.text("description", recipe.summary);
    recipe.url = fields.text("url", "");
    recipe.vendor = fields.text("vendor", "");
    recipe.arch = base::one_of(fields, "arch", fields.text("arch", recipe.arch), arches, "architecture");
    recipe.release = read_release(fields);
    recipe.epoch =
        static_cast<std::uint32_t>(fields.whole("epoch", 0, std::numeric_limits<std::int32_t>::max(), 0));
    recipe.requires_ = read_dependencies(fields, "requires");
    recipe.provides = read_dependencies(fields, "provides");
    recipe.conflicts = read_dependencies(fields, "conflicts");
    recipe.obsoletes = read_dependencies(fields, "obsoletes");
    recipe.recommends = read_dependencies(fields, "recommends");
    recipe.suggests = read_dependencies(fields, "suggests");
    refuse_what_kind_has_not(fields, recipe);
    for (const base::Fields& entry : fields.records("files")) {
        recipe.files.push_back(read_entry(entry));
    }
    recipe.about = rpm::About::shared_parts(fields);
    recipe.about.name = recipe.name;
    recipe.about.kind = recipe.kind;
    for (const base::Fields& part : fields.records("templates")) {
        recipe.template_lines.push_back(part.line());
    }
    read_application(fields, recipe);
    check_texts(document, file.string());
    return recipe;
}

Recipe read_recipe(const std::filesystem::path& file) {
    return parse_recipe(base::SystemFiles().read(file, 1u << 20), file);
}

std::vector<Recipe> find_recipes(const std::filesystem::path& project) {
    const base::SystemFiles files;
    std::vector<Recipe> recipes;
    std::map<std::string, std::filesystem::path> owners;
    for (const std::string& name : files.list(project / "packages")) {
        const auto file = project / "packages" / name / "package.toml";
        if (!files.exists(file)) {
            continue;
        }
        recipes.push_back(read_recipe(file));
        const auto [other, is_new] = owners.emplace(recipes.back().name, file);
        if (!is_new) {
            throw base::Error(base::Fault::Input,
                              "{}: package '{}' is already the name of {}; choose another one", file.string(),
                              recipes.back().name, other->second.string());
        }
    }
    return recipes;
}

} // namespace builder
