// Copyright the Tiercel authors
// SPDX-License-Identifier: Apache-2.0
// test_sweep LIBRARY SEEDS [SHARD SHARDS]: so many seeds over all workflows of a directory, small fleets, all
// laws. Exit code 1 when one breaks, or when some outcome never came: such a sweep has not been anywhere.
#include "tests/fakes/stock_workflows.hpp"

#include <chrono>
#include <cstdlib>
#include <iostream>

int main(int argc, char** argv) {
    using namespace workflows::simulator;
    if (argc != 3 && argc != 5) {
        std::cerr << "usage: test_sweep LIBRARY SEEDS [SHARD SHARDS]\n";
        return 2;
    }
    const std::vector<Workflow> workflows = tests::workflows_of(argv[1]);
    const std::uint64_t shard = argc == 5 ? std::strtoull(argv[3], nullptr, 10) : 1;
    const std::uint64_t shards = argc == 5 ? std::strtoull(argv[4], nullptr, 10) : 1;
    const auto began = std::chrono::steady_clock::now();
    const Swept swept = sweep([&](std::uint64_t seed) { return any_scenario(workflows, seed); }, shard,
                              std::strtoull(argv[2], nullptr, 10) / shards, shards);
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
    std::cout << swept.seeds << " seeds, " << static_cast<double>(swept.seeds) / seconds << " a second, "
              << swept.events << " events\n";
    for (const auto& [workflow, seeds] : swept.workflows) {
        std::cout << "  workflow " << workflow << ": " << seeds << "\n";
    }
    bool good = swept.broken.empty() && !workflows.empty();
    for (const Swept::Broken& broken : swept.broken) {
        std::cout << "TIERCEL_SEED=" << broken.seed << " workflow " << broken.workflow << ": " << broken.law
                  << "\n";
    }
    for (const char* outcome : {"succeeded", "succeeded_with_left_out", "stopped", "rolled_back",
                                "rollback_failed", "cancelled", "refused", "needs_person"}) {
        const auto found = swept.outcomes.find(outcome);
        std::cout << "  " << outcome << ": " << (found == swept.outcomes.end() ? 0 : found->second) << "\n";
        good = good && found != swept.outcomes.end();
    }
    return good ? 0 : 1;
}
