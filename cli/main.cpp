// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// `tiercel`: the command of people and CI. A table of contents of its nouns.
#include "cli/nouns.hpp"

#include <csignal>

int main(int argc, char** argv) {
    // A reader that goes away (`tiercel run list | head`) must not look like a crash of ours.
    std::signal(SIGPIPE, SIG_IGN);
    std::vector<cli::Verb> verbs;
    for (auto noun : {cli::init_verbs, cli::build_verbs, cli::key_verbs, cli::repo_verbs, cli::release_verbs,
                      cli::app_verbs, cli::env_verbs, cli::plan_verbs, cli::deploy_verbs, cli::run_verbs,
                      cli::node_verbs, cli::token_verbs, cli::serve_verbs, cli::simulate_verbs,
                      cli::workflow_verbs, cli::workflow_test_verbs}) {
        for (cli::Verb& verb : noun()) {
            verbs.push_back(std::move(verb));
        }
    }
    return cli::run_command_line(argc, argv, verbs);
}
