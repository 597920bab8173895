// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// What `tiercel simulate` and `tiercel workflow test` are about: workflows and applications, by name or file.
#include "cli/simulated.hpp"

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/process.hpp"
#include "builder/recipe.hpp"
#include "cli/project.hpp"
#include "workflows/engine/native_rollback.hpp"
#include "workflows/engine/script_kind.hpp"

#include <algorithm>
#include <fmt/ranges.h>

namespace cli {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t source_limit_bytes = 1u << 20;

fs::path stock_directory() {
    return base::own_program().parent_path().parent_path() / "share" / "tiercel" / "workflows";
}

} // namespace

std::vector<std::string> stock_workflows() {
    std::vector<std::string> names{std::string(workflows::engine::rollback_name)};
    for (const std::string& file : base::SystemFiles().list(stock_directory())) {
        if (file.ends_with(".lua")) {
            names.push_back(file.substr(0, file.size() - 4));
        }
    }
    std::sort(names.begin(), names.end());
    return names;
}

workflows::simulator::Workflow find_workflow(const std::string& name_or_file, const fs::path& directory) {
    const base::SystemFiles files;
    fs::path file = name_or_file;
    if (name_or_file.ends_with(".lua")) {
        file = files.exists(file) || directory.empty() ? file : directory / file;
    } else if (name_or_file == workflows::engine::rollback_name) {
        return {name_or_file, "", workflows::engine::RunKind::Rollback};
    } else {
        base::check_word(name_or_file, "workflow");
        file = stock_directory() / (name_or_file + ".lua");
        if (!files.exists(file)) {
            throw base::Error(
                base::Fault::NotFound,
                "workflow '{}' is not among the stock workflows; there are: {}; or write a file "
                "such as {}.lua",
                name_or_file, fmt::join(stock_workflows(), ", "), name_or_file);
        }
    }
    const std::string source = files.read(file, source_limit_bytes);
    // An empty text would be taken for none: the way back has none.
    if (source.empty()) {
        throw base::Error(base::Fault::Input, "{}: not a workflow; write return workflow {{ … }}",
                          name_or_file);
    }
    return {file.stem().string(), source, workflows::engine::kind_of_script(source)};
}

namespace {

fs::path application_file(const std::string& name_or_path, const fs::path& directory) {
    const base::SystemFiles files;
    const fs::path file = name_or_path;
    if (fs::is_directory(file)) {
        return file / "app.lua";
    }
    if (files.exists(file) || name_or_path.ends_with(".lua")) {
        return file;
    }
    base::check_word(name_or_path, "application");
    const fs::path packages = Project::find(directory).directory / "packages";
    fs::path found = packages / name_or_path / "app.lua";
    if (!files.exists(found)) {
        std::vector<std::string> known;
        for (const std::string& name : files.list(packages)) {
            if (files.exists(packages / name / "app.lua")) {
                known.push_back(name);
            }
        }
        throw base::Error(base::Fault::NotFound,
                          "application '{}' is not in this project, which has {}; or write a "
                          "file such as {}/app.lua",
                          name_or_path,
                          known.empty() ? "none" : fmt::format("'{}'", fmt::join(known, "', '")),
                          name_or_path);
    }
    return found;
}

} // namespace

workflows::engine::Application find_application(const std::string& name_or_path, const fs::path& directory) {
    const fs::path file = application_file(name_or_path, directory);
    return workflows::engine::Application::evaluate(base::SystemFiles().read(file, source_limit_bytes),
                                                    file.string());
}

workflows::simulator::Fleet find_fleet(const std::string& name_or_path, const fs::path& directory,
                                       std::size_t nodes) {
    const fs::path file = application_file(name_or_path, directory);
    const workflows::engine::Application application = find_application(file.string(), directory);
    workflows::simulator::Fleet fleet = workflows::simulator::Fleet::of(application, nodes);
    const fs::path packages = fs::absolute(file).parent_path().parent_path();
    for (const workflows::engine::Component& component : application.components) {
        for (const std::string& package : component.packages) {
            const fs::path recipe = packages / package / "package.toml";
            if (!base::SystemFiles().exists(recipe)) {
                continue;
            }
            auto& commands = fleet.commands[application.full_name(component)];
            for (const rpm::PackagedCommand& command : builder::read_recipe(recipe).about.commands) {
                commands.push_back({command.name, package, command.once, command.irreversible,
                                    command.repeatable, command.timeout});
            }
        }
    }
    return fleet;
}

} // namespace cli
