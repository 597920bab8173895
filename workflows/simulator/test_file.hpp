// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "workflows/engine/application.hpp"
#include "workflows/simulator/sweep.hpp"

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace workflows::simulator {

/// What a test file names: its caller reads files.
struct TestSurroundings {
    std::function<Workflow(const std::string& name_or_file)> workflow;
    std::function<engine::Application(const std::string& path)> application;
};

struct TestResult {
    std::string name; ///< the test's sentence, or the file when it has no `test`
    bool passed = false;
    std::string message; ///< of a failed one: `file:line: what was expected and what was`
};

/// Runs a *_test.lua in the sandbox. Its words (docs/simulator.md): `simulate { … }`, `expect.…(…)` about the
/// simulation before it, `test("sentence", function() … end)`; without a `test` the file is one. A test ends
/// at the first expectation that does not hold; the next one runs all the same.
std::vector<TestResult> run_test_file(std::string_view source, const std::string& file,
                                      const TestSurroundings& surroundings);

} // namespace workflows::simulator
