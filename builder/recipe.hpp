// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/value.hpp"
#include "rpm/about.hpp"
#include "rpm/package.hpp"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace builder {

/// One `[[files]]` entry of package.toml.
struct FilesEntry {
    enum class Kind {
        From,      ///< a tree (`from` ends in '/': its content), a file or a glob, relative to the recipe
        Directory, ///< an empty directory `to`
        Symlink,   ///< a link `to` that says `target`
        Ghost,     ///< a file `to` that the package owns but does not bring
    };
    Kind kind = Kind::From;
    std::string from;
    std::string to; ///< ends in '/': into it
    std::string target;
    std::optional<std::uint32_t> file_mode; ///< absent: as in the source
    std::optional<std::uint32_t> dir_mode;
    std::string owner = "root";
    std::string group = "root";
    std::vector<std::string>
        exclude;             ///< with a '/': against the path below `from`; without: against any name
    std::uint32_t flags = 0; ///< of rpm::FileFlag
    int line = 0;
};

/// A package.toml, checked as far as it can be without looking at the files that it names.
struct Recipe {
    std::filesystem::path file;
    std::string name;
    std::string kind; ///< app, config, application, meta
    std::string summary, description, license, url, vendor;
    std::string arch = "noarch";
    std::string release = "1";
    std::uint32_t epoch = 0;
    std::vector<rpm::Dependency> requires_, provides, conflicts, obsoletes, recommends, suggests;
    std::vector<FilesEntry> files;
    rpm::About about; ///< `templates[].source` as written: relative to the recipe
    std::vector<int> template_lines;
    std::string model;                  ///< kind application: path of app.lua, relative to the recipe
    std::vector<std::string> workflows; ///< kind application: globs, relative to the recipe
    int application_line = 0;

    std::filesystem::path directory() const { return file.parent_path(); }
    /// `packages/shop-app/package.toml:12`
    std::string place(int line) const;
};

/// @throws base::Error{Fault::Input} `packages/shop-app/package.toml:3: unknown key 'sumary'; did you mean
/// 'summary'?` and the like.
Recipe parse_recipe(std::string_view text, const std::filesystem::path& file);
/// @throws also base::Error{Fault::NotFound}
Recipe read_recipe(const std::filesystem::path& file);

/// The recipes of a project, `packages/*/package.toml`, sorted by path. @throws base::Error{Fault::Input}
/// when two have one name.
std::vector<Recipe> find_recipes(const std::filesystem::path& project);

} // namespace builder
