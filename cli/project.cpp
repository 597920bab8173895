// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#include "cli/project.hpp"

#include "base/error.hpp"
#include "base/fields.hpp"
#include "base/files.hpp"
#include "base/toml.hpp"

namespace cli {

namespace fs = std::filesystem;

namespace {

fs::path holder_of_project(const fs::path& directory) {
    if (!directory.empty()) {
        if (fs::exists(directory / "tiercel.toml")) {
            return fs::absolute(directory);
        }
        throw base::Error(base::Fault::NotFound,
                          "'{}' has no tiercel.toml; make a project with 'tiercel init {}'",
                          directory.string(), directory.string());
    }
    for (fs::path at = fs::current_path();; at = at.parent_path()) {
        if (fs::exists(at / "tiercel.toml")) {
            return at;
        }
        if (at == at.root_path()) {
            break;
        }
    }
    throw base::Error(base::Fault::NotFound, std::string("no tiercel.toml here or above; make a project with "
                                                         "'tiercel init DIR', or select one with -C DIR"));
}

} // namespace

Project Project::find(const fs::path& directory) {
    Project project;
    project.directory = holder_of_project(directory);
    const fs::path file = project.directory / "tiercel.toml";
    const base::Value document = base::parse_toml(base::SystemFiles().read(file), file.string());
    const base::Fields fields(document, file.string());
    project.name = fields.text("project");
    const auto below = [&](const base::Fields& from, std::string_view key, std::string absent) {
        return project.directory / from.text(key, std::move(absent));
    };
    const base::Value nothing = base::Object{};
    const base::Fields empty(nothing, file.string());
    const base::Fields keys = fields.record("keys").value_or(empty);
    project.package_key = below(keys, "package", "keys/package.key");
    project.release_key = below(keys, "release", "keys/release.key");
    keys.finish();
    const base::Fields repository = fields.record("repository").value_or(empty);
    project.repository = below(repository, "path", "repository");
    repository.finish();
    fields.finish();
    return project;
}

} // namespace cli
