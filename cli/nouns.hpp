// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "cli/command_line.hpp"

#include <vector>

namespace cli {

// One function for each noun, in the file of its name.
std::vector<Verb> init_verbs();
std::vector<Verb> build_verbs();
std::vector<Verb> key_verbs();
std::vector<Verb> repo_verbs();
std::vector<Verb> release_verbs();
std::vector<Verb> app_verbs();
std::vector<Verb> env_verbs();
std::vector<Verb> plan_verbs();
std::vector<Verb> deploy_verbs(); ///< deploy and rollback
std::vector<Verb> run_verbs();
std::vector<Verb> node_verbs();
std::vector<Verb> token_verbs();
std::vector<Verb> serve_verbs();
std::vector<Verb> simulate_verbs();
std::vector<Verb> workflow_verbs();
std::vector<Verb> workflow_test_verbs(); ///< `workflow test`, apart from the other verbs of the noun

} // namespace cli
