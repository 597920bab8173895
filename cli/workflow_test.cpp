// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// `tiercel workflow test`: *_test.lua beside workflows, against the simulator.
#include "base/error.hpp"
#include "base/files.hpp"
#include "base/json.hpp"
#include "cli/nouns.hpp"
#include "cli/simulated.hpp"
#include "cli/terminal.hpp"
#include "workflows/simulator/test_file.hpp"

#include <algorithm>
#include <iostream>

namespace cli {

namespace {

namespace fs = std::filesystem;
namespace simulator = workflows::simulator;

constexpr int a_test_failed = 3;
constexpr std::size_t source_limit_bytes = 1u << 20;

void collect(const fs::path& directory, std::vector<fs::path>& found) {
    for (const fs::directory_entry& entry : fs::recursive_directory_iterator(directory)) {
        std::error_code unreadable; // is told when it is read
        if (!entry.is_directory(unreadable) && entry.path().filename().string().ends_with("_test.lua")) {
            found.push_back(entry.path());
        }
    }
}

std::vector<fs::path> test_files(const std::vector<std::string>& named) {
    std::vector<fs::path> found;
    for (const std::string& name : named) {
        std::error_code unreadable;
        if (fs::is_directory(name, unreadable)) {
            const std::size_t before = found.size();
            collect(name, found);
            if (found.size() == before) {
                throw base::Error(base::Fault::NotFound,
                                  "no test is below '{}'; write one such as rolling_test.lua", name);
            }
        } else {
            found.emplace_back(name);
        }
    }
    std::sort(found.begin(), found.end());
    found.erase(std::unique(found.begin(), found.end()), found.end());
    return found;
}

/// What a test names lies beside it, or below the directory that the command is given in; a workflow may also
/// be a stock one.
simulator::TestSurroundings surroundings_of(const fs::path& test) {
    const auto beside = [directory = test.parent_path()](const std::string& path) {
        const fs::path there = directory / path;
        return fs::exists(there) ? there.string() : path;
    };
    return {[beside](const std::string& name) {
                const std::string file = name.ends_with(".lua") ? name : name + ".lua";
                const std::string own = beside(file);
                return find_workflow(fs::exists(own) ? own : name, {});
            },
            [beside](const std::string& path) {
                return find_application(beside(path), {});
            }};
}

int test(const Arguments& arguments) {
    std::size_t passed = 0;
    std::size_t failed = 0;
    base::Array list;
    for (const fs::path& file : test_files(arguments.texts("PATH"))) {
        const std::string source = base::SystemFiles().read(file, source_limit_bytes);
        for (const simulator::TestResult& result :
             simulator::run_test_file(source, file.string(), surroundings_of(file))) {
            ++(result.passed ? passed : failed);
            if (arguments.json) {
                list.push_back(base::Object{{"file", file.string()},
                                            {"name", result.name},
                                            {"passed", result.passed},
                                            {"message", result.message}});
                continue;
            }
            if (!result.passed || !arguments.quiet) {
                std::cout << (result.passed ? paint(Color::Green, "ok    ") : paint(Color::Red, "failed"))
                          << "  " << printable(result.name) << "\n";
            }
            if (!result.passed) {
                std::cout << "        " << printable(result.message) << "\n";
            }
        }
    }
    if (arguments.json) {
        std::cout << base::to_json(base::Object{{"passed", static_cast<std::int64_t>(passed)},
                                                {"failed", static_cast<std::int64_t>(failed)},
                                                {"tests", std::move(list)}})
                  << "\n";
    } else {
        std::cout << count(passed + failed, "test") << ", " << failed << " failed\n";
    }
    return failed == 0 ? 0 : a_test_failed;
}

} // namespace

std::vector<Verb> workflow_test_verbs() {
    return {
        {"workflow",
         "test",
         "Run *_test.lua files against the simulator",
         "tiercel workflow test packages/shop/workflows",
         {{"PATH", "a test file, or a directory to search for *_test.lua", Option::Kind::Positionals, true}},
         test}};
}

} // namespace cli
