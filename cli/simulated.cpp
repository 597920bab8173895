// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// What `tiercel simulate` and `tiercel workflow test` are about: workflows and applications, by name or file.
#include "cli/simulated.hpp"

#include "base/error.hpp"
#include "base/files.hpp"
#include "base/process.hpp"
#include "cli/project.hpp"
#include "workflows/engine/native_rollback.hpp"
#include "workflows/engine/script_kind.hpp"

#include <algorithm>

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
    return {file.stem().string(), source, workflows::engine::kind_of_script(source)};
}

workflows::engine::Application find_application(const std::string& name_or_path, const fs::path& directory) {
    const base::SystemFiles files;
    fs::path file = name_or_path;
    if (fs::is_directory(file)) {
        file /= "app.lua";
    } else if (!fs::exists(file) && !name_or_path.ends_with(".lua")) {
        file = Project::find(directory).directory / "packages" / name_or_path / "app.lua";
    }
    return workflows::engine::Application::evaluate(files.read(file, source_limit_bytes), file.string());
}

} // namespace cli
