// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "workflows/engine/application.hpp"
#include "workflows/simulator/fleet.hpp"
#include "workflows/simulator/scenario.hpp"

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

namespace cli {

/// The names of the stock workflows in alphabetical order, the way back among them.
std::vector<std::string> stock_workflows();

/// A stock workflow by name (without a text for the way back, which is native), or a file NAME.lua. @throws
/// base::Error{NotFound} with the names there are.
workflows::simulator::Workflow find_workflow(const std::string& name_or_file,
                                             const std::filesystem::path& directory);

/// The application of an app.lua: the file itself, a directory that holds one, or an application of the
/// project in or above `directory`. @throws base::Error{NotFound | Input}
workflows::engine::Application find_application(const std::string& name_or_path,
                                                const std::filesystem::path& directory);

/// It, simulated on so many nodes: with the commands of its packages when their recipes lie beside it in the
/// project
/// (`packages/PACKAGE/package.toml`).
workflows::simulator::Fleet find_fleet(const std::string& name_or_path,
                                       const std::filesystem::path& directory, std::size_t nodes);

} // namespace cli
